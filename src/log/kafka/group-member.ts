// A member of a Kafka consumer group as the port describes it: lanes of assigned partitions over
// one consumer session at a time. A crashed session is replaced with backoff; what this member held
// is claimed again, and compared at the join.
import { systemClock } from '../../clock.ts';
import { assert, InvariantError, UnavailableError, type ErrorDetails } from '../../errors.ts';
import type { CommittedPosition, EventLog, FetchedBatch, GroupMember } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { partitionKey } from '../../records/partition-key.ts';
import type { KafkaLogOptions } from './client.ts';
import { ConsumerSession, type SessionEvents } from './consumer-session.ts';
import { translated } from './failures.ts';
import { fetchedBatch, fetchedOf } from './fetched-batch.ts';
import { wakeFetchers, type SeamBatch } from './fetch-seam.ts';
import { HeartbeatWaiters } from './heartbeat-waiters.ts';
import { Lane } from './lane.ts';
import { standingAfterJoin, type MemberStanding } from './member-standing.ts';
import { isFinal, partitionFailure, type OffsetsOf } from './session-failures.ts';

export type JoinOptions = Parameters<EventLog['joinGroup']>[0];

export interface GroupMemberHost {
  readonly log: KafkaLogOptions;
  readonly offsets: OffsetsOf;
}

// A fetch loop serves all partitions of a broker: it waits this long for one shard, then goes on
// without it.
const laneWaitMs = 20;
const firstJoinMsMax = 60_000;
const rejoinDelayMs = { first: 100, max: 2_000 };

interface Held {
  readonly place: TopicPartition;
  readonly lane: Lane;
  fetching: boolean | undefined;
  highWatermark: number;
  /** When fetches began to be wanted, or were last answered; undefined while none are wanted. */
  waitingSinceMs: number | undefined;
}

export class KafkaGroupMember implements GroupMember {
  readonly groupId: string;
  readonly #host: GroupMemberHost;
  readonly #options: JoinOptions;
  readonly #held: Map<string, Held> = new Map();
  readonly #heartbeats = new HeartbeatWaiters();
  readonly #ending = new AbortController();
  #session: ConsumerSession | undefined;
  #standing: MemberStanding | undefined;
  #leaving: Promise<void> | undefined;
  /** -Infinity from a crash of the session until another one has joined. */
  #confirmedMs = -Infinity;

  constructor(host: GroupMemberHost, options: JoinOptions) {
    this.#host = host;
    this.#options = options;
    this.groupId = options.groupId;
  }

  start(place: TopicPartition, from: number): void {
    assert(Number.isSafeInteger(from) && from >= 0, 'Delivery starts at an offset', {
      ...place,
      from,
    });
    const held = this.#held.get(partitionKey(place));
    if (held === undefined) return;
    held.highWatermark = -1;
    this.#session?.seek(held.place, from);
    held.lane.start(from);
  }

  pause(place: TopicPartition): void {
    this.#held.get(partitionKey(place))?.lane.setPaused(true);
  }

  resume(place: TopicPartition): void {
    this.#held.get(partitionKey(place))?.lane.setPaused(false);
  }

  /** How this member stands since its last join; undefined where it does not hold the partition. */
  standingAt(place: TopicPartition): MemberStanding | undefined {
    return this.#held.has(partitionKey(place)) ? this.#standing : undefined;
  }

