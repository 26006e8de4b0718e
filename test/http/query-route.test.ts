// POST /query with the real process behind it, on the built program.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it, onTestFinished } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import { deferred } from '../../src/deferred.ts';
import { ConfigError } from '../../src/errors.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { createQueryRunner, type QueryRunner } from '../../src/queries/query-runner.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';
import { emptyStore, InMemorySupervisor } from './in-memory-supervisor.ts';

const file = new URL('../../dist/queries/query-process.js', import.meta.url);
const token = 'secret';
const endless =
  'SELECT count(*) FROM range(1000000000) a(x), range(1000000000) b(y) WHERE x % 7 < y % 5';

async function configWithRows(settings: Readonly<Record<string, string>> = {}): Promise<Config> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-query-route-'));
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  await log.ensureTopics([{ topic: 'sensor_features', partitions: 1 }]);
  await log.append(
    [1, 2, 3].map((window) => ({
      ...{ topic: 'sensor_features', partition: 0, key: Buffer.from('a'), headers: [] },
      value: Buffer.from(JSON.stringify(featureRow('a', window))),
    })),
  );
  await log.close();
  return parseConfig({ DATA_DIR: dataDir, HTTP_TOKEN: token, HTTP_PORT: '0', ...settings });
}

function serve(config: Config, queries: QueryRunner | undefined): HttpServer {
  const server = createHttpServer({
    ...{ config, queries, supervisor: new InMemorySupervisor(), logger: keepingLogger() },
    featureStore: emptyStore,
  });
  onTestFinished(() => server.close());
  return server;
}

const post = (server: HttpServer, body: object, bearer = token) =>
  server.app.inject({
    ...{ method: 'POST', url: '/query', payload: JSON.stringify(body) },
    headers: { authorization: `Bearer ${bearer}` },
  });

describe('POST /query', () => {
  it('answers with the rows, as JSON, CSV or Parquet', async () => {
    const config = await configWithRows();
    const server = serve(config, createQueryRunner({ config, clock: systemClock, file }));
    const sql = 'SELECT sensor_id, count(*) AS n FROM sensor_features GROUP BY ALL';

    const json = await post(server, { sql });
    const csv = await post(server, { sql, format: 'csv' });
    const parquet = await post(server, { sql, format: 'parquet' });

    expect(json.json()).toEqual([{ sensor_id: 'a', n: 3 }]);
    expect(csv.body).toBe('sensor_id,n\na,3\n');
    const bytes = Uint8Array.from(parquet.rawPayload).buffer;
    expect(await parquetReadObjects({ file: bytes, compressors })).toEqual([
      { sensor_id: 'a', n: 3n },
    ]);
  });

  it('refuses without the token, without HTTP_QUERY, and where the query is wrong', async () => {
    const config = await configWithRows();
    const server = serve(config, createQueryRunner({ config, clock: systemClock, file }));
    const disabled = serve(config, undefined);
    const sql = 'SELECT 1';

    const statuses = [
      await post(server, { sql }, 'guess'),
      await post(disabled, { sql }),
      await post(server, { sql: 'DROP VIEW sensor_features' }),
      await post(server, { sql: 'SELECT 1', format: 'xml' }),
      await post(server, { query: 'SELECT 1' }),
    ].map(({ statusCode }) => statusCode);

    expect(statuses).toEqual([401, 403, 400, 400, 400]);
  });

  it('runs one query at a time, and ends its process when the client leaves', async () => {
    // No other limit ends the query before the test gives up.
    const config = await configWithRows({ QUERY_TIMEOUT_MS: '600000' });
    const runner = createQueryRunner({ config, clock: systemClock, file });
    const begun = deferred<undefined>();
    const server = serve(config, {
      run: (query, signal) => {
        begun.resolve(undefined);
        return runner.run(query, signal);
      },
    });
    const url = `${await server.listen()}/query`;
    const leaving = new AbortController();
    const request = {
      ...{ method: 'POST', headers: { authorization: `Bearer ${token}` } },
      body: JSON.stringify({ sql: endless }),
    };

    const first = fetch(url, { ...request, signal: leaving.signal }).catch(() => 'gone');
    await begun.promise;
    const second = await post(server, { sql: 'SELECT 1 AS x' });
    leaving.abort();
    const third = await untilFree(server);

    expect(await first).toBe('gone');
    expect(second.statusCode).toBe(503);
    expect(second.json()).toMatchObject({ error: 'unavailable' });
    expect(third.json()).toEqual([{ x: 1 }]);
  }, 60_000);

  it('stops a query at QUERY_TIMEOUT_MS with the name of the limit', async () => {
    const config = await configWithRows({ QUERY_TIMEOUT_MS: '700' });
    const server = serve(config, createQueryRunner({ config, clock: systemClock, file }));

    const { statusCode, body } = await post(server, { sql: endless });

    expect(statusCode).toBe(503);
    expect(body).toContain('QUERY_TIMEOUT_MS');
  });

  it('leaves no file of a result behind', async () => {
    const config = await configWithRows();
    const runner = createQueryRunner({ config, clock: systemClock, file });
    const signal = new AbortController().signal;

    const { path, release } = await runner.run({ sql: 'SELECT 1 AS x', format: 'csv' }, signal);
    const text = readFileSync(path, 'utf8');
    await release();

    expect(text).toBe('x\n1\n');
    expect(() => readFileSync(path)).toThrow('ENOENT');
    await expect(runner.run({ sql: 'x', format: 'csv' }, signal)).rejects.toThrow(ConfigError);
  });
});

/** Asks again while another query runs: a process takes its time to end. */
async function untilFree(server: HttpServer): Promise<Awaited<ReturnType<typeof post>>> {
  for (;;) {
    const answer = await post(server, { sql: 'SELECT 1 AS x' });
    if (answer.statusCode !== 503) return answer;
    await systemClock.sleep(20);
  }
}
