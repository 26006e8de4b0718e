// The producer's loop: appends due readings and counts them. Used by `produce` and by the simulated
// sensors of `run`.
import type { Clock } from '../clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { pace } from './pacing.ts';
import type { PlannedReading } from './planned-reading.ts';
import { readingRecord, type RecordOptions } from './reading-record.ts';

export interface ProduceOptions extends RecordOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly readings: Iterable<PlannedReading> | AsyncIterable<PlannedReading>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /**
   * `planned`: timestamps as planned. `wall`: timestamps follow steps of the wall clock (a
   * corrected clock, a laptop that slept), which the monotonic pace does not see; for endless
   * simulations.
   */
  readonly eventTime: 'planned' | 'wall';
  readonly onProgress?: (counts: ProducedCounts) => void;
}

export interface ProducedCounts {
  /** Records appended, late and bad ones included. */
  readonly records: number;
  readonly late: number;
  readonly bad: number;
}

export interface ProduceReport extends ProducedCounts {
  readonly seconds: number;
  /** Whether it was stopped before the readings ended. */
  readonly isStopped: boolean;
}

const batchMax = 2_000;
const tickMs = 20;
const stepMsMin = 2_000;

/**
 * Appends every reading when it is due; resolves with the counts. At most one batch is in flight,
 * so a slow log slows the producer and memory stays bounded.
 * @throws UnavailableError when a batch fails; the log may hold part of it.
 */
export async function produce(options: ProduceOptions): Promise<ProduceReport> {
  const { log, clock, signal, onProgress } = options;
  const startMs = clock.monotonicMs();
  const startWallMs = clock.nowMs();
  const counts = { records: 0, late: 0, bad: 0 };
  let stepMs = 0;
  for await (const batch of pace(options.readings, { clock, signal, batchMax, tickMs })) {
    if (options.eventTime === 'wall') {
      const skewMs = clock.nowMs() - startWallMs - (clock.monotonicMs() - startMs);
      if (Math.abs(skewMs - stepMs) > stepMsMin) stepMs = Math.round(skewMs);
    }
    const records = batch.map((reading) => {
      if (reading.kind === 'late') counts.late += 1;
      const stepped = stepMs === 0 ? reading : later(reading, stepMs);
      return readingRecord(stepped, options, reading.kind === 'bad' ? counts.bad++ : 0);
    });
    await log.append(records);
    counts.records += records.length;
    onProgress?.(counts);
  }
  const seconds = (clock.monotonicMs() - startMs) / 1_000;
  return { ...counts, seconds, isStopped: signal.aborted };
}

function later(reading: PlannedReading, byMs: number): PlannedReading {
  return { ...reading, timestampMs: reading.timestampMs + byMs };
}
