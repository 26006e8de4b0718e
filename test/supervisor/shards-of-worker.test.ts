import { describe, expect, it } from 'vitest';

import {
  type IllegalShardTransition,
  ShardsOfWorker,
} from '../../src/supervisor/shards-of-worker.ts';
import { shardView } from '../http/in-memory-supervisor.ts';

describe('the shards of a worker', () => {
  it('follow the worker through a whole life cycle without an illegal transition', () => {
    const illegal: IllegalShardTransition[] = [];
    const shards = new ShardsOfWorker((transition) => illegal.push(transition));
    const life = [
      'restoring',
      'replaying',
      'restoring',
      'replaying',
      'running',
      'restoring',
    ] as const;

    for (const phase of [
      ...life,
      'running',
      'fenced',
      'restoring',
      'running',
      'draining',
    ] as const) {
      shards.changed(shardView(0, { phase }));
    }
    shards.changed(shardView(0, { phase: 'released' }));

    expect(illegal).toEqual([]);
    expect(shards.statuses().map(({ phase }) => phase)).toEqual(['released']);
  });

  it('follow an illegal report, and report it', () => {
    const illegal: IllegalShardTransition[] = [];
    const shards = new ShardsOfWorker((transition) => illegal.push(transition));

    shards.changed(shardView(3, { phase: 'running' }));

    expect(illegal).toEqual([
      { topic: 'raw_readings', partition: 3, from: 'assigned', to: 'running' },
    ]);
    expect(shards.statuses().map(({ phase }) => phase)).toEqual(['running']);
  });

  it('forget a shard that the worker no longer reports', () => {
    const shards = new ShardsOfWorker(() => undefined);
    for (const partition of [1, 0]) shards.changed(shardView(partition, { phase: 'restoring' }));

    shards.report([shardView(1, { phase: 'replaying' })]);

    expect(shards.statuses().map(({ partition }) => partition)).toEqual([1]);
  });
});
