// The history projection: every feature row of one topic, once, into a history store. It reads
// without a group: its positions lie beside the rows they belong to, and change with them.
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog, PartitionExtent } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import type { FeatureTopic } from '../log/topics.ts';
import type { HistoryGap, HistoryStore } from '../stores/history-store.ts';
import { rowsOf, type RowOptions } from './offline.ts';

export interface FollowOptions extends FeatureTopic, RowOptions {
  readonly log: EventLog;
  readonly store: HistoryStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** `once`: up to the topic's end as found; `on`: until the signal. */
  readonly follow: 'once' | 'on';
  /** Rows wait this long at most before they are durable, and the writer beats as often. */
  readonly commitIntervalMs: number;
  /** Records of a partition read before another one may come first; 20,000 where left out. */
  readonly recordsPerTurn?: number;
  /** Whether readers see all that was read in the end, or the next start publishes it. */
  readonly atEnd: 'publish' | 'leave';
  /** Called where the topic begins after the position: these rows are lost to the history. */
  onGap(gap: HistoryGap): void;
  onProgress?(progress: FollowProgress): void;
}

export interface FollowProgress {
  /** Records read since the start, and those still unread. */
  readonly records: number;
  readonly behind: number;
  /** Newest window end read of any partition. */
  readonly newestMs: number | undefined;
}

const recordsPerTurnDefault = 20_000;
const pollMs = 1_000;
const otherFolder = 'Name another folder (HISTORY_DIR, or --out), or move this one elsewhere';
/** A day is closed once every partition's windows have passed its end by this. */
const closedAfterMs = 900_000;

/**
 * Reads the topic into `store`; resolves at the end, or once `signal` aborts, with all that was
 * read committed.
 * @throws ConfigError when the topic is missing or another one; FencedError when another process
 * has taken the store over.
 */
export async function followHistory(options: FollowOptions): Promise<FollowProgress> {
  const follower = new Follower(options);
  await follower.run();
  return follower.progress();
}

class Follower {
  readonly #options: FollowOptions;
  readonly #positions: (number | undefined)[];
  readonly #newestMs: (number | undefined)[];
  readonly #gaps: HistoryGap[];
  #behind = 0;
  #records = 0;
  #isMoved = false;
  #roundMs: number;
  /** Of the topic that the positions are in; undefined while unknown. */
  #topicId: string | undefined;

  constructor(options: FollowOptions) {
    const { positions, newestMs, gaps, topicId } = options.store.progress();
    this.#options = options;
    this.#positions = [...positions];
    this.#newestMs = [...newestMs];
    this.#gaps = [...gaps];
    this.#roundMs = options.clock.monotonicMs();
    this.#topicId = topicId;
  }

  progress(): FollowProgress {
    const newest = Math.max(...this.#newestMs.map((ms) => ms ?? -Infinity));
    const newestMs = Number.isFinite(newest) ? newest : undefined;
    return { records: this.#records, behind: this.#behind, newestMs };
  }

  async run(): Promise<void> {
    const { atEnd, clock, commitIntervalMs, follow, signal, store } = this.#options;
    const partitions = await this.#partitions();
    await this.#assertSameTopic();
    let ends: readonly PartitionExtent[] | undefined;
    while (!signal.aborted) {
      if (ends === undefined || follow === 'on') ends = await this.#extents(partitions);
      const next = this.#nextPartition(ends);
      if (next === undefined && follow === 'once') break;
      if (next === undefined) await clock.sleep(Math.min(pollMs, commitIntervalMs), signal);
      else await this.#readTurn(next, ends[next]?.end ?? 0);
      await this.#commitWhenDue(ends);
    }
    await this.#commit();
    if (atEnd === 'leave') return;
    await store.publish({ closedMs: this.#closedMs(ends ?? []), when: 'now' });
  }

  async #partitions(): Promise<readonly TopicPartition[]> {
    const { log, topic } = this.#options;
    const description = await log.describeTopic(topic);
    if (description === undefined) {
      throw new ConfigError(`topic ${topic} does not exist`, { topic });
    }
    return Array.from({ length: description.partitions }, (_, partition) => ({
      topic,
      partition,
    }));
  }

  /** Returns what each partition holds; its position is then within. */
  async #extents(partitions: readonly TopicPartition[]): Promise<readonly PartitionExtent[]> {
    const extents = await this.#options.log.offsetsAll(partitions);
    for (const [partition, { earliest, end }] of extents.entries()) {
      const position = this.#positions[partition];
      if (position === undefined) this.#positions[partition] = earliest;
      else if (position > end) throw this.#otherTopic(partition, position, end);
      else if (position < earliest) this.#skip({ partition, from: position, to: earliest });
    }
    this.#behind = extents.reduce(
      (sum, { end }, partition) => sum + end - (this.#positions[partition] ?? end),
      0,
    );
    this.#options.onProgress?.(this.progress());
    return extents;
  }

  #otherTopic(partition: number, position: number, end: number): ConfigError {
    const { topic } = this.#options;
    return new ConfigError(
      `${topic}/${partition} ends at offset ${end}, and the history has read up to ${position}: ` +
        `it is another topic of that name. ${otherFolder}`,
      { topic, partition, position, end },
    );
  }

  #skip(gap: HistoryGap): void {
    this.#gaps.push(gap);
    this.#positions[gap.partition] = gap.to;
    this.#isMoved = true;
    this.#options.onGap(gap);
  }

