// Names the sensors of one shard whose clocks lead their records: in the shard's status, in two
// metrics, and in at most one log line per sensor and hour. Outlives the shard's sessions, so that
// a recovery does not repeat the lines.
import type { Clock } from '../clock.ts';
import type { TopicPartition } from '../records/record.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { FastClock, FastClocks } from '../sensors/fast-clocks.ts';
import type { FastClockView } from './protocol.ts';

interface WatchParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const lineIntervalMs = 3_600_000;
/** Sensors whose last line is remembered. Once so many had one within the hour, none is added. */
const namedMax = 256;
/** A lead not seen again for this long is no longer shown. */
const shownMs = 600_000;

export class FastClockWatch {
  readonly #parts: WatchParts;
  readonly #shard: TopicPartition;
  /** By sensor id, oldest first: when the sensor was last named, by the monotonic clock. */
  readonly #namedMs = new Map<string, number>();
  #fastest: (FastClock & { readonly seenMs: number }) | undefined;

  constructor(parts: WatchParts, shard: TopicPartition) {
    this.#parts = parts;
    this.#shard = shard;
  }

  /** The sensor whose clock led most lately; null where none did. */
  get view(): FastClockView | null {
    const fastest = this.#fastest;
    if (fastest === undefined || this.#nowMs - fastest.seenMs > shownMs) return null;
    return { sensorId: fastest.sensorId, leadMs: fastest.leadMs };
  }

  /** Counts and names what the fold noted since the last call. */
  look(fastClocks: FastClocks): void {
    if (fastClocks.readings === 0) return;
    const { leaders, readings } = fastClocks.take();
    this.#parts.metrics.fastClockReadings.inc(readings);
    for (const leader of leaders) {
      this.#keep(leader);
      this.#name(leader);
    }
  }

  #keep(leader: FastClock): void {
    const fastest = this.#fastest;
    const isFastest =
      this.view === null ||
      fastest?.sensorId === leader.sensorId ||
      leader.leadMs > (fastest?.leadMs ?? 0);
    if (isFastest) this.#fastest = { ...leader, seenMs: this.#nowMs };
  }

  #name({ sensorId, leadMs }: FastClock): void {
    const nowMs = this.#nowMs;
    for (const [named, atMs] of this.#namedMs) {
      if (nowMs - atMs < lineIntervalMs) break;
      this.#namedMs.delete(named);
    }
    if (this.#namedMs.has(sensorId) || this.#namedMs.size === namedMax) return;
    this.#namedMs.set(sensorId, nowMs);
    this.#parts.logger.warn(
      { ...this.#shard, sensorId, leadMs },
      "a sensor's clock leads its records by more than WATERMARK_DELAY_MS: " +
        'its readings are folded, but move event time only to the time of their records; ' +
        "set the sensor's clock",
    );
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}
