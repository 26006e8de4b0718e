import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { deferred } from '../../src/deferred.ts';
import type { AlarmGroup, PostOutcome } from '../../src/delivery/alarm-target.ts';
import { NoticeQueue } from '../../src/delivery/notice-queue.ts';
import { createDeliveryMetrics } from '../../src/metrics/delivery-metrics.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';
import { notice } from './alarm-events.ts';

const patiently = { timeout: 60_000 };
const failed: PostOutcome = { type: 'failed', reason: 'away', retryAfterMs: 3_600_000 };

function queueTo(post: (group: AlarmGroup, signal: AbortSignal) => Promise<PostOutcome>): {
  readonly queue: NoticeQueue;
  readonly posts: readonly string[][];
} {
  const posts: string[][] = [];
  const queue = new NoticeQueue({
    target: {
      name: 'webhook',
      post: (group, signal) => {
        posts.push(group.notices.map(({ id }) => id));
        return post(group, signal);
      },
    },
    clock: systemClock,
    logger: keepingLogger(),
    metrics: createDeliveryMetrics(),
    ...{ siteLevels: 0, groupWaitMs: 20 },
  });
  return { queue, posts };
}

describe('the queue of alarms', () => {
  it('ends the post under way when a partition is dropped, and goes on without its alarms', async () => {
    const { queue, posts } = queueTo((_group, signal) => {
      if (posts.length > 1) return Promise.resolve({ type: 'delivered' });
      const { promise, resolve } = deferred<PostOutcome>();
      signal.addEventListener('abort', () => resolve(failed), { once: true });
      return promise;
    });

    const lost = queue.add('t/0', [notice(1)]);
    const kept = queue.add('t/1', [notice(2)]);
    await expect.poll(() => posts.length, patiently).toBe(1);
    queue.drop('t/0');

    expect(await lost).toBe('dropped');
    expect(await kept).toBe('done');
    expect(posts).toEqual([['anomalies/0/1', 'anomalies/0/2'], ['anomalies/0/2']]);
  });

  it('ends a long wait for the target when it is closed', async () => {
    const { queue, posts } = queueTo(() => Promise.resolve(failed));

    const waiting = queue.add('t/0', [notice(1)]);
    await expect.poll(() => posts.length, patiently).toBe(1);
    await queue.close();

    expect(await waiting).toBe('dropped');
    expect(await queue.add('t/0', [notice(2)])).toBe('dropped');
    expect(queue.state()).toEqual({ waiting: 0, oldestMs: undefined });
  });

  it('waits as long as Retry-After asks for', async () => {
    const { queue, posts } = queueTo(() =>
      Promise.resolve(
        posts.length === 1
          ? { type: 'failed', reason: 'busy', retryAfterMs: 2_000 }
          : { type: 'delivered' },
      ),
    );
    const startedMs = performance.now();

    await queue.add('t/0', [notice(1)]);

    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_990);
    expect(posts).toHaveLength(2);
  });

  it('leaves out a group that cannot be written as a request', async () => {
    const { queue } = queueTo(() => Promise.reject(new Error('a bug')));

    expect(await queue.add('t/0', [notice(1)])).toBe('done');
  });

  it('splits what does not fit one request, in order', async () => {
    const { queue, posts } = queueTo(() => Promise.resolve({ type: 'delivered' }));
    const notices = Array.from({ length: 1_100 }, (_, offset) => notice(offset));

    await queue.add('t/0', notices);

    expect(posts.map(({ length }) => length)).toEqual([500, 500, 100]);
    expect(posts.flat()).toEqual(notices.map(({ id }) => id));
  });
});