  /** The partition furthest back in event time, so that days fill evenly and are closed early. */
  #nextPartition(extents: readonly PartitionExtent[]): number | undefined {
    let next: number | undefined;
    for (const [partition, { end }] of extents.entries()) {
      if ((this.#positions[partition] ?? end) >= end) continue;
      if (next === undefined || this.#newest(partition) < this.#newest(next)) next = partition;
    }
    return next;
  }

  #newest(partition: number): number {
    return this.#newestMs[partition] ?? -Infinity;
  }

  async #readTurn(partition: number, end: number): Promise<void> {
    const { log, recordsPerTurn = recordsPerTurnDefault, signal, store, topic } = this.#options;
    const from = this.#positions[partition] ?? 0;
    const to = Math.min(end, from + recordsPerTurn);
    let position = from;
    for await (const batch of log.read({ topic, partition, from, to })) {
      const range = { ...this.#options, partition, from: position, to };
      for (const entry of rowsOf(batch, range, this.#options)) {
        if (store.isFull) await this.#commit();
        store.add(entry);
        this.#newestMs[partition] = Math.max(this.#newest(partition), entry.row.window_end);
        this.#positions[partition] = entry.nextOffset;
      }
      const next = Math.min(batch.nextOffset, to);
      this.#count(position, next);
      position = next;
      this.#moveTo(partition, position);
      this.#options.onProgress?.(this.progress());
      if (signal.aborted) return;
    }
    // Offsets without a record: markers of transactions, and what was compacted away.
    this.#count(position, to);
    this.#moveTo(partition, to);
  }

  #moveTo(partition: number, position: number): void {
    this.#positions[partition] = position;
    this.#isMoved = true;
  }

  /** Counts the records of [from, to) as read. */
  #count(from: number, to: number): void {
    this.#records += to - from;
    this.#behind = Math.max(0, this.#behind - (to - from));
  }

  async #commitWhenDue(extents: readonly PartitionExtent[]): Promise<void> {
    const { clock, commitIntervalMs, signal, store } = this.#options;
    if (clock.monotonicMs() - this.#roundMs < commitIntervalMs) return;
    if (this.#isMoved || store.pendingRows() > 0) await this.#commit();
    else await store.beat();
    await store.publish({ closedMs: this.#closedMs(extents), when: 'due', signal });
    this.#roundMs = clock.monotonicMs();
  }

  /**
   * Rows of another topic of this name must not follow those of the one before: its offsets say
   * nothing of what was read. Asked before each commit, since the topic may be made again at any
   * moment.
   */
  async #assertSameTopic(): Promise<void> {
    const { log, topic } = this.#options;
    const now = (await log.topicIds([topic])).get(topic);
    if (now === undefined || now === this.#topicId) return;
    if (this.#topicId !== undefined) throw this.#madeAgain(this.#topicId, now);
    // The next commit keeps it, even if nothing is read.
    this.#topicId = now;
    this.#isMoved = true;
  }

  #madeAgain(before: string, now: string): ConfigError {
    const { topic } = this.#options;
    return new ConfigError(
      `${topic} was deleted and made again (its topic id was ${before} and is ${now}): the history ` +
        `has read the topic before. ${otherFolder}`,
      { topic, topicIdBefore: before, topicId: now },
    );
  }

  async #commit(): Promise<void> {
    await this.#assertSameTopic();
    await this.#options.store.commit({
      positions: this.#positions,
      newestMs: this.#newestMs,
      gaps: this.#gaps,
      topicId: this.#topicId,
    });
    this.#isMoved = false;
  }

  /** Event time up to which days are closed: a partition without unread rows holds none open. */
  #closedMs(extents: readonly PartitionExtent[]): number {
    const newest = this.progress().newestMs ?? -Infinity;
    const lagging = extents.flatMap(({ end }, partition) =>
      (this.#positions[partition] ?? end) < end ? [this.#newest(partition)] : [],
    );
    return Math.min(newest, ...lagging) - closedAfterMs;
  }
}
