import { describe, expect, it } from 'vitest';

import { ShardsOfWorker } from '../../src/supervisor/shards-of-worker.ts';
import { shardView } from '../http/in-memory-supervisor.ts';

describe('the shards of a worker', () => {
  it('are shown as they were last reported', () => {
    const shards = new ShardsOfWorker();

    for (const phase of ['restoring', 'running', 'released'] as const) {
      shards.changed(shardView(0, { phase }));
      expect(shards.statuses().map((shard) => shard.phase)).toEqual([phase]);
    }
  });

  it('forget a shard that the worker no longer reports', () => {
    const shards = new ShardsOfWorker();
    for (const partition of [1, 0]) shards.changed(shardView(partition, { phase: 'restoring' }));

    shards.report([shardView(1, { phase: 'replaying' })]);

    expect(shards.statuses().map(({ partition }) => partition)).toEqual([1]);
  });
});
