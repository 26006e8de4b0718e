import { describe, expect, it } from 'vitest';

import { KnownShards } from '../../src/supervisor/known-shards.ts';
import type { ShardView, WorkerView } from '../../src/supervisor/supervisor-view.ts';
import { shardView, thread } from '../http/in-memory-supervisor.ts';

const unknown = {
  ...{ position: 0, highWatermark: 0, committedOffset: 0, lag: 0, sensors: 0, openWindows: 0 },
  ...{
    watermarkMs: null,
    readings: 0,
    featureRows: 0,
    anomalies: 0,
    deadLetters: 0,
    knownAtMs: null,
  },
};
const worker = (index: number, ...shards: readonly ShardView[]): WorkerView => ({
  ...thread,
  ...{ index, unconfirmedMs: 0, shards },
});

function knowing(...statuses: readonly ShardView[]): KnownShards {
  const known = new KnownShards();
  for (const status of statuses) known.note(status);
  return known;
}

describe('what is known of a shard', () => {
  const before = shardView(0, { position: 60, highWatermark: 100, sensors: 300, readings: 60 });
  const restoring = shardView(0, { ...unknown, phase: 'restoring' });

  it('stays while its next owner knows nothing, with its age and the phase of now', () => {
    const [filled] = knowing(before).filled([worker(1, restoring)]);

    expect(filled?.shards).toEqual([
      { ...before, lag: 40, phase: 'restoring', knownAtMs: before.knownAtMs },
    ]);
  });

  it('counts once while a rebalance shows the shard at two workers', () => {
    const [former, next] = knowing(before).filled([worker(0, before), worker(1, restoring)]);

    expect(former?.shards[0]?.sensors).toBe(300);
    expect(next?.shards[0]?.sensors).toBe(0);
  });

  it('goes on counting when a new owner begins at 0', () => {
    const again = shardView(0, { readings: 5, featureRows: 1 });

    const [filled] = knowing(before, again).filled([worker(1, again)]);

    expect(filled?.shards[0]).toMatchObject({ readings: 65, featureRows: 11 });
  });

  it('is shown of a worker that has ended until another holds the partition', () => {
    const released = { ...before, phase: 'released' } as const;

    expect(knowing(before).filled([worker(0, released)])[0]?.shards).toHaveLength(1);
    const [former, next] = knowing(before).filled([worker(0, released), worker(1, restoring)]);
    expect(former?.shards).toEqual([]);
    expect(next?.shards[0]?.sensors).toBe(300);
  });
});
