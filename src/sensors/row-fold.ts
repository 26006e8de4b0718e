// Folds rows through a kernel: writes the columns' addresses and event time into its memory, calls
// it, and reads back the event time it moved.
import { assert } from '../errors.ts';
import type { CreateBaseline } from './create-baseline.ts';
import type { FastClocks } from './fast-clocks.ts';
import type { HashKey } from './id-hash.ts';
import { lifecycleIndex as placeOf } from './lifecycle.ts';
import { leastSilenceMs } from './presence-slot.ts';
import { number, place, type RowKernel, type ScannedRows } from './row-kernel.ts';
import type { Semantics } from './semantics.ts';
import { lifecycleTable, ShardColumns } from './shard-columns.ts';
import { leadMaxMs, type WatermarkMode } from './watermark.ts';

/** Event time, the state besides columns that a reading advances. */
export interface EventTime {
  watermarkMs: number;
  maxEventTimeMs: number;
  /**
   * The watermark at which more is due than the fold of a row: a window closes, sensors are
   * forgotten.
   */
  readonly nextStopMs: number;
  readonly fastClocks: FastClocks;
}

export interface RowFoldOptions {
  readonly watermark: WatermarkMode;
  readonly createBaseline?: CreateBaseline;
  readonly kernel?: RowKernel | undefined;
  readonly hashKey?: HashKey;
}

/**
 * Returns the fold of rows by the kernel; undefined without one, or where it does not know or
 * cannot hold the columns.
 */
export function rowFoldOf(semantics: Semantics, options: RowFoldOptions): RowFold | undefined {
  const { createBaseline, hashKey, kernel, watermark } = options;
  if (kernel === undefined) return undefined;
  try {
    const columns = new ShardColumns(semantics, createBaseline, kernel.columns, hashKey);
    const known = columns.baseline.kernel !== undefined && !columns.panes.hasExtras;
    return known ? new RowFold(kernel, columns, semantics, watermark) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export class RowFold {
  readonly columns: ShardColumns;
  private readonly kernel: RowKernel;

  constructor(kernel: RowKernel, columns: ShardColumns, semantics: Semantics, mode: WatermarkMode) {
    this.kernel = kernel;
    this.columns = columns;
    this.instruct(semantics, mode);
  }

  /** As `ShardState.foldRows`; moves `time` on. */
  fold(rows: ScannedRows, row: number, until: number, time: EventTime): number {
    const { columns, kernel } = this;
    const { numbers, places } = kernel;
    assert(rows.readings === kernel.readings, 'a kernel folds the rows of its own scanner');
    assert(rows.isCurrent, 'rows are folded before their scanner scans others');
    if (!columns.describe(places)) return row;
    numbers[number.until] = until;
    numbers[number.watermarkMs] = time.watermarkMs;
    numbers[number.maxEventTimeMs] = time.maxEventTimeMs;
    numbers[number.nextStopMs] = time.nextStopMs;
    const next = kernel.foldRows(row, rows.count);
    columns.table.goOn(places);
    time.watermarkMs = numbers[number.watermarkMs] as number;
    time.maxEventTimeMs = numbers[number.maxEventTimeMs] as number;
    if (numbers[number.fastRows] !== 0) this.noteFastest(time.fastClocks);
    return next;
  }

  private noteFastest(fastClocks: FastClocks): void {
    const { numbers, places } = this.kernel;
    const { table } = this.columns;
    const slot = places[place.fastestSlot] as number;
    fastClocks.readings += numbers[number.fastRows] as number;
    const leadMs = numbers[number.fastestLeadMs] as number;
    fastClocks.note(table.arena, table.idStart(slot), table.idStart(slot + 1), leadMs);
  }

  /** Writes the parameters that never change. */
  private instruct(semantics: Semantics, mode: WatermarkMode): void {
    const { afterRead, afterReadWarm, numbers, places } = this.kernel;
    const { kernel: baseline, stride } = this.columns.baseline;
    assert(baseline !== undefined, 'a kernel knows the baseline');
    places[place.baselineBytes] = 8 * stride;
    places[place.method] = baseline.method;
    numbers[number.windowMs] = semantics.windowMs;
    numbers[number.maxAheadMs] = semantics.maxAheadMs;
    // Behind by all there is, no reading moves the watermark.
    numbers[number.watermarkDelayMs] = mode === 'own' ? semantics.watermarkDelayMs : Infinity;
    numbers[number.leadMaxMs] = leadMaxMs(semantics);
    numbers[number.fastLeadMs] = semantics.watermarkDelayMs;
    numbers[number.threshold] = baseline.threshold;
    numbers[number.warmReadings] = baseline.warmReadings;
    numbers[number.decay] = baseline.decay;
    numbers[number.shortDecay] = baseline.shortDecay;
    numbers[number.longDecay] = baseline.longDecay;
    numbers[number.calmReading] = baseline.calmReading;
    numbers[number.stuckAfter] = semantics.stuckAfter;
    const silentMs = leastSilenceMs(semantics);
    numbers[number.silentLeastMs] = silentMs;
    numbers[number.silentGapMs] = silentMs + semantics.watermarkDelayMs;
    const { events, next, states } = lifecycleTable;
    places[place.quarantined] = placeOf(states, 'quarantined');
    const nextState = (state: number, event: string): number =>
      next[state * events.length + placeOf(events, event)] ?? 0;
    states.forEach((_, state) => {
      afterRead[state] = nextState(state, 'read');
      afterReadWarm[state] = nextState(state, 'readWarm');
    });
  }
}
