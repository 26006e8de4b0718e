// A commit that is lost leaves a line at the default log level and a count, whatever it was lost to.
import { describe, expect, it } from 'vitest';

import { CommitSize } from '../../src/actors/commit-size.ts';
import { HeldPositions } from '../../src/actors/held-positions.ts';
import { watchedWriter, type WatchedWriter } from '../../src/actors/watched-writer.ts';
import type { ShardContext } from '../../src/actors/shard-context.ts';
import { ConfigError, FencedError, InvariantError, UnavailableError } from '../../src/errors.ts';
import type { Commit } from '../../src/log/event-log.ts';
import type { Logger } from '../../src/logger.ts';
import { lostCommits } from '../../src/metrics/label-values.ts';
import { createMetrics, type Metrics } from '../../src/metrics/pipeline-metrics.ts';

const transactionTimeoutMs = 60_000;
const shard = { topic: 'readings', partition: 3 };
const value = Buffer.alloc(1_000);
const commit: Commit = {
  nextOffset: 1,
  metadata: '',
  records: [{ topic: 'rows', key: null, value }],
};

interface Line {
  readonly fields: Record<string, unknown>;
  readonly line: string;
}

function watched(ends: (commit: Commit) => Error | undefined): {
  readonly writer: WatchedWriter;
  readonly size: CommitSize;
  readonly metrics: Metrics;
  readonly warnings: readonly Line[];
  readonly notes: readonly Line[];
  readonly clock: { nowMs: number };
  readonly heldPositions: HeldPositions;
} {
  const warnings: Line[] = [];
  const notes: Line[] = [];
  const clock = { nowMs: 0 };
  const metrics = createMetrics();
  const logger = {
    warn: (fields: Record<string, unknown>, line: string) => warnings.push({ fields, line }),
    info: (fields: Record<string, unknown>, line: string) => notes.push({ fields, line }),
  } as unknown as Logger;
  const heldPositions = new HeldPositions();
  const context = {
    clock: { monotonicMs: () => clock.nowMs },
    logger,
    metrics,
    settings: { transactionTimeoutMs },
    heldPositions,
  } as unknown as ShardContext;
  const size = new CommitSize({ transactionTimeoutMs });
  const under = {
    epoch: '7',
    commit: async (wanted: Commit) => {
      const failure = ends(wanted);
      return failure === undefined ? Promise.resolve([]) : Promise.reject(failure);
    },
    begin: () => undefined,
    close: () => Promise.resolve(),
  };
  const writer = watchedWriter(under, { context, shard, size });
  return { writer, size, metrics, warnings, notes, clock, heldPositions };
}

async function lost(metrics: Metrics): Promise<Record<string, number>> {
  const { values } = await metrics.commitsLost.get();
  return Object.fromEntries(
    values.map(({ labels, value: count }) => [String(labels.reason), count]),
  );
}

const none = Object.fromEntries(lostCommits.map((reason) => [reason, 0]));

describe('a watched writer', () => {
  it('counts every reason from 0 on, and says nothing of a commit that succeeds', async () => {
    const { writer, metrics, warnings } = watched(() => undefined);

    await writer.commit(commit);

    expect(writer.epoch).toBe('7');
    expect(await lost(metrics)).toEqual(none);
    expect(warnings).toEqual([]);
  });

  it.each([
    { reason: 'fenced', error: new FencedError('taken over'), tookMs: 59_000 },
    { reason: 'unknown', error: new UnavailableError('no answer'), tookMs: 59_000 },
    { reason: 'timeout', error: new FencedError('aborted'), tookMs: 60_000 },
    { reason: 'timeout', error: new UnavailableError('no answer'), tookMs: 60_000 },
    { reason: 'refused', error: new ConfigError('no right'), tookMs: 61_000 },
    { reason: 'bug', error: new InvariantError('a bug'), tookMs: 1 },
    { reason: 'bug', error: new TypeError('a bug'), tookMs: 61_000 },
  ])(
    'says and counts that a commit was lost: $reason after $tookMs ms ($error.name)',
    async (loss) => {
      const { writer, metrics, warnings, clock } = watched(({ records }) => {
        clock.nowMs += loss.tookMs;
        expect([...records]).toHaveLength(1);
        return loss.error;
      });

      await expect(writer.commit(commit)).rejects.toBe(loss.error);

      expect(await lost(metrics)).toEqual({ ...none, [loss.reason]: 1 });
      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.fields).toMatchObject({
        ...shard,
        reason: loss.reason,
        tookMs: loss.tookMs,
        bytes: 1_048,
        error: String(loss.error),
      });
    },
  );

  it('holds the newest position that was acknowledged, and none that was not', async () => {
    const refusal = new UnavailableError('no answer');
    const { writer, heldPositions } = watched(({ nextOffset }) =>
      nextOffset === 9 ? refusal : undefined,
    );
    await writer.commit({ ...commit, nextOffset: 7 });
    await writer.commit({ ...commit, nextOffset: 6 });

    await expect(writer.commit({ ...commit, nextOffset: 9 })).rejects.toBe(refusal);

    expect(() => heldPositions.assertReached(shard, 7)).not.toThrow();
    expect(() => heldPositions.assertReached(shard, 6)).toThrow(
      /answers position 6 .* acknowledged 7/,
    );
  });

  it('says so, and does not warn, where the partition was released meanwhile', async () => {
    const { writer, metrics, warnings, notes } = watched(() => {
      void writer.close();
      return new UnavailableError('closed');
    });

    await expect(writer.commit(commit)).rejects.toThrow('closed');

    expect(await lost(metrics)).toEqual({ ...none, released: 1 });
    expect(notes).toHaveLength(1);
    expect(notes[0]?.fields).toMatchObject({ ...shard, reason: 'released' });
    expect(warnings).toEqual([]);
  });

  it('has the next commit hold less after one that took too long', async () => {
    const { writer, size, clock } = watched(({ records }) => {
      clock.nowMs += transactionTimeoutMs;
      expect([...records]).toHaveLength(1);
      return new FencedError('aborted');
    });
    const before = size.bytes;

    await expect(writer.commit(commit)).rejects.toThrow('aborted');

    expect(writer.size.bytes).toBe(before / 16);
  });
});
