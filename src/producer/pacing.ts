// Yields readings when they are due, by the monotonic clock. Due times count from one start, so a
// late wake-up is made up for and the pace never drifts. A slow consumer gets full batches without
// waits.
import type { Clock } from '../clock.ts';
import type { PlannedReading } from './planned-reading.ts';

export interface PaceOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly batchMax: number;
  /** Readings due within this time of each other may share a batch. */
  readonly tickMs: number;
}

/**
 * Yields batches of at most `batchMax` readings, none before it is due, until `readings` end or
 * `signal` aborts.
 */
export async function* pace(
  readings: Iterable<PlannedReading> | AsyncIterable<PlannedReading>,
  { clock, signal, batchMax, tickMs }: PaceOptions,
): AsyncGenerator<readonly PlannedReading[]> {
  const startMs = clock.monotonicMs();
  const elapsedMs = (): number => clock.monotonicMs() - startMs;
  let batch: PlannedReading[] = [];
  for await (const reading of readings) {
    if (signal.aborted) break;
    if (batch.length > 0 && (batch.length >= batchMax || reading.dueMs > elapsedMs())) {
      yield batch;
      batch = [];
    }
    if (reading.dueMs > elapsedMs()) {
      await sleepUntil(reading.dueMs);
      if (signal.aborted) break;
    }
    batch.push(reading);
  }
  if (batch.length > 0) yield batch;

  async function sleepUntil(dueMs: number): Promise<void> {
    // At least a tick: at 10,000 readings/s one wake-up collects all that came due meanwhile.
    let waitMs = Math.max(tickMs, dueMs - elapsedMs());
    while (waitMs > 0 && !signal.aborted) {
      await clock.sleep(waitMs, signal);
      waitMs = dueMs - elapsedMs();
    }
  }
}
