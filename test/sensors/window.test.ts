import { expect, it } from 'vitest';

import { windowStartMs } from '../../src/sensors/window.ts';

it('floors to a multiple of the window, before the epoch too', () => {
  expect(windowStartMs(0, 60_000)).toBe(0);
  expect(windowStartMs(59_999, 60_000)).toBe(0);
  expect(windowStartMs(60_000, 60_000)).toBe(60_000);
  expect(windowStartMs(-1, 60_000)).toBe(-60_000);
  expect(windowStartMs(-60_000, 60_000)).toBe(-60_000);
});

it('is exact where the quotient rounds, up to the ends of the safe integers', () => {
  for (const windowMs of [3, 7, 10, 1_000, 60_000, 86_400_000]) {
    for (let step = 0; step < 1_000; step += 1) {
      for (const t of [Number.MAX_SAFE_INTEGER - step, 2 ** 52 + step, step - 2 ** 52]) {
        const [time, length] = [BigInt(t), BigInt(windowMs)];
        const expected = time - (((time % length) + length) % length);
        if (expected < Number.MIN_SAFE_INTEGER) continue;
        expect(BigInt(windowStartMs(t, windowMs))).toBe(expected);
      }
    }
  }
});
