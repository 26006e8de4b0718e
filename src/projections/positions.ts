// The positions of a projection in the partitions it holds: read from the group at assignment,
// advanced by the projector, committed at most once a second. A failed commit is retried by the
// next.
//
//   committed offset     the position
//   committed metadata   the position a minute earlier: in a failover, even one while no projector
//                        ran, a store may lose writes it acknowledged since then; and the id of the
//                        topic, in another of its name positions mean nothing
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { CommittedPosition, EventLog } from '../log/event-log.ts';
import type { TopicIds } from '../log/topic-ids.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { Logger } from '../logger.ts';
import { backoffMs } from '../backoff.ts';
import type { ProjectedPartition } from './protocol.ts';

export interface Held extends TopicPartition {
  /** Next offset to project; undefined until the committed position has been read. */
  position: number | undefined;
  committed: number | undefined;
  /** Of the topic that `position` is in; undefined where it has none. */
  topicId: string | undefined;
  highWatermark: number;
  /** Fetches that failed since the last batch. */
  fetchFailures: number;
  /**
   * Positions at the start and at each commit of the last rewindMs, and one before; oldest first.
   */
  readonly trail: { readonly atMs: number; readonly position: number }[];
}

/**
 * How far the projection rewinds at its start and after an outage of the store. A store that
 * replicates asynchronously loses acknowledged writes in a failover; writing them again is
 * harmless.
 */
const rewindMs = 60_000;

export interface PositionsOptions {
  readonly log: EventLog;
  readonly topicIds: Pick<TopicIds, 'now'>;
  readonly groupId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the store may lose acknowledged writes. */
  readonly storeMayForget: boolean;
  /** Aborted when the projector drains. */
  readonly closing: AbortSignal;
}

export class Positions {
  readonly #options: PositionsOptions;
  /** By topic and partition. */
  readonly #held = new Map<string, Held>();
  /** Of partitions whose position is being read again: an outage must not look like no lag. */
  readonly #lastKnown = new Map<string, ProjectedPartition>();
  #committing: Promise<void> = Promise.resolve();

  constructor(options: PositionsOptions) {
    this.#options = options;
  }

  add({ topic, partition }: TopicPartition): Held {
    const held: Held = {
      topic,
      partition,
      position: undefined,
      committed: undefined,
      topicId: undefined,
      highWatermark: 0,
      fetchFailures: 0,
      trail: [],
    };
    this.#held.set(partitionKey(held), held);
    return held;
  }

  remove(partition: TopicPartition): void {
    this.#held.delete(partitionKey(partition));
  }

  clear(): void {
    this.#held.clear();
  }

  get(partition: TopicPartition): Held | undefined {
    return this.#held.get(partitionKey(partition));
  }

