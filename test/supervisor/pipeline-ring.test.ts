// The pipeline over the last hours, in bounded memory.
import { describe, expect, it } from 'vitest';

import { PipelineRing } from '../../src/supervisor/pipeline-ring.ts';
import type { SupervisorTree } from '../../src/supervisor/supervisor-view.ts';
import { shardView, thread, treeOf } from '../http/in-memory-supervisor.ts';

const second = 1_000;

/** The tree at a second, having read ten readings a second. */
function treeAt(at: number, over: Partial<SupervisorTree> = {}): SupervisorTree {
  const tree = treeOf({ nowMs: at * second, ...over });
  return { ...tree, totals: { ...tree.totals, readings: 10 * at } };
}

const worker = { ...thread, index: 0, unconfirmedMs: 200 };

describe('the pipeline over time', () => {
  it('has a slot every ten seconds, with what was counted in it', () => {
    const ring = new PipelineRing();
    for (let at = 0; at <= 25; at += 1) ring.note(treeAt(at));

    const { slots } = ring.history();
    expect(slots.map(({ atMs, readings }) => [atMs, readings])).toEqual([
      [10_000, 100],
      [20_000, 100],
    ]);
    expect(ring.history().changes).toEqual([]);
  });

  it('counts the shards that come and go in a slot', () => {
    const ring = new PipelineRing();
    const held = (at: number) =>
      at < 3 ? [] : at < 7 ? [shardView(0), shardView(1)] : [shardView(0)];
    for (let at = 0; at <= 20; at += 1) {
      ring.note(treeAt(at, { workers: [{ ...worker, shards: held(at) }] }));
    }

    expect(ring.history().slots.map(({ moves }) => moves)).toEqual([3, 0]);
  });

  it('keeps six hours and 200 changes, whatever happens', () => {
    const ring = new PipelineRing();
    for (let at = 0; at < 30_000; at += 5) {
      ring.note(treeAt(at, { state: at % 10 === 0 ? 'running' : 'starting' }));
    }

    const { slots, changes } = ring.history();
    expect(slots).toHaveLength(2_160);
    expect(slots.at(-1)?.atMs).toBe(29_990 * second);
    expect(changes).toHaveLength(200);
    expect(changes[0]?.atMs).toBe(29_995 * second);
  });

  it('goes on after the clock was set back', () => {
    const ring = new PipelineRing();
    for (const at of [1_000, 1_005, 10, 20]) ring.note(treeAt(at));

    expect(ring.history().slots.map(({ atMs }) => atMs)).toEqual([10_000, 20_000]);
    expect(ring.history().slots[0]?.readings).toBe(0);
  });

  it('lists shards that move and fail, threads started again, and quarantines', () => {
    const ring = new PipelineRing();
    const error = { code: 'UNAVAILABLE', message: 'no broker', details: {} } as const;
    const notes = [
      { workers: [{ ...worker, shards: [shardView(0)] }] },
      { workers: [{ ...worker, shards: [shardView(0), shardView(1)] }] },
      {
        workers: [{ ...worker, shards: [shardView(0, { phase: 'failed', error }), shardView(1)] }],
      },
      { workers: [{ ...worker, shards: [shardView(1, { quarantined: 2 })] }] },
      {
        workers: [
          {
            ...worker,
            ...{ restarts: 1, lastError: { code: 'INVARIANT', message: 'a bug', atMs: 1 } },
            shards: [shardView(1, { quarantined: 1 })],
          },
        ],
      },
    ];
    notes.forEach((over, at) => ring.note(treeAt(at, over)));

    expect(
      ring
        .history()
        .changes.map(({ text }) => text)
        .reverse(),
    ).toEqual([
      'raw_readings/1 came to this process',
      'raw_readings/0 is failed: no broker',
      'raw_readings/1: 2 sensors quarantined',
      'raw_readings/0 left this process',
      'worker 0 was started again: a bug',
      'raw_readings/1: 1 sensors released',
    ]);
  });
});
