// Training values equal served values: the program's own rows, exported to Parquet and joined by
// the real Feast SDK, equal the same rows read online, and no later row is ever joined to an
// earlier moment.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { defaultFeatures, selectFeatures } from '../../src/sensors/features.ts';
import { openTestFeatureStore, openTestLog } from '../integration/peers.ts';
import {
  expectLastRows,
  lastRows,
  partitions,
  planOf,
  Programs,
  semanticsEnv,
  settle,
} from '../integration/pipeline.ts';
import { runProgram } from '../integration/program.ts';
import { makeReadings } from '../integration/readings.ts';
import { createTestTopics, type Outcome } from '../integration/topics.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { openFeastSdk, type FeastFeatures } from './feast-sdk.ts';

const brokers = inject('kafkaBrokers');
const server = inject('redisUrl');
const redisUrl = `${server}/11`;
const python = inject('feastPython');

const windows = [{ name: '30s/10s', sizeMs: 30_000, hopMs: 10_000 }];
const views = ['sensor_features', 'sensor_features_30s_10s'];

describe.skipIf(brokers === '' || server === '' || python === '')(
  'the history that export writes, in the real Feast SDK',
  () => {
    let log: EventLog;
    const programs = new Programs();
    beforeAll(async () => {
      log = await openTestLog(brokers);
    });
    afterAll(() => log.close());
    afterEach(() => programs.killAll());

    it(
      'trains on what is served, bit for bit, and never on a window still open',
      { timeout: 400_000 },
      async () => {
        const topics = await createTestTopics(log, brokers, partitions);
        const env = { ...semanticsEnv, ...topics.env, REDIS_URL: redisUrl, WINDOWS: '30s/10s' };
        await log.append(makeReadings(planOf(topics, 6_000)));
        const program = await programs.start(topics, env);
        const outcome = await settle(log, topics, programs, { settings: { windows } });
        const store = await openTestFeatureStore(redisUrl, env);
        await expectLastRows(store, outcome);
        await expectLastRows(store, { rows: outcome.larger[0] ?? [] }, views[1]);
        await store.close();
        const feast = await openFeastSdk(python, redisUrl, { windows: '30s/10s' });

        const { exitCode, output } = await runProgram(
          ['export', '--out', feast.historyFolder],
          env,
        );

        expect(exitCode, output).toBe(0);
        try {
          for (const [index, view] of views.entries()) {
            const rows = index === 0 ? outcome.rows : (outcome.larger[0] ?? []);
            expect(rows.length).toBeGreaterThan(1_000);
            await expectNoSkew(rows, view, feast);
            await expectPointInTime(rows, view, feast);
          }
          // The same from day files: Feast reads the folder, and passes over what is not a day.
          for (const view of views) rmSync(join(feast.historyFolder, view), { recursive: true });
          const daily = await runProgram(['export', '--daily', '--out', feast.historyFolder], env);
          expect(daily.exitCode, daily.output).toBe(0);
          await expectNoSkew(outcome.rows, 'sensor_features', feast);
          await expectPointInTime(outcome.rows, 'sensor_features', feast);
          const { rows, columns } = await feast.parquet(
            join(feast.historyFolder, 'sensor_features'),
          );
          expect(rows).toBe(outcome.rows.length);
          expect(columns).toEqual({
            sensor_id: 'string',
            event_timestamp: 'timestamp[ms, tz=UTC]',
            created: 'timestamp[ms, tz=UTC]',
            available_at: 'timestamp[ms, tz=UTC]',
            window_start: 'timestamp[ms, tz=UTC]',
            ...arrowTypes(defaultFeatures.map(({ name }) => name)),
          });
        } finally {
          feast.close();
        }
        expect(await program.stop()).toBe(0);
      },
    );
  },
);

type Sdk = Awaited<ReturnType<typeof openFeastSdk>>;

/** Each sensor's last row: joined at its own time, read online, and as it is in the topic. */
async function expectNoSkew(rows: Outcome['rows'], view: string, feast: Sdk): Promise<void> {
  const last = [...lastRows({ rows }).values()];

  const served = await feast.read(
    last.map((row) => row.sensor_id),
    view,
  );
  const trained = await feast.join(last.map(momentOf), view);

  expect(trained).toEqual(served.map(({ values }) => values));
  expect(trained).toEqual(last.map(valuesOf));
}

/** All rows at their own time, and a millisecond before it: then the row before. */
async function expectPointInTime(rows: Outcome['rows'], view: string, feast: Sdk): Promise<void> {
  const trained = await feast.join(rows.map(momentOf), view);
  expect(trained).toEqual(rows.map(valuesOf));

  const earlier = new Map<string, Outcome['rows'][number]>();
  const pairs = [...rows]
    .sort((a, b) => a.window_end - b.window_end)
    .flatMap((row) => {
      const before = earlier.get(row.sensor_id);
      earlier.set(row.sensor_id, row);
      return before === undefined ? [] : [{ row, before }];
    });
  const moments = pairs.map(({ row }) => ({ ...momentOf(row), event_time_ms: row.window_end - 1 }));
  expect(await feast.join(moments, view)).toEqual(pairs.map(({ before }) => valuesOf(before)));
}

function momentOf(row: Outcome['rows'][number]): { sensor_id: string; event_time_ms: number } {
  return { sensor_id: row.sensor_id, event_time_ms: row.window_end };
}

function valuesOf({ features }: Outcome['rows'][number]): FeastFeatures['values'] {
  return Object.fromEntries(
    selectFeatures(Object.keys(features)).map(({ name, type }) => {
      const value = features[name] ?? NaN;
      return [name, type === 'Int64' ? BigInt(value) : value];
    }),
  );
}

function arrowTypes(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    selectFeatures(names).map(({ name, type }) => [name, type === 'Int64' ? 'int64' : 'double']),
  );
}
