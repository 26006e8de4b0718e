// Values served at a moment equal those of a join by available_at: the real projector on a
// clock turned by hand, reads at random moments, and a model that knows the rows and nothing else.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import type { EventLog, FetchedBatch, GroupListener } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import { startProjector, type Projector } from '../../src/projections/online.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { HandClock } from '../../test/projections/recorded.ts';
import { runs, titled } from '../seed.ts';

const topic = 'sensor_features';
const windowMs = 1_000;
const watermarkDelayMs = 200;
const servingDelayMs = 300;
const afterMs = watermarkDelayMs + servingDelayMs;
const sensors = ['a', 'b', 'c'];

/** Windows of one fetch: how long after the last one's end could close they come. */
interface Fetch {
  readonly windows: number;
  readonly latencyMs: number;
}

const fetchOf: fc.Arbitrary<Fetch> = fc.record({
  // Several windows at once: the projector was behind, or they closed together.
  windows: fc.integer({ min: 1, max: 3 }),
  latencyMs: fc.integer({ min: 0, max: servingDelayMs }),
});

describe('what is served with SERVING_DELAY_MS', () => {
  it(
    titled('is at every moment the newest row whose available_at has come'),
    { timeout: 120_000 },
    async () => {
      let reads = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fetchOf, { minLength: 3, maxLength: 12 }),
          fc.integer({ min: 1, max: 90 }),
          async (fetches, stepMs) => {
            const world = await begin();
            const rows: FeatureRow[] = [];
            const { clock } = world;
            let window = 0;
            for (const { windows, latencyMs } of fetches) {
              const ends = Array.from(
                { length: windows },
                () => world.originMs + (window += 1) * windowMs,
              );
              const fresh = ends.flatMap((endMs) => sensors.map((id) => rowOf(id, endMs)));
              const comesMs = (ends.at(-1) ?? 0) + watermarkDelayMs + latencyMs;
              // Earlier windows of the fetch are late by the rule; none of them is expected sooner.
              const known = (): readonly FeatureRow[] =>
                clock.nowMs() >= comesMs ? [...rows, ...fresh] : rows;
              const until = comesMs + windowMs - watermarkDelayMs;
              for (; clock.nowMs() < until; await turn(clock, stepMs)) {
                if (clock.nowMs() >= comesMs && !world.sent.has(comesMs))
                  await world.deliver(comesMs, fresh);
                for (const id of sensors) {
                  expect(world.served.get(id)).toBe(expected(known(), id, clock.nowMs()));
                  reads += 1;
                }
              }
              rows.push(...fresh);
            }
            await world.projector.drain();
          },
        ),
        runs(60),
      );
      expect(reads).toBeGreaterThan(10_000);
    },
  );

  it('holds no row longer than SERVING_DELAY_MS, whatever the clocks say', async () => {
    const { clock, deliver, originMs, projector, served } = await begin();
    const years = 1e11;
    await deliver(0, [rowOf('a', originMs + years)]);

    await turn(clock, servingDelayMs - 1);
    const before = served.get('a');
    await turn(clock, 1);

    expect([before, served.get('a')]).toEqual([undefined, originMs + years]);
    await projector.drain();
  });
});

/** The newest window end readable at `nowMs`, as a join by available_at finds it. */
function expected(rows: readonly FeatureRow[], id: string, nowMs: number): number | undefined {
  const ends = rows
    .filter((row) => row.sensor_id === id && row.window_end + afterMs <= nowMs)
    .map((row) => row.window_end);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

interface World {
  readonly clock: HandClock;
  readonly originMs: number;
  readonly projector: Projector;
  /** Window ends in the store, by sensor. */
  readonly served: ReadonlyMap<string, number>;
  readonly sent: ReadonlySet<number>;
  deliver(name: number, rows: readonly FeatureRow[]): Promise<void>;
}

async function begin(): Promise<World> {
  const clock = new HandClock();
  const served = new Map<string, number>();
  const sent = new Set<number>();
  let listener: GroupListener | undefined;
  let offset = 0;
  const projector = await startProjector({
    log: logOf((joined) => (listener = joined)),
    store: storeOf(served),
    topics: [{ topic, view: topic }],
    groupId: 'group',
    clock,
    logger: createLogger('fatal'),
    metrics: createMetrics(),
    serving: { afterMs, holdMsMax: servingDelayMs },
    onFailed: (error) => {
      throw error;
    },
  });
  listener?.onAssigned([{ topic, partition: 0 }]);
  await settled();
  return {
    clock,
    originMs: clock.nowMs(),
    projector,
    served,
    sent,
    async deliver(name, rows) {
      sent.add(name);
      // Not awaited: it resolves when the last row is readable.
      void listener?.onBatch(batchOf(rows, offset));
      offset += rows.length;
      await settled();
    },
  };
}

function logOf(onJoin: (listener: GroupListener) => void): EventLog {
  const log: Partial<EventLog> = {
    offsets: () => Promise.resolve({ earliest: 0, end: 0 }),
    committed: () => Promise.resolve(undefined),
    commitOffsets: () => Promise.resolve(),
    topicIds: () => Promise.resolve(new Map()),
    joinGroup: ({ listener }) => {
      onJoin(listener);
      const done = (): void => undefined;
      const later = (): Promise<void> => Promise.resolve();
      const silent = { unconfirmedMs: () => 0, unansweredMs: () => 0 };
      const member = { start: done, pause: done, resume: done, ...silent };
      return Promise.resolve({ ...member, heartbeatAfterNow: later, leave: later });
    },
  };
  return log as EventLog;
}

function storeOf(served: Map<string, number>): FeatureStore {
  const store: Partial<FeatureStore> = {
    ping: () => Promise.resolve(),
    upsert: (rows) => {
      for (const { sensor_id, window_end } of rows) {
        if (window_end > (served.get(sensor_id) ?? -1)) served.set(sensor_id, window_end);
      }
      return Promise.resolve({ written: rows.length, skipped: 0 });
    },
  };
  return store as FeatureStore;
}

function batchOf(rows: readonly FeatureRow[], from: number): FetchedBatch {
  return {
    ...{ topic, partition: 0, fetchOffset: from, nextOffset: from + rows.length },
    ...{ highWatermark: from + rows.length, bytes: 0 },
    records() {
      let at = -1;
      let bytes: Uint8Array = new Uint8Array(0);
      return {
        next() {
          at += 1;
          const row = rows[at];
          if (row !== undefined) bytes = Buffer.from(JSON.stringify(row));
          return row !== undefined;
        },
        get offset() {
          return from + at;
        },
        get bytes() {
          return bytes;
        },
        get valueEnd() {
          return bytes.length;
        },
        ...{ timestampMs: 0, keyStart: -1, keyEnd: -1, valueStart: 0, headerCount: 0 },
        headers: () => [],
      };
    },
  };
}

function rowOf(sensorId: string, endMs: number): FeatureRow {
  return {
    ...{ sensor_id: sensorId, window_start: endMs - windowMs, window_end: endMs },
    ...{ event_time: new Date(endMs).toISOString(), features: { count: 1 } },
    lineage: { topic: 'raw_readings', partition: 0, first_offset: 0, last_offset: 0 },
  };
}

/** Turns the clock to each ms in between, so that whoever wakes up sets its next timer in time. */
async function turn(clock: HandClock, byMs: number): Promise<void> {
  for (let left = byMs; left > 0; left -= 1) {
    clock.advance(1);
    await settled();
  }
}

/** Resolves when everything that can go on without the clock has done so. */
async function settled(): Promise<void> {
  for (let at = 0; at < 20; at += 1) await Promise.resolve();
}
