// A member of a group: its heartbeats, partitions and deliveries. Invariant: a partition is
// delivered only after the group has assigned it to this member, and never after it may belong to
// another.
import { randomUUID } from 'node:crypto';
import { threadId } from 'node:worker_threads';

import type { Clock, Timer } from '../../clock.ts';
import { assert, UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { GroupListener, GroupMember } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { parsePartitionKey, partitionKey } from '../../records/partition-key.ts';
import type { CommitSignal } from './commit-signal.ts';
import type { Tables } from '../../lmdb/tables.ts';
import { PartitionDelivery } from './delivery.ts';
import {
  generationOf,
  heartbeat,
  removeMember,
  type HeartbeatInput,
  type HeartbeatOutcome,
} from './group-state.ts';
import { logTables, nameKey } from './layout.ts';
import type { TopicTable } from './topics.ts';

export interface MemberTiming {
  readonly heartbeatMs: number;
  readonly sessionTimeoutMs: number;
}

export interface MemberLog extends MemberTiming {
  readonly tables: Tables;
  readonly topics: TopicTable;
  readonly signal: CommitSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface MemberOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly listener: GroupListener;
  readonly memberInfo?: string;
}

/** Joins the group and resolves; the assignment follows in a later turn of the event loop. */
export async function joinEmbeddedGroup(
  log: MemberLog,
  options: MemberOptions,
): Promise<GroupMember> {
  const member = new EmbeddedMember(log, options);
  await member.join();
  return member;
}

class EmbeddedMember implements GroupMember {
  readonly #log: MemberLog;
  readonly #options: MemberOptions;
  readonly #id = `${process.pid}-${threadId}-${randomUUID()}`;
  readonly #held = new Map<string, PartitionDelivery>();
  /** Deliveries of revoked partitions that may still be inside onBatch. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #released = new Set<string>();
  #generation = 0;
  #lastSuccessMs: number;
  #state: 'member' | 'leaving' | 'failed' = 'member';
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #left: Promise<void> | undefined;
  #stopListening: () => void = () => undefined;

  constructor(log: MemberLog, options: MemberOptions) {
    this.#log = log;
    this.#options = options;
    this.#lastSuccessMs = log.clock.monotonicMs();
  }

  async join(): Promise<void> {
    await this.#enterHeartbeat();
    this.#stopListening = this.#log.signal.onRing(() => this.#ringed());
    this.#armTimer();
    // A second heartbeat brings the first assignment, once the caller has received this member.
    setImmediate(() => void this.#beat('absorb'));
  }

  start(partition: TopicPartition, from: number): void {
    assert(Number.isSafeInteger(from) && from >= 0, 'Delivery starts at an offset', { from });
    this.#delivery(partition)?.start(from);
  }

  pause(partition: TopicPartition): void {
    this.#delivery(partition)?.pause();
  }

  resume(partition: TopicPartition): void {
    this.#delivery(partition)?.resume();
  }

  async heartbeatAfterNow(): Promise<void> {
    await this.#beat('report');
  }

  unconfirmedMs(): number {
    return this.#log.clock.monotonicMs() - this.#lastSuccessMs;
  }

  /** The log is a file of this machine: it always answers. */
  unansweredMs(): number {
    return 0;
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  #delivery(place: TopicPartition): PartitionDelivery | undefined {
    return this.#held.get(partitionKey(place));
  }

  #ringed(): void {
    for (const delivery of this.#held.values()) delivery.wake();
    this.#log.tables.refresh();
    const group = this.#log.tables.get(logTables.groups, nameKey(this.#options.groupId));
    if (generationOf(group) !== this.#generation) void this.#beat('absorb');
  }

  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = this.#log.clock.after(this.#log.heartbeatMs, () => {
      // The slow poll, in case a commit signal was lost.
      for (const delivery of this.#held.values()) delivery.wake();
      void this.#beat('absorb').finally(() => {
        if (this.#state === 'member') this.#armTimer();
      });
    });
  }

  /** Returns a heartbeat that starts after this call; callers share one that has not started. */
  #beat(onError: 'report' | 'absorb'): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const beating = this.#heartbeat();
      this.#running = beating.catch(() => undefined);
      return beating;
    });
    return onError === 'report' ? this.#next : this.#next.catch(() => undefined);
  }

  async #heartbeat(): Promise<void> {
    if (this.#state !== 'member') throw this.#notAMember();
    let outcome: HeartbeatOutcome;
    try {
      outcome = await this.#enterHeartbeat();
    } catch (error) {
      this.#heartbeatFailed(error);
      throw error;
    }
    this.#lastSuccessMs = this.#log.clock.monotonicMs();
    if (this.#state === 'member') this.#obey(outcome);
  }

  async #enterHeartbeat(): Promise<HeartbeatOutcome> {
    const released = [...this.#released];
    const input = this.#input(released);
    const { result } = await this.#log.tables.update((view) => heartbeat(view, input));
    for (const name of released) this.#released.delete(name);
    if (this.#generation !== result.generation) this.#options.listener.onGeneration?.();
    this.#generation = result.generation;
    if (result.changed) this.#log.signal.ring();
    return result;
  }

  #input(released: readonly string[]): HeartbeatInput {
    const { tables, topics, clock, sessionTimeoutMs } = this.#log;
    return {
      groupId: this.#options.groupId,
      memberId: this.#id,
      processToken: tables.processToken,
      topics: this.#options.topics,
      info: this.#options.memberInfo ?? '',
      monotonicMs: clock.monotonicMs(),
      sessionTimeoutMs,
      partitionsOf: (topic) => topics.find(topic)?.partitions ?? 0,
      released,
    };
  }

  /** Applies the group's assignment to the deliveries. */
  #obey(outcome: HeartbeatOutcome): void {
    if (!outcome.wasMember) {
      this.#log.logger.warn(
        { groupId: this.#options.groupId, partitions: this.#held.size },
        'no heartbeat for longer than the session timeout; rejoining the group',
      );
    }
    const keeps = new Set(outcome.claimed.filter((name) => !outcome.surplus.includes(name)));
    const lost = [...this.#held.keys()].filter((name) => !outcome.wasMember || !keeps.has(name));
    this.#revoke(lost);
    // Claimed by an earlier heartbeat, but reassigned before its delivery started here.
    const unused = outcome.surplus.filter((name) => !this.#ending.has(name));
    for (const name of unused) this.#released.add(name);
    if (unused.length > 0) void this.#beat('absorb');
    const added = [...keeps].filter((name) => !this.#held.has(name) && !this.#ending.has(name));
    this.#assign(added);
  }

  #revoke(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) {
      const delivery = this.#held.get(name);
      this.#held.delete(name);
      if (delivery === undefined) continue;
      const ended = delivery.stop().then(() => {
        this.#ending.delete(name);
        this.#released.add(name);
        if (this.#state === 'member') void this.#beat('absorb');
      });
      this.#ending.set(name, ended);
    }
    this.#options.listener.onRevoked(names.map(parsePartitionKey));
  }

  #assign(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) {
      const place = parsePartitionKey(name);
      const topicId = this.#log.topics.require(place).id;
      const { tables } = this.#log;
      const { listener } = this.#options;
      this.#held.set(name, new PartitionDelivery(tables, { ...place, topicId }, listener));
    }
    const fields = { groupId: this.#options.groupId, held: this.#held.size, added: names.length };
    this.#log.logger.info(fields, 'joined the group');
    this.#options.listener.onAssigned(names.map(parsePartitionKey));
  }

  #heartbeatFailed(error: unknown): void {
    const silentMs = this.#log.clock.monotonicMs() - this.#lastSuccessMs;
    const fields = { groupId: this.#options.groupId, silentMs, error: String(error) };
    this.#log.logger.warn(fields, 'a heartbeat failed');
    if (this.#state !== 'member' || silentMs <= this.#log.sessionTimeoutMs) return;
    this.#state = 'failed';
    this.#timer?.cancel();
    this.#stopListening();
    const names = [...this.#held.keys()];
    for (const delivery of this.#held.values()) void delivery.stop();
    this.#held.clear();
    if (names.length > 0) this.#options.listener.onRevoked(names.map(parsePartitionKey));
    this.#options.listener.onFailed(
      new UnavailableError('Lost the group membership: heartbeats kept failing', {}, error),
    );
  }

  async #leave(): Promise<void> {
    const before = this.#state;
    this.#state = 'leaving';
    this.#timer?.cancel();
    this.#stopListening();
    await Promise.all([...this.#held.values()].map((delivery) => delivery.stop()));
    await Promise.all(this.#ending.values());
    await this.#running;
    this.#held.clear();
    if (before === 'failed') return;
    try {
      await this.#log.tables.update((view) => removeMember(view, this.#input([])));
      this.#log.signal.ring();
    } catch (error) {
      // The other members notice after the session timeout.
      const fields = { groupId: this.#options.groupId, error: String(error) };
      this.#log.logger.warn(fields, 'could not leave the group');
    }
  }

  #notAMember(): UnavailableError {
    return new UnavailableError('The member has left its group', {
      groupId: this.#options.groupId,
    });
  }
}
