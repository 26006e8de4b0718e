// The ids of topics that are read. Kafka gives a topic that is deleted and made again another id,
// and offsets of the one before mean nothing in it.
import type { EventLog } from './event-log.ts';

export type IdsByTopic = ReadonlyMap<string, string>;

/** Asks for the ids; callers that come together share a request. */
export class TopicIds {
  readonly #log: Pick<EventLog, 'topicIds'>;
  readonly #topics: readonly string[];
  #running: Promise<unknown> | undefined;
  #next: Promise<IdsByTopic> | undefined;

  constructor(log: Pick<EventLog, 'topicIds'>, topics: readonly string[]) {
    this.#log = log;
    this.#topics = topics;
  }

  /** Resolves with the ids as of after this call. */
  now(): Promise<IdsByTopic> {
    this.#next ??= this.#afterRunning();
    return this.#next;
  }

  async #afterRunning(): Promise<IdsByTopic> {
    // A request that failed is its own callers' failure.
    await this.#running?.catch(() => undefined);
    this.#running = this.#next;
    this.#next = undefined;
    return this.#log.topicIds(this.#topics);
  }
}
