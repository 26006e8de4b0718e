// What the test of the compiled file imports from assembly.mjs, which is JavaScript because Node 20 runs it.
export declare const compiledPath: string;
export declare function compile(): Promise<Uint8Array>;
