// The verdict of `npm run bench:against`: what is said of two builds that were measured in turn.
import { describe, expect, it } from 'vitest';

import { compareRounds, verdict } from '../../bench/comparison.mjs';
import { buildRevision } from '../../bench/revision.mjs';

/** Rounds of one figure, in which the new build took `ratios` times what the old one did. */
function rounds(...ratios: readonly number[]): Parameters<typeof compareRounds>[0] {
  return ratios.map((ratio, round) => ({
    older: { micros: round + 1 },
    newer: { micros: (round + 1) * ratio },
  }));
}

function verdictOn(...ratios: readonly number[]): string {
  const { micros } = compareRounds(rounds(...ratios), ['micros']);
  if (micros === undefined) throw new Error('no figure');
  return verdict('CPU', micros, { rounds: ratios.length });
}

describe('two builds measured in turn', () => {
  it('are compared round by round, however much a round differs from the next', () => {
    const { micros } = compareRounds(rounds(1.1, 1.1, 1.1), ['micros']);

    expect(micros?.ratio).toEqual({ min: 1.1, median: 1.1, max: 1.1 });
    expect(micros?.older).toEqual({ min: 1, median: 2, max: 3 });
  });

  it('do not differ where either was the dearer one in some round', () => {
    expect(verdictOn(0.9, 1.2, 1.3, 1.3, 1.3)).toBe(
      'CPU: new / old 1.300 (0.900 to 1.300): no difference beyond the spread',
    );
  });

  it('differ where one was dearer in every round', () => {
    expect(verdictOn(1.2, 1.3, 1.1, 1.3, 1.3)).toContain('WORSE in each of 5 rounds');
    expect(verdictOn(0.9, 0.8, 0.9, 0.7, 0.9)).toContain('better in each of 5 rounds');
  });

  it('are told apart by what is better: more readings a second are', () => {
    const { micros } = compareRounds(rounds(1.2, 1.3), ['micros']);
    if (micros === undefined) throw new Error('no figure');

    expect(verdict('readings a second', micros, { rounds: 2, better: 'more' })).toContain('better');
  });
});

describe('a revision', () => {
  it('that git does not know is refused by its name', () => {
    expect(() => buildRevision('no-such-revision')).toThrow(
      'expected a revision that git knows, came "no-such-revision"',
    );
  });
});
