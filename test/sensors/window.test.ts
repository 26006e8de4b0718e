import { expect, it } from 'vitest';

import { windowStartMs } from '../../src/sensors/window.ts';

it('floors to a multiple of the window, before the epoch too', () => {
  expect(windowStartMs(0, 60_000)).toBe(0);
  expect(windowStartMs(59_999, 60_000)).toBe(0);
  expect(windowStartMs(60_000, 60_000)).toBe(60_000);
  expect(windowStartMs(-1, 60_000)).toBe(-60_000);
  expect(windowStartMs(-60_000, 60_000)).toBe(-60_000);
});

it('is exact to the bit up to the ends of the safe integers', () => {
  const wrong: number[] = [];
  for (const windowMs of [3, 7, 10, 1_000, 1_025, 60_000, 65_537, 86_400_000]) {
    for (let step = 0; step < 1_000; step += 1) {
      for (const t of [Number.MAX_SAFE_INTEGER - step, 2 ** 52 + step, step - 2 ** 52]) {
        const [time, length] = [BigInt(t), BigInt(windowMs)];
        const expected = time - (((time % length) + length) % length);
        if (BigInt(windowStartMs(t, windowMs)) !== expected) wrong.push(t);
      }
    }
  }
  expect(wrong).toEqual([]);
});
