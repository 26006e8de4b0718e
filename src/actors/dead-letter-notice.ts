// Tells the log of a shard's dead letters as they become visible: the first at once, then at most
// one line a minute, which counts everything since the line before.
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { TopicPartition } from '../records/record.ts';

const lineEveryMs = 60_000;

export class DeadLetterNotice {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #shard: TopicPartition;
  readonly #untold = new Map<string, number>();
  #toldMs = -Infinity;

  constructor(parts: { readonly clock: Clock; readonly logger: Logger }, shard: TopicPartition) {
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#shard = shard;
  }

  /** A commit has made dead letters visible, counted by reason. */
  committed(byReason: ReadonlyMap<string, number>): void {
    for (const [reason, letters] of byReason) {
      this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + letters);
    }
    this.look();
  }

  /** Writes the line once it is due; called several times a second. */
  look(): void {
    if (this.#untold.size === 0) return;
    if (this.#clock.monotonicMs() - this.#toldMs >= lineEveryMs) this.#tell();
  }

  /** The session ends: what was not told yet is told now. */
  close(): void {
    if (this.#untold.size > 0) this.#tell();
  }

  #tell(): void {
    this.#toldMs = this.#clock.monotonicMs();
    const { topic, partition } = this.#shard;
    const reasons = Object.fromEntries(this.#untold);
    const letters = [...this.#untold.values()].reduce((sum, count) => sum + count, 0);
    this.#untold.clear();
    this.#logger.warn({ topic, partition, letters, reasons }, 'records became dead letters');
  }
}
