// The schedule of a chaos run: a seed decides all of it, and every fault has its turn.
import { describe, expect, it } from 'vitest';

import {
  crashPoints,
  describeFault,
  isCarriedOut,
  nodeRoles,
  rounds,
  type Round,
} from './schedule.ts';

const options = {
  residents: 2,
  partitions: 6,
  timeouts: { sessionMs: 4_000, transactionMs: 20_000 },
  long: true,
  cluster: false,
};

function roundsOf(seed: number, cluster: boolean = false): readonly Round[] {
  const source = rounds(seed, { ...options, cluster });
  return [source.next().value, source.next().value];
}

describe('the schedule of a seed', () => {
  it('is the same each time, and another one of another seed', () => {
    expect(roundsOf(7)).toEqual(roundsOf(7));
    expect(roundsOf(7)).not.toEqual(roundsOf(8));
  });

  it('holds every point and every mishap in each round, and can name each fault', () => {
    for (const { crashes, freezes, blows, mishaps } of roundsOf(7)) {
      expect(crashes.map(({ point }) => point).sort()).toEqual([...crashPoints].sort());
      expect(new Set(mishaps.map(({ kind }) => kind)).size).toBe(6);
      const names = [...crashes, ...freezes, ...blows, ...mishaps].map(describeFault);
      expect(names.filter((name) => /undefined|NaN/.test(name))).toEqual([]);
    }
  });

  it('strikes every role of a broker where there are three, and can name each blow', () => {
    for (const { blows } of roundsOf(7, true)) {
      const killed = blows.flatMap((blow) => (blow.kind === 'killNode' ? [blow.role] : []));
      expect(killed.sort()).toEqual([...nodeRoles].sort());
      expect(blows.map(describeFault).filter((name) => /undefined|NaN/.test(name))).toEqual([]);
      expect(blows.map(({ kind }) => kind)).not.toContain('killBroker');
    }
  });

  it('carries out only the kinds that are asked for, where any are', () => {
    const [round] = roundsOf(7);
    const all = [...(round?.blows ?? []), ...(round?.mishaps ?? [])];
    const carriedOut = (only: readonly string[]): readonly string[] =>
      all.filter((fault) => isCarriedOut(fault, only)).map(({ kind }) => kind);

    expect(carriedOut(['trim'])).toEqual(['trim']);
    expect(carriedOut([])).toEqual(all.map(({ kind }) => kind));
  });
});