  all(): readonly Held[] {
    return [...this.#held.values()];
  }

  /** Returns the partitions held, as they are or were last known; not one that never was. */
  projected(): readonly ProjectedPartition[] {
    return this.all().flatMap(({ topic, partition, position, highWatermark }) => {
      const key = partitionKey({ topic, partition });
      if (position !== undefined) {
        this.#lastKnown.set(key, { topic, partition, position, highWatermark });
      }
      return this.#lastKnown.get(key) ?? [];
    });
  }

  /**
   * Sets the position of `held` to the committed one, or to that of a minute before if the store
   * may lose writes; to the earliest offset if the log no longer holds it. Retries until the log
   * answers. Returns the position, or undefined once the partition is no longer held.
   */
  async settle(held: Held): Promise<number | undefined> {
    const { clock, closing, groupId, log, topicIds } = this.#options;
    for (let attempt = 0; this.#holds(held); attempt += 1) {
      const found = await this.#unlessUnavailable(async () => {
        const offsets = await log.offsets(held);
        const topicId = (await topicIds.now()).get(held.topic);
        return { ...offsets, topicId, committed: await log.committed(groupId, held) };
      });
      if (found === undefined) {
        await clock.sleep(backoffMs(attempt), closing);
      } else if (this.#holds(held)) {
        held.highWatermark = found.end;
        held.committed = found.committed?.nextOffset;
        held.topicId = found.topicId;
        held.position = this.#startOf(held, found);
        held.trail.push({ atMs: clock.monotonicMs(), position: held.position });
        return held.position;
      }
    }
    return undefined;
  }

  /** Moves every partition back to its position a minute ago. */
  rewind(): void {
    for (const held of this.all()) {
      if (held.position !== undefined) held.position = this.#minuteBefore(held);
      held.trail.splice(1);
    }
  }

  /**
   * Returns the partitions whose topic was deleted and made again since their position was set; it
   * is unset now.
   */
  async unsetRemade(): Promise<readonly Held[]> {
    const ids = await this.#unlessUnavailable(() => this.#options.topicIds.now());
    const remade = this.all().filter(({ topic, topicId }) => {
      const now = ids?.get(topic);
      return now !== undefined && topicId !== undefined && now !== topicId;
    });
    for (const held of remade) held.position = undefined;
    return remade;
  }

  /** Reads the end offset of every partition: without fetches nothing else updates the lag. */
  async refreshEnds(): Promise<void> {
    for (const held of this.all()) {
      await this.#unlessUnavailable(async () => {
        held.highWatermark = (await this.#options.log.offsets(held)).end;
      });
    }
  }

  /** Commits the positions that moved since the last commit; one commit at a time. */
  commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitMoved());
    return this.#committing;
  }

  async #commitMoved(): Promise<void> {
    const atMs = this.#options.clock.monotonicMs();
    const moved = this.all().flatMap((held) =>
      held.position === undefined || held.position === held.committed
        ? []
        : [{ held, nextOffset: held.position }],
    );
    if (moved.length === 0) return;
    await this.#unlessUnavailable(async () => {
      await this.#options.log.commitOffsets(
        this.#options.groupId,
        moved.map(({ held, nextOffset }) => {
          const { topic, partition } = held;
          return { topic, partition, nextOffset, metadata: this.#metadata(held) };
        }),
      );
      for (const { held, nextOffset } of moved) {
        held.committed = nextOffset;
        held.trail.push({ atMs, position: nextOffset });
      }
    });
  }

  #metadata(held: Held): string {
    const minuteBefore = String(this.#minuteBefore(held));
    return held.topicId === undefined ? minuteBefore : `${minuteBefore} ${held.topicId}`;
  }

  /** Returns the position a minute ago, and drops older entries of the trail. */
  #minuteBefore(held: Held): number | undefined {
    const atMs = this.#options.clock.monotonicMs() - rewindMs;
    const tooOld = held.trail.findLastIndex((entry) => entry.atMs < atMs);
    held.trail.splice(0, Math.max(tooOld, 0));
    return held.trail[0]?.position ?? held.position;
  }

  #startOf(
    { topic, partition }: TopicPartition,
    found: {
      readonly committed: CommittedPosition | undefined;
      readonly earliest: number;
      readonly end: number;
      readonly topicId: string | undefined;
    },
  ): number {
    const { earliest, end, topicId } = found;
    const committed = found.committed?.nextOffset;
    if (committed === undefined) return earliest;
    // Earlier versions committed no id.
    const [rewound = '', topicIdBefore = topicId] = found.committed?.metadata.split(' ') ?? [];
    const isSameTopic = topicId === undefined || topicIdBefore === topicId;
    if (isSameTopic && committed >= earliest && committed <= end) {
      const minuteBefore = Number.parseInt(rewound, 10);
      const goesBack = this.#options.storeMayForget && minuteBefore < committed;
      return goesBack ? Math.max(minuteBefore, earliest) : committed;
    }
    this.#options.logger.warn(
      { topic, partition, committed, earliest, end, topicIdBefore, topicId },
      'the log no longer holds the committed position: projecting from its earliest row',
    );
    return earliest;
  }

  #holds(held: Held): boolean {
    return this.#held.get(partitionKey(held)) === held && !this.#options.closing.aborted;
  }

  /**
   * Runs `action`; resolves with undefined if the log was unavailable or the group has moved on.
   */
  async #unlessUnavailable<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      const again =
        isSensoriumError(error) && (error.directive === 'retry' || error.directive === 'release');
      if (!again) throw error;
      this.#options.logger.debug({ error: error.message }, 'projection asks the log again');
      return undefined;
    }
  }
}
