// Says once an hour that a source's timestamps are likely seconds, taken for milliseconds: its
// readings fold into January 1970. They stay where they are, since a state never changes by what is
// only likely; the line says how the unit is declared.
import type { Clock } from '../clock.ts';
import type { TopicPartition } from '../records/record.ts';
import type { Logger } from '../logger.ts';
import type { Semantics } from '../sensors/shard-state.ts';
import { likelyUnit } from '../sensors/time-unit.ts';

interface WatchParts {
  readonly clock: Clock;
  readonly logger: Logger;
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

  /** Looks at the greatest event time of the source, ms; a declared unit is checked per record. */
  look(sourceMaxMs: number): void {
    const { clock, logger, semantics } = this.#parts;
    if (semantics.input !== undefined) return;
    if (clock.monotonicMs() - this.#saidMs < lineIntervalMs) return;
    const likely = likelyUnit(sourceMaxMs, 'ms', clock.nowMs(), semantics.maxAheadMs);
    if (likely === undefined) return;
    this.#saidMs = clock.monotonicMs();
    logger.warn(
      { ...this.#shard, timestamp: sourceMaxMs, likelyUnit: likely.unit },
      `the timestamps are likely in ${likely.unit}, but are read as ms: readings fold into ` +
        `${new Date(sourceMaxMs).toISOString().slice(0, 10)}; declare the unit in INPUT_SCHEMA ` +
        `(time_unit: ${likely.unit}) and start with a new GROUP_ID and OUTPUT_TOPIC`,
    );
  }
}
