// Where a projection stands in each partition it holds: read from the group when a partition is assigned, moved on by
// the projector, committed at most once a second. Failures of the log are made up for by the next attempt.
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog, TopicPartition } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { backoffMs } from './backoff.ts';
import type { ProjectedPartition } from './protocol.ts';

export interface Held extends TopicPartition {
  /** Next offset to project; undefined until the committed position has been read. */
  position: number | undefined;
  committed: number | undefined;
  highWatermark: number;
  /** Where it stood during the last rewindMs in which it moved, oldest first, at most one entry a commit. */
  readonly trail: { readonly atMs: number; readonly position: number }[];
}

/**
 * How far the projection goes back after the store was away. A store that replicates asynchronously loses its last
 * writes at a failover, though it had answered them; writing them again is harmless.
 */
const rewindMs = 60_000;

export interface PositionsOptions {
  readonly log: EventLog;
  readonly groupId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the projector drains. */
  readonly closing: AbortSignal;
}

export class Positions {
  readonly #options: PositionsOptions;
  readonly #held = new Map<number, Held>();
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
    this.#held.set(partition, held);
    return held;
  }

  remove({ partition }: TopicPartition): void {
    this.#held.delete(partition);
  }

  clear(): void {
    this.#held.clear();
  }

  get(partition: number): Held | undefined {
    return this.#held.get(partition);
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
   * Sets the position of `held` to the committed one where the log still has it, else to the earliest, trying until
   * the log answers. Returns the position; undefined when the partition is no longer held.
   */
  async settle(held: Held): Promise<number | undefined> {
    const { clock, closing, groupId, log } = this.#options;
    for (let attempt = 0; this.#holds(held); attempt += 1) {
      const found = await this.#unlessUnavailable(async () => {
        const offsets = await log.offsets(held);
        return { ...offsets, committed: (await log.committed(groupId, held))?.nextOffset };
      });
      if (found === undefined) {
        await clock.sleep(backoffMs(attempt), closing);
      } else if (this.#holds(held)) {
        held.highWatermark = found.end;
        held.committed = found.committed;
        held.position = this.#startOf(held, found);
        this.#remember(held, held.position);
        return held.position;
      }
    }
    return undefined;
  }

  /** Moves every partition back to where it stood a minute ago. */
  rewind(): void {
    for (const held of this.all()) {
      if (held.position !== undefined) held.position = held.trail[0]?.position ?? held.position;
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
    const moved = this.all().flatMap((held) =>
      held.position === undefined || held.position === held.committed
        ? []
        : [{ held, nextOffset: held.position }],
    );
    if (moved.length === 0) return;
    await this.#unlessUnavailable(async () => {
      await this.#options.log.commitOffsets(
        this.#options.groupId,
        moved.map(({ held: { topic, partition }, nextOffset }) => {
          return { topic, partition, nextOffset, metadata: '' };
        }),
      );
      for (const { held, nextOffset } of moved) {
        held.committed = nextOffset;
        this.#remember(held, nextOffset);
      }
    });
  }

  #remember(held: Held, position: number): void {
    const atMs = this.#options.clock.monotonicMs();
    const tooOld = held.trail.findLastIndex((entry) => entry.atMs < atMs - rewindMs);
    held.trail.splice(0, Math.max(tooOld, 0));
    held.trail.push({ atMs, position });
  }

  #startOf(
    { topic, partition }: TopicPartition,
    found: { committed: number | undefined; earliest: number; end: number },
  ): number {
    const { committed, earliest, end } = found;
    if (committed === undefined) return earliest;
    if (committed >= earliest && committed <= end) return committed;
    this.#options.logger.warn(
      { topic, partition, committed, earliest, end },
      'the log no longer holds the committed position: projecting from its earliest row',
    );
    return earliest;
  }

  #holds(held: Held): boolean {
    return this.#held.get(held.partition) === held && !this.#options.closing.aborted;
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
