import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  allSourcesIdle,
  createSourceClocks,
  decodeSourceClock,
  encodeSourceClock,
  hearSource,
  minimumSourceTimeMs,
} from '../../src/actors/source-clocks.ts';
import { holds, runs } from '../../property-tests/seed.ts';

describe('source clocks', () => {
  it('reads back every clock it writes', async () => {
    const time = fc.oneof(fc.maxSafeInteger(), fc.constant('idle' as const));
    await holds(
      fc.property(fc.nat(999), fc.nat(999), time, (source, more, clockTime) => {
        const clock = { source, sources: source + more + 1, time: clockTime };

        expect(decodeSourceClock(encodeSourceClock(clock))).toEqual(clock);
      }),
      runs(100),
    );
  });

  it.each([
    '',
    '1/2',
    '2/2/5',
    '0/1/1.5',
    '0/1/IDLE',
    '0/1/5/6',
    '-1/2/5',
    '0/0/5',
    '0/1/99999999999999999',
  ])('refuses the malformed header %j', (text) => {
    expect(decodeSourceClock(text)).toBeUndefined();
  });

  it('closes nothing before every source was heard', () => {
    const clocks = createSourceClocks();

    hearSource(clocks, { source: 0, sources: 2, time: 1_000 });

    expect(minimumSourceTimeMs(clocks)).toBeUndefined();
  });

  it('follows the least of the sources that are not idle', () => {
    const clocks = createSourceClocks();
    hearSource(clocks, { source: 0, sources: 3, time: 1_000 });
    hearSource(clocks, { source: 1, sources: 3, time: 'idle' });
    hearSource(clocks, { source: 2, sources: 3, time: 5_000 });

    expect(minimumSourceTimeMs(clocks)).toBe(1_000);
    expect(allSourcesIdle(clocks)).toBe(false);
  });

  it('leaves event time alone when all sources are idle', () => {
    const clocks = createSourceClocks();
    hearSource(clocks, { source: 0, sources: 1, time: 'idle' });

    expect(minimumSourceTimeMs(clocks)).toBeUndefined();
    expect(allSourcesIdle(clocks)).toBe(true);
  });

  it('never lets one source go back', () => {
    const clocks = createSourceClocks();
    hearSource(clocks, { source: 0, sources: 1, time: 5_000 });

    hearSource(clocks, { source: 0, sources: 1, time: 4_000 });

    expect(minimumSourceTimeMs(clocks)).toBe(5_000);
  });
});
