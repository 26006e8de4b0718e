// Types of comparison.mjs, for its test.
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface Compared {
  readonly older: Spread;
  readonly newer: Spread;
  readonly ratio: Spread;
}

export type Figures = Readonly<Record<string, number>>;

export declare function compareRounds(
  rounds: readonly { readonly older: Figures; readonly newer: Figures }[],
  figures: readonly string[],
): Readonly<Record<string, Compared>>;

export declare function verdict(
  name: string,
  compared: Compared,
  options: { readonly rounds: number; readonly better?: 'less' | 'more' },
): string;
