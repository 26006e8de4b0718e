// Where a pane's columns lie, as the selected features need them:
//
//   | base accumulators 10 | window end | accumulators only opt-in features need … |
//
// The base columns are there whatever is selected, at fixed places, for the fused fold; opt-in
// features cost their columns only where they are selected.
import { InvariantError } from '../errors.ts';
import type { Accumulator } from './accumulator.ts';
import { baseAccumulators } from './base-accumulators.ts';

export interface PlacedAccumulator {
  readonly accumulator: Accumulator;
  /** Its first column in a pane. */
  readonly start: number;
}

export interface PaneLayout {
  /** Doubles a pane takes. */
  readonly stride: number;
  readonly base: readonly PlacedAccumulator[];
  /** Beyond the base, in the order the features name them. */
  readonly extras: readonly PlacedAccumulator[];
  /** The first column of each of both. */
  readonly starts: ReadonlyMap<Accumulator, number>;
}

/** Doubles every pane has: the base accumulators' and the window's end. */
export const paneBaseStride: number = strideOf(baseAccumulators) + 1;

/** Returns the layout of panes that hold what `features` need. */
export function paneLayout(
  features: readonly { readonly needs: readonly Accumulator[] }[],
): PaneLayout {
  const needed = new Set(features.flatMap(({ needs }) => needs));
  const further = [...needed].filter((accumulator) => !baseAccumulators.includes(accumulator));
  const base = placed(baseAccumulators, 0);
  const extras = placed(further, paneBaseStride);
  return {
    stride: paneBaseStride + strideOf(further),
    base,
    extras,
    starts: new Map([...base, ...extras].map(({ accumulator, start }) => [accumulator, start])),
  };
}

/** Returns the first column of `accumulator`. @throws InvariantError where the layout has none. */
export function startOf({ starts }: PaneLayout, accumulator: Accumulator): number {
  const start = starts.get(accumulator);
  if (start !== undefined) return start;
  throw new InvariantError(`a feature reads ${accumulator.name} but does not declare its need`);
}

/**
 * The first column of an extra accumulator that a pane does not know: the feature that needs it was
 * added while the window was open. No accumulator holds NaN there.
 */
export const unknown: number = NaN;

/** Returns whether the pane with `columns` does not know the extra accumulator at `start`. */
export function isUnknown(columns: Float64Array, start: number): boolean {
  // hot path
  const first = columns[start] as number;
  return first !== first;
}

function placed(accumulators: readonly Accumulator[], first: number): PlacedAccumulator[] {
  return accumulators.map((accumulator, index) => ({
    accumulator,
    start: first + strideOf(accumulators.slice(0, index)),
  }));
}

function strideOf(accumulators: readonly Accumulator[]): number {
  return accumulators.reduce((sum, { columns }) => sum + columns.length, 0);
}
