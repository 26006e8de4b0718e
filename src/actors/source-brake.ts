// The brake of one source: a source far ahead of the slowest would hold windows of the others open
// without bound, so it waits for them. It bounds memory, so it has a bound itself: a source that
// waited for minutes in vain goes on until it is no longer ahead.
import type { TopicPartition } from '../records/record.ts';
import { neverSetBack } from '../clock.ts';
import type { ShardContext } from './shard-context.ts';
import { behindMs } from './source-watch.ts';

export const brakeMsMax = 300_000;
/** A wait of a backlog is short; a longer one is worth a line. */
const tellMs = 30_000;

type Context = Pick<
  ShardContext,
  'clock' | 'logger' | 'metrics' | 'semantics' | 'settings' | 'sources' | 'topics'
>;

export class SourceBrake {
  readonly #context: Context;
  readonly #shard: TopicPartition;
  readonly #wallMs: () => number;
  #sinceMs: number | undefined;
  #told = false;
  /** It waited for as long as it may, and is still ahead. */
  #released = false;

  constructor(context: Context, shard: TopicPartition) {
    this.#context = context;
    this.#shard = shard;
    this.#wallMs = neverSetBack(context.clock);
  }

  get holds(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Returns whether a source whose greatest event time is `sourceMaxMs` waits now. */
  look(sourceMaxMs: number): boolean {
    const nowMs = this.#context.clock.monotonicMs();
    if (!this.#isAhead(sourceMaxMs)) {
      this.#released = false;
      this.#end();
      return false;
    }
    if (this.#released) return false;
    this.#sinceMs ??= nowMs;
    const waitedMs = nowMs - this.#sinceMs;
    this.#context.metrics.sourceWaitSeconds.set(this.#labels(), waitedMs / 1_000);
    if (waitedMs >= brakeMsMax) {
      this.#released = true;
      this.#context.metrics.sourceWaitsGivenUp.inc();
      this.#tell(waitedMs, 'a source waited in vain for a slower one and goes on');
      this.#end();
      return false;
    }
    if (waitedMs >= tellMs && !this.#told) {
      this.#told = true;
      this.#tell(waitedMs, 'a source waits for a slower one');
    }
    return true;
  }

  close(): void {
    this.#end();
  }

  /** One reading a year ahead moves event time for good: it is not what the others wait for. */
  #isAhead(sourceMaxMs: number): boolean {
    const { semantics, settings, sources } = this.#context;
    const { leastMs } = sources.view;
    if (leastMs === undefined) return false;
    return Math.min(sourceMaxMs, this.#wallMs()) - leastMs > behindMs(settings, semantics);
  }

  #end(): void {
    if (this.#sinceMs === undefined) return;
    this.#sinceMs = undefined;
    this.#told = false;
    this.#context.metrics.sourceWaitSeconds.remove(this.#labels());
  }

  #labels(): { topic: string; partition: string } {
    return { topic: this.#shard.topic, partition: String(this.#shard.partition) };
  }

  #tell(waitedMs: number, message: string): void {
    const { logger, sources, topics } = this.#context;
    const { slowest, leastMs } = sources.view;
    const slowestShard = `${topics.input}/${String(slowest)}`;
    logger.warn({ ...this.#shard, waitedMs, slowest: slowestShard, leastMs }, message);
  }
}
