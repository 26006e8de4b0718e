// The log lines of a real run in a real log store, by Elasticsearch's bulk API and without a parser.
// Part of `npm run test:telemetry`.
import { mkdtempSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

import { freePort } from '../free-port.ts';
import { eventually, startProgram } from '../integration/program.ts';
import { version } from '../../src/version.ts';
import { startTool } from './server.ts';

const hourMs = 3_600_000;
/** Of a topic in the embedded log. */
const partitions = 4;

type Found = Readonly<Record<string, string>>;

it('a start, dead letters, a snapshot and a recovery are found in the log store by their fields', async () => {
  const store = await startLogStore();
  const env = {
    ...{ LOG_FORMAT: 'ecs', LOG_LEVEL: '', DATA_DIR: mkdtempSync(join(tmpdir(), 'sensorium-')) },
    ...{ SIMULATED_SENSORS: '3', WINDOW_MS: '500', WATERMARK_DELAY_MS: '0', HTTP_TOKEN: 'secret' },
    ...{ SNAPSHOT_INTERVAL_MS: '200', OTEL_SERVICE_NAME: 'plant-7' },
    // Said to people on standard error where it is not a log.
    SNAPSHOT_DIRS: './nowhere',
  };
  const begin = async (): Promise<Awaited<ReturnType<typeof startProgram>>> => {
    const started = await startProgram(env);
    onTestFinished(() => started.kill());
    await started.ready();
    await said(started, 'snapshot stored');
    return started;
  };

  const first = await begin();
  await postReading(first.url, Date.now() + hourMs);
  await said(first, 'records became dead letters');
  await first.kill();
  const second = await begin();
  await second.stop();
  const lines = [first, second].flatMap((run) => run.errors().trim().split('\n'));
  await store.add(lines);

  for (const line of lines) expect(JSON.parse(line)).toHaveProperty(['log.level']);
  const every = await store.find('*', lines.length);
  for (const line of every) {
    expect(line).toMatchObject({
      ...{ 'service.name': 'plant-7', 'service.version': version(), 'host.name': hostname() },
    });
  }
  const [letters] = await store.find('"records became dead letters"', 1);
  expect(letters).toMatchObject({
    ...{ 'log.level': 'warn', 'process.pid': String(first.pid), 'labels.topic': 'raw_readings' },
    ...{ 'labels.letters': '1', 'labels.worker': '0' },
  });
  expect(letters?.['labels.reasons']).toMatch(/^\{"[a-z_]+":1\}$/);
  const recovered = await store.find(
    `"shard recovered and runs" labels.topic:="raw_readings" process.pid:${second.pid}`,
    partitions,
  );
  const places = recovered.map((line) => line['labels.partition']);
  expect(new Set(places).size).toBe(partitions);
  expect(recovered.some((line) => Number(line['labels.position']) > 0)).toBe(true);
  const stored = await store.find(`"snapshot stored" process.pid:${first.pid}`);
  const shards = stored.map((line) => `${line['labels.topic']}/${line['labels.partition']}`);
  expect(shards).toEqual([...new Set(shards)]);
  await store.find('"joined the group" labels.groupId:="sensor-feature-processor"', 2);
  const [misspelt] = await store.find('SNAPSHOT_DIRS log.level:warn', 2);
  expect(misspelt?.['_msg']).toMatch(/^SNAPSHOT_DIRS is not a setting/);
  expect(Date.parse(misspelt?.['_time'] ?? '')).toBeGreaterThan(Date.now() - hourMs);
});

it('a start that fails says why in one line of the log', async () => {
  const failed = await startProgram({ LOG_FORMAT: 'ecs', WINDOW_MS: 'a minute' });

  expect(await failed.exited()).toBe(1);
  const { '@timestamp': _, ...line } = JSON.parse(failed.errors()) as Record<string, unknown>;
  expect(line).toMatchObject({ 'log.level': 'error', 'process.pid': failed.pid });
  expect(line['message']).toMatch(/^sensorium: WINDOW_MS is "a minute"/);
});

async function startLogStore(): Promise<{
  add(lines: readonly string[]): Promise<void>;
  /** Resolves with the lines that `query` finds, once there are `count`; left out, any. */
  find(query: string, count?: number): Promise<readonly Found[]>;
}> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const folder = mkdtempSync(join(tmpdir(), 'victoria-logs-'));
  const args = [`-httpListenAddr=${new URL(url).host}`, `-storageDataPath=${folder}`];
  await startTool('victoria-logs', args, `${url}/health`);
  return {
    async add(lines) {
      const fields = '_time_field=@timestamp&_msg_field=message&_stream_fields=service.name';
      const answer = await fetch(`${url}/insert/elasticsearch/_bulk?${fields}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.map((line) => `{"create":{}}\n${line}\n`).join(''),
      });
      expect(await answer.json()).toMatchObject({ errors: false });
    },
    find: (query, count) =>
      eventually(
        async () => {
          const answer = await fetch(`${url}/select/logsql/query`, {
            ...{ method: 'POST', body: new URLSearchParams({ query }) },
          });
          const found = (await answer.text()).split('\n').filter((line) => line !== '');
          if (found.length !== (count ?? Math.max(1, found.length)))
            throw new Error(`${query} found ${found.length}`);
          return found.map((line) => JSON.parse(line) as Found);
        },
        { timeoutMs: 10_000 },
      ),
  };
}

function said(program: { errors(): string }, message: string): Promise<void> {
  return eventually(
    () => {
      if (program.errors().includes(message)) return Promise.resolve();
      return Promise.reject(new Error(`not said: ${message}`));
    },
    { timeoutMs: 30_000, onTimeout: () => program.errors() },
  );
}

async function postReading(url: string, timestamp: number): Promise<void> {
  const answer = await fetch(`${url}/readings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
    body: JSON.stringify({ sensor_id: 'ahead', timestamp, value: 1 }),
  });
  expect(answer.status).toBeLessThan(300);
}
