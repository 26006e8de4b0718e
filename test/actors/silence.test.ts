import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import { outageMs, Silence } from '../../src/actors/silence.ts';

interface Step {
  readonly passMs: number;
  readonly unansweredMs: number | undefined;
}

/** Returns the silence after each step of a partition in which nothing comes. */
function silenceOver(steps: readonly Step[]): readonly number[] {
  let nowMs = 1_000;
  const silence = new Silence(() => nowMs);
  return steps.map(({ passMs, unansweredMs }) => {
    nowMs += passMs;
    silence.observe(unansweredMs);
    return silence.ms;
  });
}

const answered = (passMs: number): Step => ({ passMs, unansweredMs: 300 });

describe('silence', () => {
  it('grows while fetches are answered', () => {
    expect(silenceOver([answered(250), answered(250), answered(500)])).toEqual([250, 500, 1_000]);
  });

  it('begins again after an outage, however long the partition was silent before it', () => {
    const out = { passMs: 250, unansweredMs: outageMs + 1 };

    expect(silenceOver([answered(1_000), out, out, answered(250)])).toEqual([1_000, 0, 0, 250]);
  });

  it('begins again while nothing is fetched, and after a pause of the process itself', () => {
    const paused = { passMs: 250, unansweredMs: undefined };

    expect(silenceOver([answered(1_000), paused, answered(250)])).toEqual([1_000, 0, 250]);
    expect(silenceOver([answered(1_000), answered(outageMs + 1)])).toEqual([1_000, 0]);
  });

  it(titled('is never longer than the time since the last outage'), async () => {
    const step = fc.record({
      passMs: fc.integer({ min: 0, max: 5_000 }),
      unansweredMs: fc.option(fc.integer({ min: 0, max: 5_000 }), { nil: undefined }),
    });
    await holds(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        let sinceOutageMs = 0;
        const most = steps.map(({ passMs, unansweredMs }) => {
          const isOut = unansweredMs === undefined || unansweredMs > outageMs || passMs > outageMs;
          return (sinceOutageMs = isOut ? 0 : sinceOutageMs + passMs);
        });

        expect(silenceOver(steps)).toEqual(most);
      }),
      runs(200),
    );
  });
});
