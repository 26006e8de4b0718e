// When a row counts as readable (ADR 19), and how the projection keeps to it: a row that comes
// before its time is held back until then, so that what is served at a moment is what a join by
// available_at gives for it.
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { Config } from '../config/config.ts';

/** Returns the ms from a window's end until its row counts as readable. */
export function readableAfterMs({ semantics, process }: Config): number {
  return semantics.watermarkDelayMs + process.servingDelayMs;
}

/** Rows to be written together, from `atMs` on; the newest of each sensor. */
export interface ReadablePart {
  readonly atMs: number;
  readonly rows: readonly FeatureRow[];
}

/**
 * Returns `rows`, which are in the order of the log, in parts by the time they become readable,
 * ascending. The first holds the newest row of each sensor that is readable at `nowMs`.
 */
export function readableParts(
  rows: readonly FeatureRow[],
  { nowMs, afterMs }: { readonly nowMs: number; readonly afterMs: number },
): readonly ReadablePart[] {
  const parts = new Map<number, Map<string, FeatureRow>>();
  for (const row of rows) {
    const atMs = Math.max(nowMs, row.window_end + afterMs);
    const part = parts.get(atMs) ?? new Map<string, FeatureRow>();
    parts.set(atMs, part);
    const known = part.get(row.sensor_id);
    if (known === undefined || known.window_end < row.window_end) part.set(row.sensor_id, row);
  }
  return [...parts]
    .sort(([a], [b]) => a - b)
    .map(([atMs, part]) => ({ atMs, rows: [...part.values()] }));
}
