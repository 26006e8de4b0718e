// The port of a kernel, which folds rows of readings in its own memory, where the columns lie. The
// core knows no more of it than this.
import type { ColumnMemory } from './column-memory.ts';
import type { ReadingColumns } from './reading.ts';

/** Rows that a kernel scanned into its memory, until it scans others there. */
export interface ScannedRows {
  readonly count: number;
  readonly readings: ReadingColumns;
  /** False once the kernel has scanned others. */
  readonly isCurrent: boolean;
}

export interface RowKernel {
  readonly columns: ColumnMemory;
  /** By `place`, of which columns' are addresses. */
  readonly places: Uint32Array;
  /** By `number`. */
  readonly numbers: Float64Array;
  /**
   * By the state of a sensor's lifecycle: the next one, after a reading of one still warming, and
   * of one that is warm.
   */
  readonly afterRead: Uint8Array;
  readonly afterReadWarm: Uint8Array;
  /** The columns that its scans fill. */
  readonly readings: ReadingColumns;
  /**
   * Folds the rows it scanned last from `row` on, up to `rows` (exclusive), and returns the first
   * it left: one that is not plain, or whose offset is not below `until`. Reads and changes what
   * `places` and `numbers` say.
   */
  foldRows(row: number, rows: number): number;
}

// `npm run generate` writes these indices into assembly/host-layout.ts, for the kernel.

export const place = {
  entries: 0,
  entriesMask: 1,
  idStarts: 2,
  arena: 3,
  idCount: 4,
  lastSlot: 5,
  lifecycle: 6,
  quarantined: 7,
  baselines: 8,
  baselineBytes: 9,
  method: 10,
  panes: 11,
  paneBytes: 12,
  links: 13,
  heads: 14,
  fastestSlot: 15,
  hashKeyLow: 16,
  hashKeyHigh: 17,
  /** 0 where nobody asks for the presence of sensors. */
  presence: 18,
} as const;

export const number = {
  until: 0,
  windowMs: 1,
  maxAheadMs: 2,
  watermarkDelayMs: 3,
  watermarkMs: 4,
  maxEventTimeMs: 5,
  nextStopMs: 6,
  threshold: 7,
  warmReadings: 8,
  decay: 9,
  shortDecay: 10,
  calmReading: 11,
  leadMaxMs: 12,
  fastLeadMs: 13,
  fastRows: 14,
  fastestLeadMs: 15,
  longDecay: 16,
  stuckAfter: 17,
  silentLeastMs: 18,
  silentGapMs: 19,
} as const;
