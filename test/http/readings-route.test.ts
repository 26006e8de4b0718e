// POST /readings over the embedded log.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';

import { createPostedReadings } from '../../src/cli/intake.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import { UnavailableError } from '../../src/errors.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { readTopic } from '../integration/topics.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';
import {
  emptyStore,
  InMemorySupervisor,
  shardView,
  thread,
  treeOf,
} from './in-memory-supervisor.ts';

interface Body {
  readonly accepted: number;
  readonly refused: number;
  readonly errors: readonly { readonly line: number; readonly reason: string }[];
}

async function serve(settings: Readonly<Record<string, string>> = {}, append?: EventLog['append']) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-readings-route-'));
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  onTestFinished(() => log.close());
  await log.ensureTopics([{ topic: 'raw_readings', partitions: 4 }]);
  const config = parseConfig({
    HTTP_PORT: '0',
    HTTP_WRITE_TOKEN: 'w',
    HTTP_TOKEN: 'c',
    ...settings,
  });
  const clock = { nowMs: () => 1_769_853_540_123, monotonicMs: () => now };
  let now = 0;
  const supervisor = new InMemorySupervisor();
  const posted = createPostedReadings(
    { config, clock, log: append === undefined ? log : { append } },
    supervisor,
  );
  const server = createHttpServer({
    ...{ supervisor, posted, config, logger: keepingLogger() },
    featureStore: emptyStore,
  });
  onTestFinished(() => server.close());
  return {
    supervisor,
    passMs: (ms: number) => (now += ms),
    metrics: async () => (await server.app.inject('/metrics')).body,
    records: async () =>
      [...(await readTopic(log, 'raw_readings')).values()]
        .flat()
        .map(({ key, value }) => [key, value]),
    post: (payload: string | Buffer, headers: Readonly<Record<string, string>> = {}, query = '') =>
      server.app.inject({
        ...{ method: 'POST', url: `/readings${query}`, payload },
        headers: { authorization: 'Bearer w', ...headers },
      }),
  };
}

const reading = (id: string, value: number | string = 1): string =>
  JSON.stringify({ sensor_id: id, timestamp: 1_769_853_540_000, value });

