// An event log in memory with Kafka's rules: partitions in order, transactions all or nothing, one writer per input
// partition with the newer fencing the older, a group whose members hear of a new assignment at different times. Every
// call takes a seeded time; `faults` decides which fail, before or after they took effect.
import { FencedError, UnavailableError } from '../../src/errors.ts';
import type {
  Commit,
  CommitResult,
  CommittedPosition,
  EventLog,
  FetchedBatch,
  GroupListener,
  GroupMember,
  OutputRecord,
  PartitionWriter,
  RecordCursor,
  RecordHeader,
  TopicPartition,
} from '../../src/log/event-log.ts';
import { partitionForKey } from '../../src/log/partitioning.ts';
import type { Scheduler } from './scheduler.ts';

export interface StoredRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export type CallFault = 'none' | 'before' | 'after';

interface Member {
  readonly id: number;
  readonly topics: readonly string[];
  readonly listener: GroupListener;
  alive: () => boolean;
  assigned: Set<string>;
  started: Map<string, Delivery>;
  generation: number;
}

interface Delivery {
  position: number;
  paused: boolean;
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
const parse = (key: string): TopicPartition => {
  const at = key.lastIndexOf('/');
  return { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
};

/** The broker: outlives every simulated process. */
export class SimulatedBroker {
  readonly partitions: Map<string, StoredRecord[]> = new Map();
  readonly commits: Map<string, CommittedPosition> = new Map();
  readonly #counts: Map<string, number> = new Map();
  readonly #epochs: Map<string, number> = new Map();
  readonly #members: Set<Member> = new Set();
  readonly #scheduler: Scheduler;
  #nextMember = 0;
  #generation = 0;
  /** Which fault the next call of this name meets. */
  faults: (call: string) => CallFault = () => 'none';
  fetchRecordsMax = 50;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  create(topic: string, partitions: number): void {
    this.#counts.set(topic, partitions);
    for (let p = 0; p < partitions; p += 1) this.partitions.set(`${topic}/${p}`, []);
  }

  append(records: readonly OutputRecord[]): CommitResult {
    const ends = new Map<string, number>();
    for (const record of records) {
      const count = this.#counts.get(record.topic);
      if (count === undefined) throw new Error(`no topic ${record.topic}`);
      const partition =
        record.partition ?? (record.key === null ? 0 : partitionForKey(record.key, count));
      const key = `${record.topic}/${partition}`;
      const list = this.partitions.get(key);
      if (list === undefined) throw new Error(`no partition ${key}`);
      list.push({
        timestampMs: record.timestampMs ?? this.#scheduler.nowMs,
        key: record.key,
        value: record.value,
        headers: record.headers ?? [],
      });
      ends.set(key, list.length);
    }
    return [...ends].map(([key, endOffset]) => ({ ...parse(key), endOffset }));
  }

  /** One process's connection; its calls neither answer nor take effect once `alive` is false. */
  connect(alive: () => boolean): EventLog {
    const call = <T>(name: string, effect: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        const fault = this.faults(name);
        const there = this.#scheduler.random() * 20;
        this.#scheduler.after(there, () => {
          if (!alive()) return;
          let outcome: () => void;
          try {
            if (fault === 'before') throw new UnavailableError(`${name}: request lost`);
            const value = effect();
            outcome = () => resolve(value);
            if (fault === 'after')
              outcome = () => reject(new UnavailableError(`${name}: response lost`));
          } catch (error) {
            outcome = () => reject(error);
          }
          this.#scheduler.after(this.#scheduler.random() * 20, () => {
            if (alive()) outcome();
          });
        });
      });
    const end = (partition: TopicPartition): number =>
      this.partitions.get(keyOf(partition))?.length ?? 0;
    return {
      ensureTopics: () => Promise.resolve([]),
      describeTopic: (topic) =>
        call('describeTopic', () => ({
          topic,
          partitions: this.#counts.get(topic) ?? 0,
          replicationFactor: 1,
          config: {},
        })),
      offsets: (partition) => call('offsets', () => ({ earliest: 0, end: end(partition) })),
      offsetAtTime: (partition) => call('offsetAtTime', () => end(partition)),
      committed: (group, partition) =>
        call('committed', () => this.commits.get(`${group}|${keyOf(partition)}`)),
      commitOffsets: () => Promise.resolve(),
      read: (range) => this.#read(range, call),
      append: (records) => call('append', () => this.append(records)),
      joinGroup: ({ topics, listener }) =>
        call('joinGroup', () => this.#join(topics, listener, alive)),
      openWriter: (group, partition) =>
        call('openWriter', () => this.#openWriter(group, partition, call)),
      close: () => Promise.resolve(),
    };
  }

  async *#read(
    range: TopicPartition & { readonly from: number; readonly to?: number },
    call: <T>(name: string, effect: () => T) => Promise<T>,
  ): AsyncGenerator<FetchedBatch> {
    const batch = await call('read', () => {
      const to = range.to ?? this.partitions.get(keyOf(range))?.length ?? 0;
      return this.#batch(range, range.from, to);
    });
    yield batch;
  }

  #batch(partition: TopicPartition, from: number, to: number): FetchedBatch {
    const list = this.partitions.get(keyOf(partition)) ?? [];
    const records = list.slice(from, to);
    return {
      topic: partition.topic,
      partition: partition.partition,
      fetchOffset: from,
      nextOffset: from + records.length,
      highWatermark: list.length,
      records: () => cursorOver(records, from),
    };
  }

  #openWriter(
    group: string,
    partition: TopicPartition,
    call: <T>(name: string, effect: () => T) => Promise<T>,
  ): PartitionWriter {
    const id = `${group}-${keyOf(partition)}`;
    const epoch = (this.#epochs.get(id) ?? 0) + 1;
    this.#epochs.set(id, epoch);
    return {
      epoch: String(epoch),
      commit: (commit: Commit) =>
        call('commit', () => {
          if (this.#epochs.get(id) !== epoch) throw new FencedError(`${id} was taken over`);
          const ends = this.append(commit.records);
          const { nextOffset, metadata } = commit;
          this.commits.set(`${group}|${keyOf(partition)}`, { nextOffset, metadata });
          return ends;
        }),
      close: () => Promise.resolve(),
    };
  }

  #join(topics: readonly string[], listener: GroupListener, alive: () => boolean): GroupMember {
    const member: Member = {
      id: (this.#nextMember += 1),
      topics,
      listener,
      alive,
      assigned: new Set(),
      started: new Map(),
      generation: 0,
    };
    this.#members.add(member);
    this.rebalance();
    return {
      start: (partition, from) => {
        const key = keyOf(partition);
        if (!member.assigned.has(key)) return;
        const known = member.started.get(key);
        if (known === undefined) {
          const begun = { position: from, paused: false };
          member.started.set(key, begun);
          this.#poll(member, key, begun);
        } else {
          known.position = from;
        }
      },
      pause: (partition) => this.#setPaused(member, partition, true),
      resume: (partition) => this.#setPaused(member, partition, false),
      heartbeatAfterNow: () =>
        new Promise((resolve) => {
          // A heartbeat of an older generation does not succeed: the member must rejoin first.
          const beat = (): void => {
            if (!alive()) return;
            if (member.generation === this.#generation) resolve();
            else this.#scheduler.after(100, beat);
          };
          this.#scheduler.after(100, beat);
        }),
      leave: async () => {
        this.#members.delete(member);
        member.assigned.clear();
        member.started.clear();
        this.rebalance();
        await Promise.resolve();
      },
    };
  }

  #setPaused(member: Member, partition: TopicPartition, paused: boolean): void {
    const begun = member.started.get(keyOf(partition));
    if (begun !== undefined) begun.paused = paused;
  }

  /** Round robin over the living; every member hears of it at its own time, so two may believe they own one. */
  rebalance(): void {
    for (const member of this.#members) if (!member.alive()) this.#members.delete(member);
    const members = [...this.#members];
    const shares = new Map(members.map((member) => [member, new Set<string>()]));
    const topics = members[0]?.topics ?? [];
    const keys = [...this.partitions.keys()].filter((key) => topics.includes(parse(key).topic));
    keys.forEach((key, i) => {
      const member = members[i % members.length];
      if (member !== undefined) shares.get(member)?.add(key);
    });
    const generation = (this.#generation += 1);
    for (const [member, share] of shares) {
      this.#scheduler.after(this.#scheduler.random() * 500, () => {
        const stale = generation < this.#generation || !this.#members.has(member);
        if (stale || !member.alive()) return;
        member.generation = generation;
        this.#assign(member, share);
      });
    }
  }

  #assign(member: Member, share: ReadonlySet<string>): void {
    const removed = [...member.assigned].filter((key) => !share.has(key));
    const added = [...share].filter((key) => !member.assigned.has(key));
    member.assigned = new Set(share);
    for (const key of removed) member.started.delete(key);
    for (const [key, begun] of member.started) {
      begun.position = member.listener.positionOf(parse(key)) ?? begun.position;
    }
    member.listener.onRevoked(removed.map(parse));
    member.listener.onAssigned(added.map(parse));
  }

  #poll(member: Member, key: string, begun: Delivery): void {
    this.#scheduler.after(5 + this.#scheduler.random() * 50, () => {
      if (!member.alive() || member.started.get(key) !== begun) return;
      const end = this.partitions.get(key)?.length ?? 0;
      if (begun.paused || begun.position >= end) return this.#poll(member, key, begun);
      const from = begun.position;
      const size = 1 + Math.floor(this.#scheduler.random() * this.fetchRecordsMax);
      const batch = this.#batch(parse(key), from, Math.min(end, from + size));
      begun.position = batch.nextOffset;
      void member.listener.onBatch(batch).then(() => this.#poll(member, key, begun));
    });
  }
}

function cursorOver(records: readonly StoredRecord[], from: number): RecordCursor {
  let index = -1;
  const empty = new Uint8Array(0);
  const cursor = {
    offset: -1,
    timestampMs: 0,
    bytes: empty,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
    headerCount: 0,
    headers: () => records[index]?.headers ?? [],
    next: () => {
      index += 1;
      const record = records[index];
      if (record === undefined) return false;
      const key = record.key ?? empty;
      const value = record.value ?? empty;
      cursor.offset = from + index;
      cursor.timestampMs = record.timestampMs;
      cursor.bytes = Buffer.concat([key, value]);
      cursor.keyStart = record.key === null ? -1 : 0;
      cursor.keyEnd = record.key === null ? -1 : key.length;
      cursor.valueStart = record.value === null ? -1 : key.length;
      cursor.valueEnd = record.value === null ? -1 : key.length + value.length;
      cursor.headerCount = record.headers.length;
      return true;
    },
  };
  return cursor;
}
