import { expect, it } from 'vitest';

import { backoffMs, jitteredMs } from '../src/backoff.ts';

it('a wait doubles up to its maximum', () => {
  const waits = [0, 1, 2, 3, 1_000].map((retry) => backoffMs(retry, { firstMs: 10, maxMs: 75 }));

  expect(waits).toEqual([10, 20, 40, 75, 75]);
});

it('a wait with jitter is between half of it and all of it', () => {
  expect([0, 0.5, 1].map((random) => jitteredMs(100, random))).toEqual([50, 75, 100]);
});
