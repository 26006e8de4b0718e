// The part of WebAssembly's interface that is used here: Node has it, and TypeScript declares it
// for browsers only.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: unknown;
    constructor(
      module: Module,
      imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    );
  }
  class Memory {
    readonly buffer: SharedArrayBuffer;
    constructor(pages: {
      readonly initial: number;
      readonly maximum: number;
      readonly shared: true;
    });
    /** @throws RangeError where there is no more, or the system gives none. */
    grow(pages: number): number;
  }
  interface Global {
    readonly value: number;
  }
}
