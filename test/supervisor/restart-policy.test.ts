import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import { backoffMs } from '../../src/backoff.ts';
import {
  decideRestart,
  type RestartHistory,
  type RestartSettings,
} from '../../src/supervisor/restart-policy.ts';

const settingsArbitrary: fc.Arbitrary<RestartSettings> = fc
  .record({
    restartsMax: fc.integer({ min: 1, max: 8 }),
    periodMs: fc.integer({ min: 1, max: 100_000 }),
    firstMs: fc.integer({ min: 1, max: 1_000 }),
    factor: fc.integer({ min: 1, max: 100 }),
  })
  .map(({ factor, firstMs, ...rest }) => ({
    ...rest,
    backoff: { firstMs, maxMs: firstMs * factor },
  }));
const gapsArbitrary = fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1 });

/** Returns the decisions for failures separated by `gapsMs`, up to the first escalation. */
function story(
  gapsMs: readonly number[],
  settings: RestartSettings,
): { grantedMs: number[]; delays: number[]; escalatedMs: number | undefined } {
  let history: RestartHistory = [];
  let nowMs = 0;
  const grantedMs: number[] = [];
  const delays: number[] = [];
  for (const gapMs of gapsMs) {
    nowMs += gapMs;
    const decision = decideRestart(history, nowMs, settings);
    if (decision.type === 'escalate') return { grantedMs, delays, escalatedMs: nowMs };
    history = decision.history;
    grantedMs.push(nowMs);
    delays.push(decision.delayMs);
  }
  return { grantedMs, delays, escalatedMs: undefined };
}

describe('the restart policy', () => {
  it(titled('never grants more than restartsMax restarts in any period'), async () => {
    await holds(
      fc.property(gapsArbitrary, settingsArbitrary, (gapsMs, settings) => {
        const { grantedMs } = story(gapsMs, settings);

        for (const endMs of grantedMs) {
          const inPeriod = grantedMs.filter((t) => t <= endMs && t > endMs - settings.periodMs);
          expect(inPeriod.length).toBeLessThanOrEqual(settings.restartsMax);
        }
      }),
      runs(300),
    );
  });

  it(titled('escalates only when restartsMax restarts are inside the period'), async () => {
    await holds(
      fc.property(gapsArbitrary, settingsArbitrary, (gapsMs, settings) => {
        const { grantedMs, escalatedMs } = story(gapsMs, settings);
        if (escalatedMs === undefined) return;

        const inPeriod = grantedMs.filter((t) => t > escalatedMs - settings.periodMs);
        expect(inPeriod.length).toBe(settings.restartsMax);
      }),
      runs(300),
    );
  });

  it(titled('waits longer after each failure of a burst, within its bounds'), async () => {
    await holds(
      fc.property(settingsArbitrary, (settings) => {
        const burst = new Array<number>(settings.restartsMax).fill(0);

        const { delays } = story(burst, settings);

        expect(delays[0]).toBe(settings.backoff.firstMs);
        expect([...delays].sort((a, b) => a - b)).toEqual(delays);
        expect(Math.max(...delays)).toBeLessThanOrEqual(settings.backoff.maxMs);
      }),
      runs(300),
    );
  });

  it('forgets failures older than the period', () => {
    const settings = { restartsMax: 2, periodMs: 60_000, backoff: { firstMs: 200, maxMs: 10_000 } };

    expect(decideRestart([0, 1], 60_000, settings)).toEqual({
      type: 'restart',
      delayMs: 400,
      history: [1, 60_000],
    });
    expect(decideRestart([0, 1], 59_999, settings)).toEqual({ type: 'escalate', failures: 3 });
  });

  it('doubles to the bound and stays there', () => {
    const backoff = { firstMs: 200, maxMs: 1_000 };

    const delays = [0, 1, 2, 3, 4, 1_000].map((failures) => backoffMs(failures, backoff));

    expect(delays).toEqual([200, 400, 800, 1_000, 1_000, 1_000]);
  });
});
