// Says once an hour that a source's timestamps are likely in another unit than milliseconds.
// Seconds fold into January 1970. They stay where they are, since a state never changes by what is
// only likely; micro- and nanoseconds are refused. The line says how the unit is declared.
import type { Clock } from '../clock.ts';
import type { TopicPartition } from '../records/record.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { TimeUnit } from '../sensors/input-declaration.ts';
import type { Semantics } from '../sensors/shard-state.ts';
import { likelyUnit } from '../sensors/time-unit.ts';

interface WatchParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'timeUnitWarnings'>;
  readonly semantics: Pick<Semantics, 'input' | 'maxAheadMs'>;
}

const lineIntervalMs = 3_600_000;

export class TimeUnitWatch {
  readonly #parts: WatchParts;
  readonly #shard: TopicPartition;
  #saidMs = -Infinity;

  constructor(parts: WatchParts, shard: TopicPartition) {
    this.#parts = parts;
    this.#shard = shard;
  }

  /**
   * Looks at the greatest event time of the source, and at that of the last reading refused as
   * ahead of its record (NaN for none), ms. A declared unit is checked per record.
   */
  look(sourceMaxMs: number, refusedMs: number): void {
    const { clock, semantics } = this.#parts;
    if (semantics.input !== undefined) return;
    if (clock.monotonicMs() - this.#saidMs < lineIntervalMs) return;
    for (const timestamp of [sourceMaxMs, refusedMs]) {
      const likely = likelyUnit(timestamp, 'ms', clock.nowMs(), semantics.maxAheadMs);
      if (likely === undefined) continue;
      this.#saidMs = clock.monotonicMs();
      this.#say(timestamp, likely.unit, timestamp === refusedMs ? 'refused' : 'folded');
      return;
    }
  }

  #say(timestamp: number, unit: TimeUnit, outcome: 'folded' | 'refused'): void {
    const { logger, metrics } = this.#parts;
    metrics.timeUnitWarnings.inc({ unit });
    const effect =
      outcome === 'refused'
        ? 'readings become dead letters (timestamp_ahead)'
        : `readings fold into ${new Date(timestamp).toISOString().slice(0, 10)}`;
    logger.warn(
      { ...this.#shard, timestamp, likelyUnit: unit },
      `the timestamps are likely in ${unit}, but are read as ms: ${effect}; declare the unit in ` +
        `INPUT_SCHEMA (time_unit: ${unit}) and start with a new GROUP_ID and OUTPUT_TOPIC`,
    );
  }
}
