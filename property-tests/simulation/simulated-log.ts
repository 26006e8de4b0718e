// An event log in memory with Kafka's rules: partitions in order, transactions all or nothing, one
// writer per input partition with the newer fencing the older. Outlives every simulated process. It
// may have holes: offsets of transaction markers, of aborted records and of compacted ones, at
// which no reader ever meets a record.
import { ConfigError, FencedError, UnavailableError } from '../../src/errors.ts';
import type {
  Commit,
  CommitResult,
  CommittedPosition,
  EventLog,
  FetchedBatch,
  GroupMember,
  PartitionWriter,
} from '../../src/log/event-log.ts';
import type { OutputRecord, TopicPartition } from '../../src/records/record.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';
import type { Scheduler } from './scheduler.ts';
import { Calls, type CallName } from './simulated-calls.ts';
import { keyOf, placeOf, SimulatedGroup } from './simulated-group.ts';
import type { Life } from './simulated-life.ts';
import { fetchedRecords, firstFrom, type StoredRecord } from './simulated-records.ts';

type Call = <T>(name: CallName, effect: () => T) => Promise<T>;

/** Longer than a batch of a fetch. */
const holeMax = 40;

/** The broker: outlives every simulated process. */
export class SimulatedBroker {
  /** Records that readers meet, by offset; the end of a partition may lie past its last record. */
  readonly partitions: Map<string, StoredRecord[]> = new Map();
  readonly commits: Map<string, CommittedPosition> = new Map();
  readonly topicIds: Map<string, string> = new Map();
  readonly #groups: Map<string, SimulatedGroup> = new Map();
  readonly #counts: Map<string, number> = new Map();
  readonly #ends: Map<string, number> = new Map();
  readonly #epochs: Map<string, number> = new Map();
  readonly #scheduler: Scheduler;
  readonly #calls: Calls;
  readonly #holes: number;
  /** Sees every position that a group commits outside a transaction, just before it takes effect. */
  onPosition: (place: TopicPartition, nextOffset: number) => void = () => undefined;
  /** Sees every commit just after it took effect. */
  onCommit: (place: TopicPartition, commit: Commit) => void = () => undefined;
  /** Whether the broker denies the writer of this partition its right to write, now. */
  denies: (place: TopicPartition) => boolean = () => false;
  /** Called when a writer is asked for a commit while one of its is under way: the port allows one at a time. */
  onTwoCommits: (writer: string) => void = () => undefined;

  /** `holes` is the chance of one before a record; 0: offsets without any, not even of markers. */
  constructor(
    scheduler: Scheduler,
    { calls = new Calls(scheduler), holes = 0 }: { calls?: Calls; holes?: number } = {},
  ) {
    this.#scheduler = scheduler;
    this.#calls = calls;
    this.#holes = holes;
  }

  /** How often a writer was opened. */
  get openings(): number {
    return [...this.#epochs.values()].reduce((sum, epoch) => sum + epoch, 0);
  }

  get groups(): readonly SimulatedGroup[] {
    return [...this.#groups.values()];
  }

  create(topic: string, partitions: number): void {
    this.#counts.set(topic, partitions);
    this.topicIds.set(topic, `id-of-${topic}`);
    for (let p = 0; p < partitions; p += 1) this.partitions.set(`${topic}/${p}`, []);
  }

  /** More partitions for a topic that is in use; members of groups notice some seconds later. */
  grow(topic: string, by: number): void {
    const count = this.countOf(topic);
    this.#counts.set(topic, count + by);
    for (let p = count; p < count + by; p += 1) this.partitions.set(`${topic}/${p}`, []);
    this.#scheduler.after(1_000 + this.#scheduler.random() * 4_000, () => {
      for (const group of this.groups) group.rebalance();
    });
  }

  countOf(topic: string): number {
    return this.#counts.get(topic) ?? 0;
  }

  /** Returns the records of all partitions of a topic, partition by partition. */
  recordsIn(topic: string): readonly StoredRecord[] {
    return Array.from(
      { length: this.countOf(topic) },
      (_, partition) => this.partitions.get(`${topic}/${partition}`) ?? [],
    ).flat();
  }

  end(partition: TopicPartition): number {
    return this.#ends.get(keyOf(partition)) ?? 0;
  }

  /** Returns the records of [from, to). */
  recordsOf(partition: TopicPartition, from: number, to: number): readonly StoredRecord[] {
    const list = this.partitions.get(keyOf(partition)) ?? [];
    return list.slice(firstFrom(list, from), firstFrom(list, to));
  }