  heartbeatAfterNow(): Promise<void> {
    if (this.#ending.signal.aborted) return Promise.reject(this.#leftError());
    return this.#heartbeats.afterNow();
  }

  unconfirmedMs(): number {
    return systemClock.monotonicMs() - this.#confirmedMs;
  }

  unansweredMs(place: TopicPartition): number {
    const sinceMs = this.#held.get(partitionKey(place))?.waitingSinceMs;
    return sinceMs === undefined ? 0 : systemClock.monotonicMs() - sinceMs;
  }

  /** Commits positions as a member; a group with members takes them from no one else. */
  async commitOffsets(positions: readonly (TopicPartition & CommittedPosition)[]): Promise<void> {
    const offsets = positions.map(({ topic, partition, nextOffset, metadata }) => ({
      topic,
      partition,
      offset: String(nextOffset),
      metadata,
    }));
    try {
      if (this.#session === undefined) throw new UnavailableError('The member is rejoining');
      await this.#session.commitOffsets(offsets);
    } catch (error) {
      throw translated(`Committing positions of ${this.groupId}`, error, {});
    }
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** Joins the group; resolves once this is a member. @throws UnavailableError, ConfigError */
  join(): Promise<void> {
    return this.#open(firstJoinMsMax);
  }

  /** Opens a session, trying again for `forMs`; then the last error is thrown. */
  async #open(forMs: number): Promise<void> {
    const startedMs = systemClock.monotonicMs();
    const { signal } = this.#ending;
    for (let delayMs = rejoinDelayMs.first; ; delayMs = Math.min(delayMs * 2, rejoinDelayMs.max)) {
      try {
        await this.#openSession();
        return;
      } catch (error) {
        const what = `Joining the group ${this.groupId}`;
        const spentMs = systemClock.monotonicMs() - startedMs;
        if (signal.aborted || isFinal(error) || spentMs + delayMs > forMs) {
          throw translated(what, error, { groupId: this.groupId });
        }
        const reason = translated(what, error, {}).message;
        this.#host.log.logger.warn({ groupId: this.groupId, reason }, 'joining the group again');
      }
      await systemClock.sleep(delayMs, signal);
    }
  }

  async #openSession(): Promise<void> {
    const { groupId, topics, delivery = 'gathered' } = this.#options;
    const { log } = this.#host;
    const events = this.#sessionEvents();
    const session = new ConsumerSession({ log, groupId, topics, delivery, events });
    this.#session = session;
    for (const held of this.#held.values()) held.fetching = undefined;
    try {
      await session.open();
    } catch (error) {
      this.#session = undefined;
      await session.close();
      throw error;
    }
  }

  #sessionEvents(): SessionEvents {
    return {
      claim: () => ({
        generation: this.#standing?.generationId ?? -1,
        owned: [...this.#held.values()].map(({ place }) => place),
        info: this.#options.memberInfo ?? '',
      }),
      joined: (assigned, standing, beganMs) => {
        if (this.#ending.signal.aborted) return;
        this.#standing = standingAfterJoin(this.#standing, standing);
        this.#reassigned(assigned);
        this.#confirmed(beganMs);
      },
      heartbeat: (sentMs) => this.#confirmed(sentMs),
      fetched: (batch, resolved) => this.#fetched(batch, resolved),
      crashed: (error) => {
        this.#session = undefined;
        this.#confirmedMs = -Infinity;
        if (!this.#ending.signal.aborted) void this.#crashed(error);
      },
    };
  }

  #confirmed(sentMs: number): void {
    this.#confirmedMs = systemClock.monotonicMs();
    this.#heartbeats.succeeded(sentMs);
  }

  /**
   * Synchronous: kafkajs has forgotten every position and fetches as soon as this returns (trap 7).
   */
  #reassigned(assigned: readonly TopicPartition[]): void {
    const { listener } = this.#options;
    const keys = new Set(assigned.map(partitionKey));
    const removed = [...this.#held.values()].filter(({ place }) => !keys.has(partitionKey(place)));
    for (const held of removed) {
      this.#held.delete(partitionKey(held.place));
      void held.lane.close();
    }
    if (removed.length > 0) listener.onRevoked(removed.map(({ place }) => place));
    for (const held of this.#held.values()) {
      const position = listener.positionOf(held.place);
      held.fetching = undefined;
      held.highWatermark = -1;
      if (held.lane.started && position !== undefined) {
        this.#session?.seek(held.place, position);
        held.lane.moveTo(position);
      } else {
        held.lane.stop();
      }
    }
    const added = assigned.filter((place) => !this.#held.has(partitionKey(place)));
    for (const place of added) this.#hold(place);
    const { groupId } = this;
    const fields = { groupId, held: assigned.length, added: added.length, removed: removed.length };
    this.#host.log.logger.info(fields, 'joined the group');
    listener.onGeneration?.();
    if (added.length > 0) listener.onAssigned(added);
  }

  #hold(place: TopicPartition): void {
    const lane = new Lane({
      onBatch: (batch) => this.#options.listener.onBatch(batch),
      fetchingChanged: () => {
        // A rejoin seeks and fetches again; what was unanswered before it still is.
        held.waitingSinceMs = lane.fetching
          ? (held.waitingSinceMs ?? systemClock.monotonicMs())
          : undefined;
        this.#applyFetching(held);
      },
      failed: (error) => {
        const details: ErrorDetails = { ...place };
        const bug = new InvariantError('onBatch of a group listener rejected', details, error);
        void this.#failPartition(held, bug);
      },
    });
    const held: Held = {
      ...{ place, lane, fetching: undefined },
      ...{ highWatermark: -1, waitingSinceMs: undefined },
    };
    this.#held.set(partitionKey(place), held);
    this.#applyFetching(held);
  }

  #applyFetching(held: Held): void {
    const { fetching } = held.lane;
    if (held.fetching === fetching || this.#session === undefined) return;
    held.fetching = fetching;
    this.#session.setFetching(held.place, fetching);
    if (fetching) wakeFetchers();
  }

  async #fetched(batch: SeamBatch, resolved: (nextOffset: number) => void): Promise<void> {
    const { topic, partition } = batch;
    const held = this.#held.get(partitionKey({ topic, partition }));
    if (held === undefined || !held.lane.started) return;
    if (batch.failure === undefined && held.waitingSinceMs !== undefined) {
      held.waitingSinceMs = systemClock.monotonicMs();
    }
    const fetchOffset = Number(batch.fetchedOffset);
    if (fetchOffset !== held.lane.nextFetch) {
      // Fetched for a position the lane has left since; the seek that moved it is on its way.
      return this.#session?.seek(held.place, held.lane.nextFetch);
    }
    if (batch.failure !== undefined) return void this.#failPartition(held, batch.failure);
    const { batches } = batch;
    const highWatermark = Number(batch.highWatermark);
    // Nothing new, not even how far the partition reaches.
    if (batches.length === 0 && highWatermark === held.highWatermark) return;
    let fetched: FetchedBatch;
    try {
      fetched = await fetchedBatch(this.#host.log.fetchDecoder ?? 'fast', fetchedOf(batch));
    } catch (error) {
      return void this.#failPartition(held, error);
    }
    if (!held.lane.offer(fetched)) return;
    held.highWatermark = highWatermark;
    resolved(fetched.nextOffset);
    await held.lane.room(laneWaitMs);
  }

  /**
   * The lane stops; the session goes on with the others, which must not wait for what is asked
   * here.
   */
  async #failPartition(held: Held, error: unknown): Promise<void> {
    const { lane, place } = held;
    const offset = lane.nextFetch;
    lane.stop();
    const failure = await partitionFailure(error, { ...place, offset }, this.#host.offsets);
    // Started again or gone to another meanwhile: the failure is of before.
    const isCurrent = this.#held.get(partitionKey(place)) === held && !lane.started;
    if (!isCurrent || this.#ending.signal.aborted) return;
    this.#options.listener.onPartitionFailed(place, failure);
  }

  async #crashed(error: Error): Promise<void> {
    const { groupId } = this;
    try {
      if (isFinal(error)) throw error;
      const reason = translated('The group session', error, {}).message;
      this.#host.log.logger.warn({ groupId, reason }, 'lost the group session, joining again');
      await this.#open(Infinity);
    } catch (failure) {
      if (!this.#ending.signal.aborted) {
        this.#fail(translated(`Membership of ${groupId}`, failure, { groupId }));
      }
    }
  }

  #fail(error: Error): void {
    if (this.#ending.signal.aborted) return;
    void this.leave();
    this.#options.listener.onFailed(error);
  }

  async #leave(): Promise<void> {
    this.#ending.abort();
    this.#heartbeats.rejectAll(this.#leftError());
    await Promise.all([...this.#held.values()].map(({ lane }) => lane.close()));
    const session = this.#session;
    this.#session = undefined;
    wakeFetchers();
    await session?.close();
    this.#held.clear();
  }

  #leftError(): UnavailableError {
    return new UnavailableError(`This member has left the group ${this.groupId}`);
  }
}
