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
}

/** Doubles every pane has: the base accumulators' and the window's end. */
export const paneBaseStride: number = strideOf(baseAccumulators) + 1;

/** Returns the layout of panes that hold what `features` need. */
export function paneLayout(
  features: readonly { readonly needs: readonly Accumulator[] }[],
): PaneLayout {
  const needed = new Set(features.flatMap(({ needs }) => needs));
  const extras = [...needed].filter((accumulator) => !baseAccumulators.includes(accumulator));
  return {
    stride: paneBaseStride + strideOf(extras),
    base: placed(baseAccumulators, 0),
    extras: placed(extras, paneBaseStride),
  };
}

/** Returns the first column of `accumulator`. @throws InvariantError where the layout has none. */
export function startOf({ base, extras }: PaneLayout, accumulator: Accumulator): number {
  const found = [...base, ...extras].find((placed) => placed.accumulator === accumulator);
  if (found !== undefined) return found.start;
  throw new InvariantError(`a feature reads ${accumulator.name} but does not declare its need`);
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
