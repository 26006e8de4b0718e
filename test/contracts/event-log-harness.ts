// Vocabulary of the event log's laws: names, bytes, whole reads, and a group member that records
// what it was told. Shared by the two halves of the contract (log and group); knows the port only,
// no adapter.
import { randomUUID } from 'node:crypto';

import type {
  EventLog,
  FetchedBatch,
  GroupListener,
  GroupMember,
} from '../../src/log/event-log.ts';
import type { OutputRecord, RecordHeader, TopicPartition } from '../../src/records/record.ts';

export interface EventLogHarness {
  readonly log: EventLog;
  /** Another instance over the same durable data, as another thread or process has one. */
  openAnother(): Promise<EventLog>;
  close(): Promise<void>;
}

/** Gives the log under test to the laws; valid from `beforeAll` to `afterAll`. */
export interface LogUnderTest {
  log(): EventLog;
  another(): Promise<EventLog>;
}

/** One record as plain values, copied out of its batch. */
export interface PlainRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly key: string; readonly value: string | null }[];
}

/** Returns a name no other test, run or adapter uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Date.now()}-${randomUUID().slice(0, 8)}`;
}

/** Returns the UTF-8 bytes of `text`. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Returns the name of a fresh topic of `partitions` partitions. */
export async function freshTopic(log: EventLog, partitions = 1): Promise<string> {
  const topic = uniqueName('contract');
  await log.ensureTopics([
    // Explicit timestamps are part of the laws; adapters without topic configuration ignore the
    // entry.
    { topic, partitions, config: { 'message.timestamp.type': 'CreateTime' } },
  ]);
  return topic;
}

/** Returns records whose values are the numbers of `[from, to)`. */
export function numbered(topic: string, from: number, to: number, partition = 0): OutputRecord[] {
  return Array.from({ length: to - from }, (_, index) => ({
    topic,
    partition,
    key: null,
    value: bytes(String(from + index)),
  }));
}

/** Returns the records of `batch`, copied. */
export function recordsOf(batch: FetchedBatch): PlainRecord[] {
  const cursor = batch.records();
  const records: PlainRecord[] = [];
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: textIn(cursor.bytes, cursor.keyStart, cursor.keyEnd),
      value: textIn(cursor.bytes, cursor.valueStart, cursor.valueEnd),
      headers: cursor.headers().map((header: RecordHeader) => ({
        key: header.key,
        value: header.value === null ? null : Buffer.from(header.value).toString('utf8'),
      })),
    });
  }
  return records;
}

function textIn(source: Uint8Array, start: number, end: number): string | null {
  return start < 0 ? null : Buffer.from(source.subarray(start, end)).toString('utf8');
}

/** Returns every record that a read of `[from, to)` hands out, unfiltered. */
export async function readAll(
  log: EventLog,
  partition: TopicPartition & { readonly from?: number; readonly to?: number },
): Promise<PlainRecord[]> {
  const records: PlainRecord[] = [];
  for await (const batch of log.read({ from: 0, ...partition })) records.push(...recordsOf(batch));
  return records;
}

/** Returns the values of all records of a partition. */
export async function valuesOf(
  log: EventLog,
  partition: TopicPartition,
): Promise<(string | null)[]> {
  return (await readAll(log, partition)).map((record) => record.value);
}

/** Resolves with what `probe` returns once it throws no more; rejects with its last error after `timeoutMs`. */
export async function eventually<T>(probe: () => T | Promise<T>, timeoutMs = 45_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A promise that the test opens by hand. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** Returns a closed gate. */
export function closedGate(): Gate {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/**
 * The positions a group's members share, and who was assigned each partition last. `violations`
 * names every delivery to a member after another one was assigned the partition: there must be
 * none.
 */
export class GroupLedger {
  readonly positions: Map<number, number> = new Map();
  readonly owners: Map<number, string> = new Map();
  readonly delivered: Map<number, string[]> = new Map();
  readonly violations: string[] = [];

  allDelivered(): string[] {
    return [...this.delivered.values()].flat();
  }
}

/** A listener that starts what it is assigned where the group left it, and folds like a shard: below position = skip. */
export class RecordingMember implements GroupListener {
  readonly held: Set<number> = new Set();
  readonly failures: Error[] = [];
  readonly partitionFailures: (TopicPartition & { readonly error: Error })[] = [];
  readonly batches: FetchedBatch[] = [];
  generations = 0;
  assignments = 0;
  revocations = 0;
  /** Set to hold every delivery until the gate opens. */
  gate: Gate | undefined;
  running = 0;
  runningMax = 0;
  member: GroupMember | undefined;
  readonly #name: string;
  readonly #ledger: GroupLedger;
  readonly #startsItself: boolean;
  #unstarted: TopicPartition[] = [];

  constructor(
    name: string,
    ledger: GroupLedger,
    start: 'starts-itself' | 'waits' = 'starts-itself',
  ) {
    this.#name = name;
    this.#ledger = ledger;
    this.#startsItself = start === 'starts-itself';
  }

  async join(log: EventLog, groupId: string, topic: string): Promise<GroupMember> {
    const member = await log.joinGroup({ groupId, topics: [topic], listener: this });
    this.member = member;
    const waiting = this.#unstarted;
    this.#unstarted = [];
    if (this.#startsItself) for (const partition of waiting) this.startAtPosition(partition);
    return member;
  }

  startAtPosition(partition: TopicPartition): void {
    this.member?.start(partition, this.#ledger.positions.get(partition.partition) ?? 0);
  }

  positionOf(partition: TopicPartition): number | undefined {
    if (!this.held.has(partition.partition)) return undefined;
    return this.#ledger.positions.get(partition.partition) ?? 0;
  }

  onGeneration(): void {
    this.generations += 1;
  }

  onAssigned(added: readonly TopicPartition[]): void {
    this.assignments += 1;
    for (const partition of added) {
      this.held.add(partition.partition);
      this.#ledger.owners.set(partition.partition, this.#name);
      if (this.member === undefined) this.#unstarted.push(partition);
      else if (this.#startsItself) queueMicrotask(() => this.startAtPosition(partition));
    }
  }

  onRevoked(removed: readonly TopicPartition[]): void {
    this.revocations += 1;
    for (const partition of removed) this.held.delete(partition.partition);
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    this.batches.push(batch);
    const owner = this.#ledger.owners.get(batch.partition);
    if (owner !== this.#name) {
      this.#ledger.violations.push(`${batch.partition} of ${String(owner)} came to ${this.#name}`);
    }
    this.running += 1;
    this.runningMax = Math.max(this.runningMax, this.running);
    await this.gate?.opened;
    this.#fold(batch);
    this.running -= 1;
  }

  onPartitionFailed(partition: TopicPartition, error: Error): void {
    this.partitionFailures.push({ ...partition, error });
  }

  onFailed(error: Error): void {
    this.failures.push(error);
  }

  #fold(batch: FetchedBatch): void {
    const position = this.#ledger.positions.get(batch.partition) ?? 0;
    if (!this.held.has(batch.partition) || batch.fetchOffset > position) return;
    const values = this.#ledger.delivered.get(batch.partition) ?? [];
    for (const record of recordsOf(batch)) {
      if (record.offset >= position) values.push(String(record.value));
    }
    this.#ledger.delivered.set(batch.partition, values);
    this.#ledger.positions.set(batch.partition, Math.max(position, batch.nextOffset));
  }
}
