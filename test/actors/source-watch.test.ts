// A thread's questions about the sources, how often it asks, and what its shards make of the
// answer.
import { describe, expect, it } from 'vitest';

import { ManualClock } from '../supervisor/manual-clock.ts';
import type { PositionMetadata } from '../../src/actors/position-metadata.ts';
import { SourceWatch, type Barrier, type WatchedShard } from '../../src/actors/source-watch.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import { createLogger } from '../../src/logger.ts';
import {
  recoverySemantics,
  recoverySettings,
} from '../../property-tests/simulation/recovery-world.ts';
import { simulatedTopics as topics } from '../../property-tests/simulation/simulated-process.ts';

const { watermarkDelayMs } = recoverySemantics;

interface World {
  readonly clock: ManualClock;
  readonly watch: SourceWatch;
  /** Event time of each source, ms. */
  readonly clocks: number[];
  readonly asked: { positions: number; last: number; questions: number; ends: string[] };
  /** Ticks four times a second for `ms`. */
  run(shards: readonly WatchedShard[], ms: number): Promise<void>;
}

function world(sources: number): World {
  const clock = new ManualClock();
  const clocks = Array.from({ length: sources }, () => clock.nowMs());
  const asked = { positions: 0, last: 0, questions: 0, ends: [] as string[] };
  const log = {
    observedPositions: (_: string, places: readonly TopicPartition[]) => {
      asked.questions += 1;
      asked.positions += places.length;
      asked.last = places.length;
      return Promise.resolve(
        places.map(({ partition }) => {
          const sourceMaxMs = clocks[partition];
          if (sourceMaxMs === undefined) return { committed: undefined, pending: false };
          const metadata = { version: 1 as const, origin: 0, sourceMaxMs, sourceIdle: false };
          const text = JSON.stringify(metadata satisfies Partial<PositionMetadata>);
          return { committed: { nextOffset: sourceMaxMs, metadata: text }, pending: false };
        }),
      );
    },
    offsetsAll: (places: readonly TopicPartition[]) => {
      asked.ends.push(...places.map(({ topic, partition }) => `${topic}/${partition}`));
      return Promise.resolve(places.map(() => ({ earliest: 0, end: 70 })));
    },
    describeTopic: (topic: string) =>
      Promise.resolve({ topic, partitions: clocks.length, replicationFactor: 1, config: {} }),
  } as Partial<EventLog> as EventLog;
  const watch = new SourceWatch({
    ...{ clock, log, topics, semantics: recoverySemantics, settings: recoverySettings },
    logger: createLogger('fatal'),
    sourcePartitions: sources,
  });
  const run = async (shards: readonly WatchedShard[], ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      watch.tick(shards);
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(250);
    }
  };
  return { clock, watch, clocks, asked, run };
}

function shard(
  topic: string,
  partition: number,
  { needsSources = true, opensAt = Infinity } = {},
): WatchedShard & { readonly barriers: Barrier[] } {
  const barriers: Barrier[] = [];
  return {
    partition: { topic, partition },
    sources: {
      needed: needsSources,
      closesAt: (watermarkMs) => watermarkMs >= opensAt,
      setBarrier: (barrier) => barriers.push(barrier),
    },
    barriers,
  };
}

describe('the watch over the sources', () => {
  it('asks nothing while no shard forwards or has windows open', async () => {
    const { asked, run } = world(4);

    await run([shard(topics.input, 0, { needsSources: false })], 600_000);

    expect(asked).toEqual({ positions: 0, last: 0, questions: 0, ends: [] });
  });

  it('asks for all sources at once, and for the ends of none but the shards with a window due', async () => {
    const { asked, clock, run, watch } = world(4);
    const due = shard(topics.rekeyed, 1, { opensAt: clock.nowMs() - watermarkDelayMs });
    const notDue = shard(topics.rekeyed, 2, { opensAt: clock.nowMs() + 60_000 });

    const leastMs = clock.nowMs();
    await run([due, notDue], 250);

    expect(asked).toMatchObject({ questions: 1, ends: [`${topics.rekeyed}/1`] });
    expect(due.barriers).toEqual([{ watermarkMs: leastMs - watermarkDelayMs, end: 70 }]);
    expect(watch.forwardClock).toBe(`0/1/${leastMs}`);
  });

  it('knows no time while a source is unheard', async () => {
    const { clocks, run, watch } = world(3);
    clocks.length = 2;

    await run([shard(topics.input, 0)], 250);

    expect(watch.view).toEqual({ leastMs: undefined, slowest: 2, allIdle: false });
    expect(watch.forwardClock).toMatch(/^0\/1\/-8639/);
  });

  it('hears of partitions that are added, from whoever holds one and from the log', async () => {
    const { asked, clocks, clock, run, watch } = world(1);
    const own = shard(topics.input, 0);
    await run([own], 250);

    clocks.push(clock.nowMs() - 7_000);
    await run([own, shard(topics.input, 1)], 500);
    expect(watch.view.slowest).toBe(1);
    expect(asked.last).toBe(2 + 4);

    clocks.push(clock.nowMs(), clock.nowMs() - 9_000);
    watch.active();
    await run([own], 500);
    expect(watch.view.slowest).toBe(3);
    expect(asked.last).toBe(4 + 4);
  });

  it('asks rarer the longer nothing was forwarded', async () => {
    const { asked, run, watch } = world(4);
    watch.active();

    await run([shard(topics.rekeyed, 0)], 60_000);
    const inFirstMinute = asked.questions;
    await run([shard(topics.rekeyed, 0)], 3_600_000);

    expect(inFirstMinute).toBeLessThan(60);
    expect(asked.questions - inFirstMinute).toBeLessThan(120);
  });

  it.each([
    { sources: 4, threads: 2 },
    { sources: 200, threads: 4 },
    { sources: 1_000, threads: 200 },
    { sources: 1_000, threads: 2_000 },
  ])(
    'the members of a group ask for at most 20,000 positions a second: $sources sources, $threads threads',
    async ({ sources, threads }) => {
      const { asked, run, watch } = world(sources);
      const held = Array.from({ length: Math.max(1, (2 * sources) / threads) }, (_, index) =>
        shard(topics.input, index),
      );
      const seconds = 120;

      for (let second = 0; second < seconds; second += 1) {
        watch.active();
        await run(held, 1_000);
      }

      expect(asked.questions).toBeGreaterThan(0);
      const first = sources;
      expect(((asked.positions - first) * threads) / seconds).toBeLessThanOrEqual(20_000);
    },
  );
});
