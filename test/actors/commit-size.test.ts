// How much a transaction may hold, after what the last ones took.
import { describe, expect, it } from 'vitest';

import { CommitSize } from '../../src/actors/commit-size.ts';

const transactionTimeoutMs = 60_000;
const quarterMs = transactionTimeoutMs / 4;

describe('the size of a commit', () => {
  it('is what a slow link takes in a quarter of the timeout, until a commit has shown another rate', () => {
    const size = new CommitSize({ transactionTimeoutMs });

    expect(size.bytes).toBe(15_000_000);
  });

  it('doubles while commits are fast, and grows by a quarter after the first slow one', () => {
    const size = new CommitSize({ transactionTimeoutMs });

    size.committed(size.bytes, 100);
    expect(size.bytes).toBe(30_000_000);
    size.committed(size.bytes, 31_000);
    expect(size.bytes).toBe(7_500_000);
    size.committed(size.bytes, 100);
    expect(size.bytes).toBe(9_375_000);
  });

  it('settles at what the rate moves in a quarter of the timeout', () => {
    const bytesPerMs = 300;
    const size = new CommitSize({ transactionTimeoutMs: 5_000 });

    for (let commit = 0; commit < 20; commit += 1) {
      const tookMs = size.bytes / bytesPerMs;
      if (tookMs > 5_000) size.lost(size.bytes, 5_000);
      else size.committed(size.bytes, tookMs);
    }

    expect(size.bytes).toBeCloseTo((bytesPerMs * 5_000) / 4, 0);
  });

  it('is a quarter after a commit that was lost late, and the same after one that was lost at once', () => {
    const size = new CommitSize({ transactionTimeoutMs });

    size.lost(size.bytes, 50);
    expect(size.bytes).toBe(15_000_000);
    size.lost(size.bytes, transactionTimeoutMs);

    expect(size.bytes).toBe(3_750_000);
  });

  it('shrinks by no more than a factor of 16 at a time: a small commit may be lost to an outage', () => {
    const size = new CommitSize({ transactionTimeoutMs });

    size.lost(0, transactionTimeoutMs);
    expect(size.bytes).toBe(15_000_000);
    size.lost(100, transactionTimeoutMs);

    expect(size.bytes).toBe(15_000_000 / 16);
  });

  it('is never so small that no output moves, and never above its bound', () => {
    const size = new CommitSize({ transactionTimeoutMs, bytesMax: 20_000_000 });
    size.committed(size.bytes, 1);
    expect(size.bytes).toBe(20_000_000);
    for (let loss = 0; loss < 20; loss += 1) size.lost(size.bytes, transactionTimeoutMs);

    expect(size.bytes).toBe(4_096);
  });

  it('learns nothing from a commit of much less', () => {
    const size = new CommitSize({ transactionTimeoutMs });

    size.committed(1_000, quarterMs);

    expect(size.bytes).toBe(15_000_000);
  });

  it('takes rows to be as long as the last ones were', () => {
    const size = new CommitSize({ transactionTimeoutMs });
    expect(size.rowBytes).toBe(500);

    size.rowsTook(10, 3_210);
    expect(size.rowBytes).toBe(321);
    size.rowsTook(0, 0);

    expect(size.rowBytes).toBe(321);
  });
});