describe('readings over HTTP', () => {
  it('are in the log, keyed by their sensors, once they are answered', async () => {
    const { post, records } = await serve();

    const one = await post(reading('a'), { 'content-type': 'application/json' });
    const array = await post(`[${reading('b')},\n ${reading('c')}]`);
    const lines = await post(gzipSync(`${reading('d')}\n\n${reading('e')}\n`), {
      'content-encoding': 'gzip',
    });

    expect([one, array, lines].map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    expect(lines.json<Body>()).toEqual({ accepted: 2, refused: 0, errors: [] });
    expect((await records()).sort()).toEqual(
      ['a', 'b', 'c', 'd', 'e'].map((id) => [id, reading(id)]),
    );
  });

  it('are refused line by line, the others taken, with 422 where none is left', async () => {
    const { metrics, post, records } = await serve();

    const some = await post(`${reading('a')}\n\n${reading('b', 'x')}\nnonsense\n${reading('c')}`);
    const none = await post('nonsense');

    expect(some.statusCode).toBe(200);
    expect(some.json<Body>()).toMatchObject({
      ...{ accepted: 2, refused: 2 },
      errors: [
        {
          line: 3,
          reason: 'value_type',
          error: 'expected value to be a number, got the string "x"',
        },
        { line: 4, reason: 'json_syntax' },
      ],
    });
    expect(none.statusCode).toBe(422);
    expect(await records()).toHaveLength(2);
    expect(await metrics()).toContain('sensorium_posted_refused_total{reason="json_syntax"} 2\n');
    expect(await metrics()).toContain('sensorium_posted_records_total 2\n');
  });

  it('name the fields of a record that is taken without them', async () => {
    const declaration = 'id: $key\ntime: $time\nvalues: [temp, hum]';
    const { post, records } = await serve({ INPUT_SCHEMA: declaration });
    const value = '{"temp":1,"hum":"wet"}';

    const answer = await post(value, {}, '?key=shed%2Fnorth');

    expect(answer.json<Body>()).toMatchObject({
      ...{ accepted: 1, refused: 0, errors: [{ line: 1, field: 'hum', reason: 'value_type' }] },
    });
    expect(await records()).toEqual([['shed/north', value]]);
  });

  it('need the token for writes or for commands, and the former commands nothing', async () => {
    const { post } = await serve();
    const statusWith = async (token: string): Promise<number> =>
      (await post(reading('a'), { authorization: `Bearer ${token}` })).statusCode;

    expect(await statusWith('w')).toBe(200);
    expect(await statusWith('c')).toBe(200);
    expect(await statusWith('wrong')).toBe(401);
    const off = await serve({ HTTP_WRITE_TOKEN: '', HTTP_TOKEN: '' });
    expect((await off.post(reading('a'))).statusCode).toBe(403);
  });

  it('of more bytes than the bound are refused, however small they were sent', async () => {
    const { post } = await serve({ POSTED_BYTES_MAX: '2000' });
    const many = Array.from({ length: 100 }, () => reading('a')).join('\n');

    const plain = await post(many);
    const packed = await post(gzipSync(many), { 'content-encoding': 'gzip' });
    const broken = await post('no gzip', { 'content-encoding': 'gzip' });
    const foreign = await post('x', { 'content-encoding': 'br' });

    const statuses = [plain, packed, broken, foreign].map(({ statusCode }) => statusCode);
    expect(statuses).toEqual([413, 413, 400, 415]);
    expect((await post('')).statusCode).toBe(400);
  });
});

describe('readings are put off with 429 and retry-after', () => {
  it('beyond the rate, until it has caught up', async () => {
    const { metrics, passMs, post } = await serve({ POSTED_PER_SECOND_MAX: '2' });
    const five = Array.from({ length: 5 }, () => reading('a')).join('\n');

    const [first, second] = [await post(five), await post(five)];
    passMs(1_000);
    const third = await post(five);
    passMs(1_500);
    const fourth = await post(five);

    const statuses = [first, second, third, fourth].map(({ statusCode }) => statusCode);
    expect(statuses).toEqual([200, 429, 429, 200]);
    expect(second.headers['retry-after']).toBe('2');
    expect(await metrics()).toContain('sensorium_posted_turned_away_total{cause="rate"} 2\n');
  });

  it('while the fold is behind', async () => {
    const { post, supervisor } = await serve({ POSTED_BEHIND_MAX: '10' });
    supervisor.currentTree = treeOf({
      workers: [{ ...thread, index: 0, unconfirmedMs: 1, shards: [shardView(0, { lag: 11 })] }],
    });

    const behind = await post(reading('a'));
    supervisor.currentTree = treeOf();

    expect(behind.statusCode).toBe(429);
    expect(behind.headers['retry-after']).toBe('5');
    expect((await post(reading('a'))).statusCode).toBe(200);
  });

  it('while too many bytes are under way, which an answer frees', async () => {
    const waiting: (() => void)[] = [];
    const append = (): Promise<never[]> =>
      new Promise((resolve) => waiting.push(() => resolve([])));
    const { metrics, post } = await serve({ POSTED_BYTES_MAX: '1024' }, append);
    const body = reading('x'.repeat(150));
    const fitting = Math.floor((8 * 1_024) / body.length);
    // A request of `inject` is sent once somebody waits for it.
    const underWay = Array.from({ length: fitting }, () => post(body).then((answer) => answer));
    await expect.poll(() => waiting.length).toBe(fitting);

    const full = await post(body);

    expect(full.statusCode).toBe(429);
    expect(await metrics()).toContain(`sensorium_posted_pending_bytes ${fitting * body.length}\n`);
    for (const finish of waiting) finish();
    await Promise.all(underWay);
    expect(await metrics()).toContain('sensorium_posted_pending_bytes 0\n');
  });

  it('as the bytes that a gzipped body may have, which a small one does not use up', async () => {
    const waiting: (() => void)[] = [];
    const append = (): Promise<never[]> =>
      new Promise((resolve) => waiting.push(() => resolve([])));
    const { post } = await serve({ POSTED_BYTES_MAX: '1048576' }, append);
    const small = gzipSync(reading('a'));
    const gzip = { 'content-encoding': 'gzip' };

    const underWay = Array.from({ length: 30 }, () => post(small, gzip).then((answer) => answer));

    await expect.poll(() => waiting.length).toBe(30);
    for (const finish of waiting) finish();
    const answers = await Promise.all(underWay);
    expect(answers.every(({ statusCode }) => statusCode === 200)).toBe(true);
  });

  it('with 503 where the log may not have them', async () => {
    const { metrics, post } = await serve({}, () => Promise.reject(new UnavailableError('away')));

    const answer = await post(reading('a'));

    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(await metrics()).toContain('sensorium_posted_pending_bytes 0\n');
  });
});