  append(records: readonly OutputRecord[], kind: 'plain' | 'transaction' = 'plain'): CommitResult {
    const ends = new Map<string, number>();
    for (const record of records) {
      const count = this.#counts.get(record.topic);
      if (count === undefined) throw new Error(`no topic ${record.topic}`);
      const partition =
        record.partition ?? (record.key === null ? 0 : partitionForKey(record.key, count));
      const key = `${record.topic}/${partition}`;
      const list = this.partitions.get(key);
      if (list === undefined) throw new Error(`no partition ${key}`);
      const offset = (this.#ends.get(key) ?? 0) + this.#hole();
      list.push({
        offset,
        timestampMs: record.timestampMs ?? Math.floor(this.#scheduler.nowMs),
        key: record.key,
        value: record.value,
        headers: record.headers ?? [],
      });
      ends.set(key, offset + 1);
      this.#ends.set(key, offset + 1);
    }
    for (const [key, end] of ends) {
      const marked = this.#holes > 0 && (kind === 'transaction' || this.#hole() > 0);
      if (marked) this.#ends.set(key, end + 1);
    }
    return [...ends].map(([key, endOffset]) => ({ ...placeOf(key), endOffset }));
  }

  /** Returns how many offsets are passed over: of records aborted or compacted before anybody read them. */
  #hole(): number {
    if (this.#holes === 0 || this.#scheduler.random() >= this.#holes) return 0;
    return 1 + Math.floor(this.#scheduler.random() ** 4 * holeMax);
  }

  /** One thread's connection. */
  connect(life: Life): EventLog {
    const members = new Map<string, GroupMember>();
    let closed = false;
    const call: Call = (name, effect) =>
      this.#calls.make(life, name, () => {
        if (closed) throw new UnavailableError(`${name}: the log is closed`);
        return effect();
      });
    return {
      ensureTopics: () => Promise.resolve([]),
      topicIds: () => Promise.resolve(new Map(this.topicIds)),
      groupMembers: () => Promise.resolve([]),
      describeTopic: (topic) =>
        call('describeTopic', () => ({
          topic,
          partitions: this.#counts.get(topic) ?? 0,
          replicationFactor: 1,
          config: {},
        })),
      offsets: (partition) => call('offsets', () => ({ earliest: 0, end: this.end(partition) })),
      offsetsAll: (partitions) =>
        call('offsets', () =>
          partitions.map((partition) => ({ earliest: 0, end: this.end(partition) })),
        ),
      offsetAtTime: (partition) => call('offsets', () => this.end(partition)),
      committed: (group, partition) =>
        call('committed', () => this.commits.get(`${group}|${keyOf(partition)}`)),
      observedPositions: (group, partitions) =>
        call('committed', () =>
          partitions.map((partition) => ({
            committed: this.commits.get(`${group}|${keyOf(partition)}`),
            pending: false,
          })),
        ),
      commitOffsets: (group, positions) =>
        call('commitOffsets', () => {
          this.#group(group).assertCurrent(life);
          for (const { nextOffset, metadata, ...place } of positions) {
            this.onPosition(place, nextOffset);
            this.commits.set(`${group}|${keyOf(place)}`, { nextOffset, metadata });
          }
        }),
      read: (range) => this.#read(range, call),
      append: (records) => call('commit', () => this.append(records)),
      joinGroup: async ({ groupId, topics, listener }) => {
        const join = (): GroupMember => this.#group(groupId).join(topics, listener, life);
        const member = await call('joinGroup', join);
        members.set(groupId, member);
        return member;
      },
      openWriter: (group, partition) =>
        call('openWriter', () => this.#openWriter(group, partition, call)),
      close: async () => {
        closed = true;
        for (const member of members.values()) await member.leave();
      },
    };
  }

  #group(groupId: string): SimulatedGroup {
    const known = this.#groups.get(groupId);
    if (known !== undefined) return known;
    const group = new SimulatedGroup(this.#scheduler, {
      keys: () => [...this.partitions.keys()],
      end: (place) => this.end(place),
      batch: (place, from, to, fetchOffset) => this.#batch(place, from, to, fetchOffset),
    });
    this.#groups.set(groupId, group);
    return group;
  }

  async *#read(
    range: TopicPartition & { readonly from: number; readonly to?: number },
    call: Call,
  ): AsyncGenerator<FetchedBatch> {
    const batch = await call('read', () =>
      this.#batch(range, range.from, range.to ?? this.end(range), range.from),
    );
    yield batch;
  }

  #batch(partition: TopicPartition, from: number, to: number, fetchOffset: number): FetchedBatch {
    // Bytes of this fetch's own, written over once nobody is supposed to refer to them.
    const records = this.partitions.get(keyOf(partition)) ?? [];
    const end = Math.max(from, Math.min(to, this.end(partition)));
    const fetched = fetchedRecords(records, { from, to: end });
    return {
      topic: partition.topic,
      partition: partition.partition,
      fetchOffset,
      nextOffset: end,
      highWatermark: this.end(partition),
      bytes: fetched.bytes,
      records: () => fetched.cursor(),
      release: () => {
        fetched.overwrite();
      },
    };
  }

  #openWriter(group: string, partition: TopicPartition, call: Call): PartitionWriter {
    const id = `${group}-${keyOf(partition)}`;
    const epoch = (this.#epochs.get(id) ?? 0) + 1;
    this.#epochs.set(id, epoch);
    let committing = false;
    return {
      epoch: String(epoch),
      commit: async (commit: Commit) => {
        // Said and not thrown: an owner that is leaving anyway would swallow it.
        if (committing) this.onTwoCommits(id);
        committing = true;
        try {
          return await call('commit', () => {
            if (this.#epochs.get(id) !== epoch) throw new FencedError(`${id} was taken over`);
            if (this.denies(partition)) throw new ConfigError(`${id} may not write`);
            const ends = this.append([...commit.records], 'transaction');
            const { nextOffset, metadata } = commit;
            this.commits.set(`${group}|${keyOf(partition)}`, { nextOffset, metadata });
            this.onCommit(partition, commit);
            return ends;
          });
        } finally {
          committing = false;
        }
      },
      begin: () => undefined,
      close: () => Promise.resolve(),
    };
  }
}
