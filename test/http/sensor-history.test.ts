// GET /sensors/{id}/history over a real embedded log and day files on the real disk.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { sensorHistoryOf } from '../../src/cli/sensor-history.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { followHistory } from '../../src/projections/history.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import { openHistoryStore } from '../../src/stores/open-history.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';
import { emptyStore, InMemorySupervisor } from './in-memory-supervisor.ts';

const topic = 'sensor_features';
const perDay = 1_440;
const partitions = 2;

interface Pipeline {
  readonly config: Config;
  readonly log: EventLog;
  readonly server: HttpServer;
}

async function pipeline(settings: Readonly<Record<string, string>> = {}): Promise<Pipeline> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-sensor-history-'));
  const env = { DATA_DIR: join(folder, 'log'), HISTORY_DIR: join(folder, 'history') };
  const config = parseConfig({ HTTP_PORT: '0', ...env, ...settings });
  const logger = createLogger('fatal');
  const log = openEmbeddedLog({ dataDir: env.DATA_DIR, clock: systemClock, logger });
  onTestFinished(() => log.close());
  await log.ensureTopics([{ topic, partitions }]);
  const server = createHttpServer({
    ...{ config, supervisor: new InMemorySupervisor(), logger: keepingLogger() },
    featureStore: emptyStore,
    history: sensorHistoryOf(config, log, logger),
  });
  onTestFinished(() => server.close());
  return { config, log, server };
}

/** Appends a row for each sensor and window. */
async function addRows(log: EventLog, windows: readonly number[]): Promise<void> {
  const ids = ['a', 'b', 'c/ü'];
  await log.append(
    windows.flatMap((window) =>
      ids.map((id) => ({
        ...{ topic, key: Buffer.from(id), headers: [] },
        value: Buffer.from(JSON.stringify(featureRow(id, window))),
      })),
    ),
  );
}

/** Takes what the topic holds into the day files; `leave` keeps it in pieces. */
async function keep({ config, log }: Pipeline, atEnd: 'publish' | 'leave'): Promise<void> {
  const place = { topic, view: topic, features: defaultFeatures, clock: systemClock };
  const { signal } = new AbortController();
  const store = await openHistoryStore({
    ...{ ...place, directory: config.process.historyDir ?? '', intervalMs: 1_000, signal },
    ...{ whenTaken: 'refuse', whenGrown: 'refuse' },
  });
  await followHistory({
    ...{ ...place, log, store, signal, availableAfterMs: 60_000, atEnd, follow: 'once' },
    ...{ commitIntervalMs: 1_000, onGap: () => undefined, onBadRow: () => undefined },
  });
  await store.close();
}

interface Answer {
  readonly rows: readonly {
    readonly window_end: number;
    readonly available_at: number;
    readonly features: Readonly<Record<string, number | null>>;
  }[];
  readonly unread: number;
}

const ask = async ({ server }: Pipeline, query = '', id = 'a'): Promise<Answer> => {
  const url = `/sensors/${encodeURIComponent(id)}/history${query}`;
  const answer = await server.app.inject({ method: 'GET', url });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
};
const endsOf = ({ rows }: Answer): number[] => rows.map((row) => row.window_end);
const endOf = (window: number): number => featureRow('a', window).window_end;
const windowsTo = (count: number): number[] => Array.from({ length: count }, (_, window) => window);

describe('GET /sensors/{id}/history', () => {
  it('has each row once, from day files, pieces and the topic, in order', async () => {
    const world = await pipeline();
    await addRows(world.log, [0, 1, perDay, 2 * perDay]);
    await keep(world, 'publish');
    await addRows(world.log, [perDay + 1, 2 * perDay + 1]);
    await keep(world, 'leave');
    await addRows(world.log, [2 * perDay + 2]);

    const all = [0, 1, perDay, perDay + 1, 2 * perDay, 2 * perDay + 1, 2 * perDay + 2];
    for (const id of ['a', 'c/ü']) {
      const answer = await ask(world, '', id);
      expect(endsOf(answer)).toEqual(all.map(endOf));
      expect(answer.unread).toBe(0);
      expect(answer.rows[0]?.features).toEqual(featureRow(id, 0).features);
    }
    expect(endsOf(await ask(world, '', 'nobody'))).toEqual([]);
  });

  it('has the newest rows of the range, whose lower bound is exclusive', async () => {
    const world = await pipeline();
    await addRows(world.log, windowsTo(10));
    await keep(world, 'publish');
    await addRows(world.log, [10, 11]);

    const range = `?from=${endOf(2)}&to=${new Date(endOf(10)).toISOString()}`;
    expect(endsOf(await ask(world, range))).toEqual([3, 4, 5, 6, 7, 8, 9, 10].map(endOf));
    expect(endsOf(await ask(world, `${range}&last=3`))).toEqual([8, 9, 10].map(endOf));
    expect(endsOf(await ask(world, '?last=1'))).toEqual([endOf(11)]);
  });

  it('reads back a bounded part of the topic, and says how much it left out', async () => {
    const world = await pipeline({ HISTORY_DIR: '' });
    const records = 60_000;
    const row = Buffer.from(JSON.stringify(featureRow('b', 0)));
    const keyed = { topic, partition: 0, key: Buffer.from('b'), headers: [], value: row };
    for (let sent = 0; sent < records; sent += 5_000) {
      await world.log.append(Array.from({ length: 5_000 }, () => keyed));
    }
    const inPartition0 = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

    const answers = [];
    for (const id of inPartition0) answers.push(await ask(world, '', id));

    expect(new Set(answers.map(({ unread }) => unread))).toEqual(new Set([0, records - 50_000]));
  });

  it('names what is wrong with a parameter', async () => {
    const world = await pipeline();
    for (const query of ['?last=0', '?last=10001', '?from=yesterday', '?to=x', '?view=other']) {
      const url = `/sensors/a/history${query}`;
      const answer = await world.server.app.inject({ method: 'GET', url });
      expect([query, answer.statusCode]).toEqual([query, 400]);
      expect(answer.json<{ message: string }>().message).toContain('expected');
    }
  });

  it('refuses more reads at a time than it can bear', async () => {
    const world = await pipeline();
    await addRows(world.log, windowsTo(3));

    const answers = await Promise.all(
      windowsTo(9).map(() =>
        world.server.app.inject({ method: 'GET', url: '/sensors/a/history?last=5' }),
      ),
    );

    const codes = answers.map(({ statusCode }) => statusCode);
    expect(codes.filter((code) => code === 200).length).toBeGreaterThanOrEqual(4);
    expect(codes).toContain(503);
    expect(endsOf(await ask(world))).toEqual([0, 1, 2].map(endOf));
  });
});
