// Tells whether a journal partition holds entries of a shard. When a group starts, many shards ask
// about one journal partition at once: they share a scan, and a later scan resumes where the last
// one ended.
import type { EventLog } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionKey } from '../records/partition-key.ts';

export class JournalShards {
  readonly #log: Pick<EventLog, 'offsets' | 'read'>;
  readonly #scans: Map<string, PartitionScan> = new Map();

  constructor(log: Pick<EventLog, 'offsets' | 'read'>) {
    this.#log = log;
  }

  /**
   * Returns whether the journal holds an entry of the shard that was committed before this call.
   */
  async has(journal: TopicPartition, shardKey: string): Promise<boolean> {
    const place = partitionKey(journal);
    let scan = this.#scans.get(place);
    if (scan === undefined) {
      scan = new PartitionScan(this.#log, journal);
      this.#scans.set(place, scan);
    }
    await scan.toPresentEnd();
    return scan.shardKeys.has(shardKey);
  }
}

class PartitionScan {
  /** Keys of all shards seen so far, of every group that writes to this journal. */
  readonly shardKeys: Set<string> = new Set();
  readonly #log: Pick<EventLog, 'offsets' | 'read'>;
  readonly #journal: TopicPartition;
  /** Where the next scan begins: before what a transaction that is open may still add. */
  #position = 0;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(log: Pick<EventLog, 'offsets' | 'read'>, journal: TopicPartition) {
    this.#log = log;
    this.#journal = journal;
  }

  /**
   * Resolves once everything up to the end is scanned, an end that is asked for after this call:
   * the caller has fenced the shard's earlier owners, so nothing of theirs can follow or is open.
   * Callers that come while a scan runs share the next one.
   */
  toPresentEnd(): Promise<void> {
    this.#next ??= this.#afterRunning();
    return this.#next;
  }

  async #afterRunning(): Promise<void> {
    // A scan that failed is its own callers' failure.
    await this.#running?.catch(() => undefined);
    this.#running = this.#next;
    this.#next = undefined;
    await this.#scan();
  }

  async #scan(): Promise<void> {
    const { earliest, end } = await this.#log.offsets(this.#journal);
    const from = Math.max(this.#position, earliest);
    if (from >= end) return;
    // Other shards and groups write to this partition, and one of them may have been killed.
    for await (const batch of this.#log.read({ ...this.#journal, from, settledOnly: true })) {
      const records = batch.records();
      while (records.next()) {
        const { bytes, keyStart, keyEnd } = records;
        if (keyStart < 0) continue;
        this.shardKeys.add(Buffer.from(bytes.subarray(keyStart, keyEnd)).toString());
      }
      if (batch.pastOpen === undefined) this.#position = batch.nextOffset;
    }
  }
}
