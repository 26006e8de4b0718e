// How long a batch each topic takes, learned from refusals: an existing topic keeps its
// max.message.bytes, an operator may change it, and we may not be allowed to read it. What was
// learned is kept for ten minutes, so that long records cost one refused request in that time and
// not one each.
import { systemClock, type Clock } from '../../clock.ts';

/** Kafka's default for max.message.bytes. */
const kafkaDefaultBytes = 1_048_588;
/** Where nothing was learned, records are gathered into batches below that default. */
const gatheredBytesMax = 800_000;
const learnedMs = 600_000;

interface Learned {
  readonly bytesMax: number;
  readonly atMs: number;
}

export class BatchLimits {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #learned: Map<string, Learned> = new Map();

  constructor(clock: Pick<Clock, 'monotonicMs'> = systemClock) {
    this.#clock = clock;
  }

  /** The longest batch worth sending: Infinity where the topic has refused none. */
  bytesMax(topic: string): number {
    const learned = this.#learned.get(topic);
    if (learned === undefined) return Infinity;
    if (this.#clock.monotonicMs() - learned.atMs < learnedMs) return learned.bytesMax;
    this.#learned.delete(topic);
    return Infinity;
  }

  /** The longest batch that records are gathered into. */
  gatheredBytesMax(topic: string): number {
    return Math.min(gatheredBytesMax, this.bytesMax(topic));
  }

  /**
   * The topic refused a batch of `bytes` bytes for its length: Kafka's default is likely, then half
   * of what was refused.
   */
  refused(topic: string, bytes: number): void {
    const likely = bytes > kafkaDefaultBytes ? kafkaDefaultBytes : Math.floor(bytes / 2);
    const bytesMax = Math.min(likely, this.bytesMax(topic));
    this.#learned.set(topic, { bytesMax, atMs: this.#clock.monotonicMs() });
  }
}
