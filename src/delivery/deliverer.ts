// Delivers the committed alarm records to one target, as a member of a consumer group of its own.
// Invariant: a position is committed only after every alarm record before it was taken or refused,
// so each is delivered at least once. Next on the line: notice-queue.ts.
import { backoffMs } from '../backoff.ts';
import { aborted, deferred } from '../deferred.ts';
import type { EventLog, FetchedBatch, GroupListener, GroupMember } from '../log/event-log.ts';
import { TopicIds } from '../log/topic-ids.ts';
import { Positions, type Held } from '../projections/positions.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { TopicPartition } from '../records/record.ts';
import { noticesIn, type UnreadableRecord } from './alarm-notice.ts';
import { NoticeQueue, type QueueOptions } from './notice-queue.ts';

export interface DelivererOptions extends QueueOptions {
  readonly log: EventLog;
  /** Of the alarm records. */
  readonly topic: string;
  readonly groupId: string;
}

export interface Deliverer {
  /** Gives up what waits, commits, leaves the group. Idempotent. */
  close(): Promise<void>;
}

const commitIntervalMs = 1_000;
const measureIntervalMs = 1_000;
/** A log that is away must not hold up a stop. */
const leaveMsMax = 3_000;

/** Starts the delivery; a membership that fails is begun again, with backoff, until closed. */
export function startDeliverer(options: DelivererOptions): Deliverer {
  const closing = new AbortController();
  const life = deliver(options, closing.signal);
  return {
    async close() {
      closing.abort();
      await life;
    },
  };
}

async function deliver(options: DelivererOptions, closing: AbortSignal): Promise<void> {
  const { clock, logger, target } = options;
  for (let failures = 0; !closing.aborted; failures += 1) {
    const member = new DeliveryMember(options);
    const beganMs = clock.monotonicMs();
    try {
      await member.deliver(closing);
    } catch (error) {
      if (closing.aborted) break;
      const fields = { target: target.name, error: String(error) };
      logger.warn(fields, 'the delivery of alarms has lost the log; joining its group again');
    } finally {
      await member.close();
    }
    if (clock.monotonicMs() - beganMs > 60_000) failures = 0;
    await clock.sleep(backoffMs(failures), closing);
  }
}

/** One membership. */
class DeliveryMember implements GroupListener {
  readonly #options: DelivererOptions;
  readonly #closing = new AbortController();
  readonly #positions: Positions;
  readonly #queue: NoticeQueue;
  readonly #ended = deferred<never>();
  readonly #joined = deferred<GroupMember>();
  /** Partitions of which an unreadable record was named. */
  readonly #named = new Set<string>();
  #member: GroupMember | undefined;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#queue = new NoticeQueue(options);
    this.#positions = new Positions({
      ...options,
      topicIds: new TopicIds(options.log, [options.topic]),
      storeMayForget: false,
      closing: this.#closing.signal,
    });
    // A failure may come before anybody awaits it.
    this.#ended.promise.catch(() => undefined);
  }

  /** Delivers until `closing`. @throws what ended the membership. */
  async deliver(closing: AbortSignal): Promise<void> {
    const { groupId, log, topic } = this.#options;
    const stopped = aborted(closing);
    const joining = log.joinGroup({
      ...{ groupId, topics: [topic], delivery: 'prompt', listener: this },
    });
    joining.then(this.#joined.resolve, this.#ended.reject);
    // A log that is away must not hold up a stop; closing the log leaves the group, too.
    this.#member = await Promise.race([joining, stopped]);
    const measured = this.#every(measureIntervalMs, () => this.#measure());
    const committed = this.#every(commitIntervalMs, () => this.#positions.commit());
    await Promise.race([stopped, measured, committed, this.#ended.promise]);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#queue.close();
    this.#measure();
    // Without the commit, records are delivered again.
    const left = this.#positions.commit().then(() => this.#member?.leave());
    await Promise.race([left.catch(() => undefined), this.#options.clock.sleep(leaveMsMax)]);
    this.#positions.clear();
  }

  positionOf(partition: TopicPartition): number | undefined {
    return this.#positions.get(partition)?.position;
  }

  onAssigned(added: readonly TopicPartition[]): void {
    for (const partition of added) this.#guard(this.#begin(this.#positions.add(partition)));
  }

  onRevoked(removed: readonly TopicPartition[]): void {
    for (const partition of removed) {
      this.#positions.remove(partition);
      this.#queue.drop(partitionKey(partition));
    }
  }

  onPartitionFailed(partition: TopicPartition, error: Error): void {
    const held = this.#positions.get(partition);
    if (held !== undefined) this.#guard(this.#beginAgain(held, error));
  }

  onFailed(error: Error): void {
    this.#ended.reject(error);
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    const held = this.#positions.get(batch);
    const position = held?.position;
    if (held === undefined || position === undefined || batch.fetchOffset > position) return;
    held.fetchFailures = 0;
    held.highWatermark = batch.highWatermark;
    const { notices, unreadable } = noticesIn(batch, position);
    this.#report(batch, unreadable);
    const key = partitionKey(batch);
    const outcome = notices.length === 0 ? 'done' : await this.#queue.add(key, notices);
    if (outcome === 'done' && held.position === position) held.position = batch.nextOffset;
  }

  async #begin(held: Held): Promise<void> {
    const member = await this.#joined.promise;
    const from = await this.#positions.settle(held);
    if (from !== undefined) member.start(held, from);
  }

  async #beginAgain(held: Held, error: Error): Promise<void> {
    const { clock, logger, target } = this.#options;
    const { topic, partition } = held;
    const fields = { target: target.name, topic, partition, error: error.message };
    logger.warn(fields, 'alarm records of a partition cannot be fetched; trying again');
    await clock.sleep(backoffMs(held.fetchFailures), this.#closing.signal);
    held.fetchFailures += 1;
    held.position = undefined;
    await this.#begin(held);
  }

  /** Names the first unreadable record of a partition; the metric counts all. */
  #report(partition: TopicPartition, unreadable: readonly UnreadableRecord[]): void {
    const { logger, metrics, target } = this.#options;
    const [first] = unreadable;
    if (first === undefined) return;
    metrics.unreadable.inc({ target: target.name }, unreadable.length);
    const key = partitionKey(partition);
    if (this.#named.has(key)) return;
    this.#named.add(key);
    const { topic, partition: number } = partition;
    logger.error({ topic, partition: number, ...first }, 'the delivery left out a record');
  }

  #measure(): void {
    const { clock, metrics, target } = this.#options;
    const to = { target: target.name };
    const { waiting, oldestMs } = this.#queue.state();
    const lagMs = oldestMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestMs);
    metrics.waiting.set(to, waiting);
    metrics.lagSeconds.set(to, lagMs / 1_000);
  }

  async #every(intervalMs: number, action: () => Promise<void> | void): Promise<never> {
    for (;;) {
      await this.#options.clock.sleep(intervalMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return this.#ended.promise;
      await action();
    }
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#ended.reject(error));
  }
}
