import { describe, expect, test } from 'vitest';

import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import { createLiveRows, type LiveRows } from '../../src/projections/live.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { HandClock } from './recorded.ts';

function tail(): { clock: HandClock; live: LiveRows; posts: (readonly FeatureRow[])[] } {
  const clock = new HandClock();
  const posts: (readonly FeatureRow[])[] = [];
  return { clock, live: createLiveRows(clock, (rows) => posts.push(rows)), posts };
}

const rows = (from: number, to: number): FeatureRow[] =>
  Array.from({ length: to - from }, (_, index) => featureRow(`s${from + index}`, 0));

describe('the live tail', () => {
  test('a row after a quiet time is posted at once', () => {
    const { live, posts } = tail();

    live.offer(rows(0, 1));

    expect(posts).toEqual([rows(0, 1)]);
  });

  test('at most four posts a second of at most 200 rows are sent, however many rows arrive', () => {
    const { clock, live, posts } = tail();

    for (let ms = 0; ms < 1_000; ms += 10) {
      live.offer(rows(ms * 100, ms * 100 + 70));
      clock.advance(10);
    }

    expect(posts.length).toBeGreaterThanOrEqual(4);
    expect(posts.length).toBeLessThanOrEqual(5);
    expect(Math.max(...posts.map((post) => post.length))).toBe(200);
  });

  test('the newest rows are kept, and nothing is posted twice or when nothing came', () => {
    const { clock, live, posts } = tail();
    live.offer(rows(0, 1));

    live.offer(rows(1, 151));
    live.offer(rows(151, 301));
    clock.advance(250);
    clock.advance(10_000);
    live.offer([]);

    expect(posts.slice(1)).toEqual([rows(101, 301)]);
  });

  test('a closed tail posts no more', () => {
    const { clock, live, posts } = tail();
    live.offer(rows(0, 2));
    live.offer(rows(2, 4));

    live.close();
    clock.advance(1_000);
    live.offer(rows(4, 5));

    expect(posts).toEqual([rows(0, 2)]);
  });
});
