import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  createSourceClocks,
  decodeSourceClock,
  encodeForwardClock,
  knownTimeMs,
  hearSource,
  minimumSourceTimeMs,
} from '../../src/actors/source-clocks.ts';
import { holds, runs } from '../../property-tests/seed.ts';

describe('source clocks', () => {
  it('reads back the clock of every forward', async () => {
    await holds(
      fc.property(fc.maxSafeInteger(), (time) => {
        const clock = { source: 0, sources: 1, time };

        expect(decodeSourceClock(encodeForwardClock(time))).toEqual(clock);
      }),
      runs(100),
    );
  });

  it('closes no window by a forward that does not know the sources', () => {
    const clocks = createSourceClocks();
    const unknown = decodeSourceClock(encodeForwardClock(undefined));
    const dayMs = 86_400_000;

    hearSource(clocks, unknown ?? { source: 0, sources: 1, time: 0 });

    const timeMs = minimumSourceTimeMs(clocks) ?? 0;
    expect(timeMs).toBeLessThan(Date.UTC(-200_000, 0));
    expect(knownTimeMs(timeMs)).toBeNull();
    // Versions before this one show it as a date.
    expect(new Date(timeMs - dayMs).toISOString()).toMatch(/^-2/);
  });

  it.each([
    ['0/1/5', { source: 0, sources: 1, time: 5 }],
    ['2/3/idle', { source: 2, sources: 3, time: 'idle' }],
    ['11/200/-7', { source: 11, sources: 200, time: -7 }],
  ])('reads %s, as versions before wrote it', (text, clock) => {
    expect(decodeSourceClock(text)).toEqual(clock);
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
  });

  it('leaves event time alone when all sources are idle', () => {
    const clocks = createSourceClocks();
    hearSource(clocks, { source: 0, sources: 1, time: 'idle' });

    expect(minimumSourceTimeMs(clocks)).toBeUndefined();
  });

  it('never lets one source go back', () => {
    const clocks = createSourceClocks();
    hearSource(clocks, { source: 0, sources: 1, time: 5_000 });

    hearSource(clocks, { source: 0, sources: 1, time: 4_000 });

    expect(minimumSourceTimeMs(clocks)).toBe(5_000);
  });
});
