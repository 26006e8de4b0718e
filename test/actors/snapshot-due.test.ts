// When a snapshot is due, by its age and by the input folded since.
import { describe, expect, it } from 'vitest';

import { untilSnapshotDueMs, type SinceSnapshot } from '../../src/actors/snapshot-due.ts';

const intervalMs = 30_000;
const large = 10_000_000;
const until = (since: Partial<SinceSnapshot>): number =>
  untilSnapshotDueMs({ ageMs: 0, inputBytes: 0, snapshotBytes: large, ...since }, intervalMs);

describe('a snapshot', () => {
  it('is due after the interval once twice its size was folded, so that less is written than read', () => {
    expect(until({ ageMs: 29_000, inputBytes: 2 * large })).toBe(1_000);
    expect(until({ ageMs: 31_000, inputBytes: 2 * large })).toBe(-1_000);
    expect(until({ ageMs: 31_000, inputBytes: 2 * large - 1 })).toBeGreaterThan(0);
  });

  it('is due after twenty intervals however little was folded, which bounds a replay in time', () => {
    expect(until({ ageMs: 599_000, inputBytes: 1 })).toBe(1_000);
    expect(until({ ageMs: 600_000 })).toBe(0);
  });

  it('is due by age alone where the last one was small, or where there is none', () => {
    expect(until({ ageMs: 30_000, snapshotBytes: 256 * 1024 })).toBe(0);
    expect(until({ ageMs: Infinity, snapshotBytes: 0 })).toBe(-Infinity);
  });
});
