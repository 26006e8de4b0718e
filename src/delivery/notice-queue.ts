// The alarm records read and not delivered yet. Each partition has at most one batch here, because
// the log hands out the next one only after this one; so the batch size bounds the queue. Records
// gather for a moment, then a round delivers them by site, those of one sensor in the log's order.
import { backoffMs, jitteredMs, type Backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { deferred, type Deferred } from '../deferred.ts';
import type { Logger } from '../logger.ts';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import { isMuted, siteOf, type AlarmNotice } from './alarm-notice.ts';
import { noticesMax, type AlarmGroup, type AlarmTarget, type PostOutcome } from './alarm-target.ts';

export interface QueueOptions {
  readonly target: AlarmTarget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DeliveryMetrics;
  readonly siteLevels: number;
  readonly groupWaitMs: number;
}

/** `dropped`: its partition belongs to another member, or the queue was closed. */
export type BatchOutcome = 'done' | 'dropped';

interface Waiting {
  readonly partition: string;
  readonly notices: readonly AlarmNotice[];
  readonly settled: Deferred<BatchOutcome>;
  isDropped: boolean;
}

interface Sent {
  readonly notice: AlarmNotice;
  readonly of: Waiting;
}

const backoff: Backoff = { firstMs: 500, maxMs: 30_000 };

export class NoticeQueue {
  readonly #options: QueueOptions;
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  /** The batches of the round under way. */
  #round: readonly Waiting[] = [];
  #attempt = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Resolves once every one of `notices`, all of one partition, is delivered or given up. */
  add(partition: string, notices: readonly AlarmNotice[]): Promise<BatchOutcome> {
    if (this.#closing.signal.aborted) return Promise.resolve('dropped');
    const waiting = { partition, notices, settled: deferred<BatchOutcome>(), isDropped: false };
    this.#waiting.push(waiting);
    this.#running ??= this.#run();
    return waiting.settled.promise;
  }

  /** Gives up what is left of a partition: its next owner delivers it. */
  drop(partition: string): void {
    for (const waiting of [...this.#waiting, ...this.#round]) {
      if (waiting.partition !== partition || waiting.isDropped) continue;
      waiting.isDropped = true;
      waiting.settled.resolve('dropped');
      // A post that goes on could arrive after the next owner's.
      this.#attempt.abort();
    }
    this.#waiting = this.#waiting.filter(({ isDropped }) => !isDropped);
  }

  /** Returns how many records wait, and when the oldest was committed; undefined without any. */
  state(): { readonly waiting: number; readonly oldestMs: number | undefined } {
    const left = [...this.#waiting, ...this.#round].filter(({ isDropped }) => !isDropped);
    const notices = left.flatMap((each) => each.notices);
    if (notices.length === 0) return { waiting: 0, oldestMs: undefined };
    const oldestMs = notices.reduce(
      (ms, { committedAtMs }) => Math.min(ms, committedAtMs),
      Infinity,
    );
    return { waiting: notices.length, oldestMs };
  }

  /** Gives up everything. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#attempt.abort();
    for (const { settled } of [...this.#waiting, ...this.#round]) settled.resolve('dropped');
    this.#waiting = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, groupWaitMs } = this.#options;
    while (this.#waiting.length > 0 && !this.#closing.signal.aborted) {
      await clock.sleep(groupWaitMs, this.#closing.signal);
      this.#round = this.#waiting;
      this.#waiting = [];
      for (const group of groupsOf(this.#round, this.#options.siteLevels))
        await this.#deliver(group);
      for (const { isDropped, settled } of this.#round) {
        settled.resolve(isDropped || this.#closing.signal.aborted ? 'dropped' : 'done');
      }
      this.#round = [];
    }
    this.#running = undefined;
  }

  /** Posts until the target has taken the group, or never will, or nothing of it is ours. */
  async #deliver({ site, sent }: SiteGroup): Promise<void> {
    const { clock, logger, metrics, target } = this.#options;
    const to = { target: target.name };
    for (let attempt = 0; ; attempt += 1) {
      const left = sent.filter(({ of }) => !of.isDropped);
      const heard = left.filter(({ notice }) => !isMuted(notice.event, clock.nowMs()));
      const notices = heard.map(({ notice }) => notice);
      const isOver = this.#closing.signal.aborted || notices.length === 0;
      const outcome = isOver ? undefined : await this.#post({ site, notices });
      if (this.#closing.signal.aborted) return;
      if (outcome === undefined || outcome.type !== 'failed') {
        metrics.muted.inc(to, left.length - heard.length);
      }
      switch (outcome?.type) {
        case undefined:
          return;
        case 'delivered':
          metrics.delivered.inc(to, notices.length);
          if (attempt > 0) logger.info(to, 'alarms are delivered again');
          return;
        case 'refused':
          metrics.refused.inc(to, notices.length);
          logger.error(
            { ...to, site, reason: outcome.reason, ids: notices.map(({ id }) => id).slice(0, 20) },
            'the target refused alarms for good; they are left out',
          );
          return;
        case 'failed': {
          // Dropped partitions are no failure of the target.
          if (this.#attempt.signal.aborted) break;
          metrics.retries.inc(to);
          const fields = { ...to, reason: outcome.reason };
          if (attempt === 0) logger.warn(fields, 'alarms wait for their target; trying again');
          const waitMs = jitteredMs(backoffMs(attempt, backoff));
          await this.#pause(Math.max(waitMs, outcome.retryAfterMs));
          break;
        }
        default:
          return outcome satisfies never;
      }
    }
  }

  async #post(group: AlarmGroup): Promise<PostOutcome> {
    this.#attempt = new AbortController();
    try {
      return await this.#options.target.post(group, this.#attempt.signal);
    } catch (error) {
      // A group that cannot be written as a request must not hold up those behind it.
      return { type: 'refused', reason: String(error) };
    }
  }

  /** A partition that is dropped, or a close, ends the pause. */
  #pause(waitMs: number): Promise<void> {
    if (this.#attempt.signal.aborted) return Promise.resolve();
    return this.#options.clock.sleep(waitMs, this.#attempt.signal);
  }
}

interface SiteGroup {
  readonly site: string;
  readonly sent: readonly Sent[];
}

/** Returns the records of all batches by site, in groups that fit a request. */
function groupsOf(batches: readonly Waiting[], siteLevels: number): readonly SiteGroup[] {
  const bySite = new Map<string, Sent[]>();
  for (const of of batches) {
    for (const notice of of.notices) {
      const site = siteOf(notice.event.sensor_id, siteLevels);
      const sent = bySite.get(site) ?? [];
      sent.push({ notice, of });
      bySite.set(site, sent);
    }
  }
  return [...bySite].flatMap(([site, sent]) => {
    const groups: SiteGroup[] = [];
    for (let at = 0; at < sent.length; at += noticesMax) {
      groups.push({ site, sent: sent.slice(at, at + noticesMax) });
    }
    return groups;
  });
}
