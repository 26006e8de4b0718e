// Where a projection stands in each partition it holds: read from the group when a partition is assigned, moved on by
// the projector, committed at most once a second. Failures of the log are made up for by the next attempt.
//
//   committed offset = where it stands · committed metadata = where it stood a minute before: what the store had answered
//   in between it may lose at a failover, also one that nobody was there to notice
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { CommittedPosition, EventLog, TopicPartition } from '../log/event-log.ts';
import { placeKey } from '../log/place-key.ts';
import type { Logger } from '../logger.ts';
import { backoffMs } from './backoff.ts';
import type { ProjectedPartition } from './protocol.ts';

export interface Held extends TopicPartition {
  /** Next offset to project; undefined until the committed position has been read. */
  position: number | undefined;
  committed: number | undefined;
  highWatermark: number;
  /** Where it stood at its start and at each commit of the last rewindMs, and once before; oldest first. */
  readonly trail: { readonly atMs: number; readonly position: number }[];
}

/**
 * How far the projection goes back at its start and after the store was away. A store that replicates asynchronously
 * loses its last writes at a failover, though it had answered them; writing them again is harmless.
 */
const rewindMs = 60_000;

export interface PositionsOptions {
  readonly log: EventLog;
  readonly groupId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the store may lose what it has answered. */
  readonly storeMayForget: boolean;
  /** Aborted when the projector drains. */
  readonly closing: AbortSignal;
}

export class Positions {
  readonly #options: PositionsOptions;
  /** By topic and partition. */
  readonly #held = new Map<string, Held>();
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
      highWatermark: 0,
      trail: [],
    };
    this.#held.set(placeKey(held), held);
    return held;
  }

  remove(partition: TopicPartition): void {
    this.#held.delete(placeKey(partition));
  }

  clear(): void {
    this.#held.clear();
  }

  get(partition: TopicPartition): Held | undefined {
    return this.#held.get(placeKey(partition));
  }

  all(): readonly Held[] {
    return [...this.#held.values()];
  }

  /** The partitions whose position is known. */
  projected(): readonly ProjectedPartition[] {
    return this.all().flatMap(({ topic, partition, position, highWatermark }) =>
      position === undefined ? [] : [{ topic, partition, position, highWatermark }],
    );
  }

  /**
   * Sets the position of `held` to the committed one (to that of a minute before it, where the store may forget) as far
   * as the log still has it, else to the earliest, trying until the log answers. Returns the position; undefined when the partition is no longer held.
   */
  async settle(held: Held): Promise<number | undefined> {
    const { clock, closing, groupId, log } = this.#options;
    for (let attempt = 0; this.#holds(held); attempt += 1) {
      const found = await this.#unlessUnavailable(async () => {
        const offsets = await log.offsets(held);
        return { ...offsets, committed: await log.committed(groupId, held) };
      });
      if (found === undefined) {
        await clock.sleep(backoffMs(attempt), closing);
      } else if (this.#holds(held)) {
        held.highWatermark = found.end;
        held.committed = found.committed?.nextOffset;
        held.position = this.#startOf(held, found);
        held.trail.push({ atMs: clock.monotonicMs(), position: held.position });
        return held.position;
      }
    }
    return undefined;
  }

  /** Moves every partition back to where it stood a minute ago. */
  rewind(): void {
    for (const held of this.all()) {
      if (held.position !== undefined) held.position = this.#minuteBefore(held);
      held.trail.splice(1);
    }
  }

  /** Asks the log for the end of every partition: without fetches nothing else tells how the lag grows. */
  async refreshEnds(): Promise<void> {
    for (const held of this.all()) {
      await this.#unlessUnavailable(async () => {
        held.highWatermark = (await this.#options.log.offsets(held)).end;
      });
    }
  }

  /** Commits what moved since the last commit; one commit at a time. */
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
          return { topic, partition, nextOffset, metadata: String(this.#minuteBefore(held)) };
        }),
      );
      for (const { held, nextOffset } of moved) {
        held.committed = nextOffset;
        held.trail.push({ atMs, position: nextOffset });
      }
    });
  }

  /** Returns where `held` stood a minute ago, forgetting where it stood before. */
  #minuteBefore(held: Held): number | undefined {
    const atMs = this.#options.clock.monotonicMs() - rewindMs;
    const tooOld = held.trail.findLastIndex((entry) => entry.atMs < atMs);
    held.trail.splice(0, Math.max(tooOld, 0));
    return held.trail[0]?.position ?? held.position;
  }

  #startOf(
    { topic, partition }: TopicPartition,
    found: { committed: CommittedPosition | undefined; earliest: number; end: number },
  ): number {
    const { earliest, end } = found;
    const committed = found.committed?.nextOffset;
    if (committed === undefined) return earliest;
    if (committed >= earliest && committed <= end) {
      const minuteBefore = Number.parseInt(found.committed?.metadata ?? '', 10);
      const goesBack = this.#options.storeMayForget && minuteBefore < committed;
      return goesBack ? Math.max(minuteBefore, earliest) : committed;
    }
    this.#options.logger.warn(
      { topic, partition, committed, earliest, end },
      'the log no longer holds the committed position: projecting from its earliest row',
    );
    return earliest;
  }

  #holds(held: Held): boolean {
    return this.#held.get(placeKey(held)) === held && !this.#options.closing.aborted;
  }

  /** Runs `action`; undefined when the log was unavailable or the group has moved on. */
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
