import { describe, expect, it } from 'vitest';

import { readinessOf } from '../../src/supervisor/readiness.ts';
import { shardView, thread, treeOf } from '../http/in-memory-supervisor.ts';

describe('readiness', () => {
  const worker = { ...thread, index: 0, unconfirmedMs: 200, shards: [shardView(0)] };

  it('needs every worker, every shard and the projector', () => {
    expect(readinessOf(treeOf())).toEqual({ ready: true, reasons: [] });
  });

  it('is given without any shard: another process has them', () => {
    expect(readinessOf(treeOf({ workers: [{ ...worker, shards: [] }] })).ready).toBe(true);
  });

  it.each(['assigned', 'restoring', 'replaying', 'recovering', 'fenced', 'failed'] as const)(
    'is withheld while a shard is %s',
    (phase) => {
      const tree = treeOf({ workers: [{ ...worker, shards: [shardView(7, { phase })] }] });

      expect(readinessOf(tree)).toEqual({
        ready: false,
        reasons: [`shard raw_readings/7 ${phase}`],
      });
    },
  );

  it('is withheld until a failed shard has run for a while, with the reason and the time', () => {
    const error = { code: 'CONFIG', message: 'may not write', details: {} };
    const failedSinceMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    const reasonsIn = (phase: 'failed' | 'running'): readonly string[] => {
      const shards = [shardView(7, { phase, error, failedSinceMs }), shardView(8)];
      return readinessOf(treeOf({ workers: [{ ...worker, shards }] })).reasons;
    };

    expect(reasonsIn('failed')).toEqual([
      'shard raw_readings/7 failed since 2026-01-02T03:04:05.000Z: may not write',
    ]);
    expect(reasonsIn('running')).toEqual([
      'shard raw_readings/7 running, failed since 2026-01-02T03:04:05.000Z: may not write',
    ]);
  });

  it('is withheld from a worker that is out of its group, or hears nothing of it', () => {
    const reasonsAt = (unconfirmedMs: number | null): readonly string[] =>
      readinessOf(treeOf({ workers: [{ ...worker, unconfirmedMs }] })).reasons;

    expect(reasonsAt(5_000)).toEqual([]);
    expect(reasonsAt(7_900)).toEqual(['worker 0 has had no answer to a heartbeat for 7 s']);
    expect(reasonsAt(null)).toEqual(['worker 0 is out of its consumer group, joining again']);
  });

  it('is withheld while the fetches of a running shard go unanswered', () => {
    const reasonsAt = (unansweredMs: number): readonly string[] =>
      readinessOf(treeOf({ workers: [{ ...worker, shards: [shardView(7, { unansweredMs })] }] }))
        .reasons;

    expect(reasonsAt(5_000)).toEqual([]);
    expect(reasonsAt(12_000)).toEqual([
      'shard raw_readings/7 running, its fetches unanswered for 12 s',
    ]);
  });

  it('names the reason why a worker is not running', () => {
    const lastError = { code: 'INVARIANT', message: 'a bug', atMs: 0 };
    const tree = treeOf({ workers: [{ ...worker, state: 'backing-off', lastError }] });

    expect(readinessOf(tree).reasons).toEqual(['worker 0 backing-off: a bug']);
  });

  it('is withheld while the projector cannot reach its store, or the tree drains', () => {
    const projector = { ...treeOf().projector, connected: false, storeError: 'ECONNREFUSED' };

    expect(readinessOf(treeOf({ projector, state: 'draining' })).reasons).toEqual([
      'supervisor draining',
      'projector not connected: ECONNREFUSED',
    ]);
  });
});
