import { describe, expect, it } from 'vitest';

import {
  closesSoonMs,
  commitDelayMs,
  farBehindRecords,
  offsetIntervalMs,
} from '../../src/actors/commit-policy.ts';

const nothing = {
  featureRows: 0,
  otherRecords: 0,
  positionMoved: false,
  untilSnapshotMs: Infinity,
};
const caughtUp = {
  lagRecords: 0,
  sinceLastCommitMs: 30,
  commitIntervalMs: 100,
  untilCloseMs: 30_000,
};

describe('commit policy', () => {
  it('never commits where nothing is pending', () => {
    expect(commitDelayMs(nothing, caughtUp)).toBeUndefined();
  });

  it('commits for a snapshot alone when that is due', () => {
    expect(commitDelayMs({ ...nothing, untilSnapshotMs: 7_000 }, caughtUp)).toBe(7_000);
    expect(commitDelayMs({ ...nothing, untilSnapshotMs: -50 }, caughtUp)).toBe(0);
  });

  it('commits a closed window at once when caught up', () => {
    expect(commitDelayMs({ ...nothing, featureRows: 1 }, caughtUp)).toBe(0);
  });

  it('lets a closed window wait for the commit interval at most when behind', () => {
    expect(commitDelayMs({ ...nothing, featureRows: 1 }, { ...caughtUp, lagRecords: 5 })).toBe(70);
  });

  it('commits dead letters and forwards within the commit interval', () => {
    expect(commitDelayMs({ ...nothing, otherRecords: 1 }, caughtUp)).toBe(70);
  });

  it('commits offsets alone once a second', () => {
    const delayMs = commitDelayMs({ ...nothing, positionMoved: true }, caughtUp);

    expect(delayMs).toBe(offsetIntervalMs - caughtUp.sinceLastCommitMs);
  });

  it('lets a window that is about to close go before offsets alone, and not for long', () => {
    const moved = { ...nothing, positionMoved: true };
    const due = { ...caughtUp, sinceLastCommitMs: offsetIntervalMs };
    const closing = { ...due, untilCloseMs: closesSoonMs - 1 };

    expect(commitDelayMs(moved, { ...due, untilCloseMs: Infinity })).toBe(0);
    expect(commitDelayMs(moved, closing)).toBe(closesSoonMs);
    expect(commitDelayMs({ ...moved, featureRows: 1 }, closing)).toBe(0);
    const waited = offsetIntervalMs + closesSoonMs;
    expect(commitDelayMs(moved, { ...closing, sinceLastCommitMs: waited })).toBe(0);
  });

  it('commits everything once a second while far behind', () => {
    const timing = { ...caughtUp, lagRecords: farBehindRecords + 1 };

    expect(
      commitDelayMs({ ...nothing, featureRows: 9, otherRecords: 9, positionMoved: true }, timing),
    ).toBe(970);
  });
});
