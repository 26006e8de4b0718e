import { once } from 'node:events';
import { createServer } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { parseConfig } from '../../src/config/config.ts';
import { ConfigError, UnavailableError } from '../../src/errors.ts';
import { openApiDocument } from '../../src/http/routes/openapi.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { FeatureStore, OnlineFeatures } from '../../src/stores/feature-store.ts';
import type { SensorsAnswer } from '../../src/http/sensor-listing.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import {
  featureRow,
  InMemorySupervisor,
  sensorView,
  shardView,
  thread,
  treeOf,
} from './in-memory-supervisor.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function serve(
  options: {
    ping?: FeatureStore['ping'];
    read?: FeatureStore['read'];
    readKept?: NonNullable<FeatureStore['readKept']>;
    port?: number;
    lines?: LoggedLine[];
    token?: string;
    owners?: readonly string[];
  } = {},
): { supervisor: InMemorySupervisor; server: HttpServer } {
  const supervisor = new InMemorySupervisor();
  const config = parseConfig({});
  const server = createHttpServer({
    supervisor,
    owners: {
      urlsOf: () => Promise.resolve(options.owners ?? []),
      urlsOfShard: () => Promise.resolve(options.owners ?? []),
      urlsOfAll: () => Promise.resolve(options.owners ?? []),
    },
    featureStore: {
      ping: options.ping ?? (() => Promise.resolve()),
      read: options.read ?? (async (ids) => ids.map(() => undefined)),
      ...(options.readKept === undefined ? {} : { readKept: options.readKept }),
    },
    config: {
      ...config,
      process: {
        ...config.process,
        httpPort: options.port ?? 0,
        httpToken: options.token === undefined ? undefined : [options.token],
      },
    },
    logger: keepingLogger(options.lines),
  });
  servers.push(server);
  return { supervisor, server };
}

const get = (server: HttpServer, url: string) => server.app.inject({ method: 'GET', url });

describe('serving', () => {
  it('is told by the store alone, with the age of the newest row that was projected here', async () => {
    const { supervisor, server } = serve();
    supervisor.currentTree = treeOf({
      nowMs: 181_000,
      workers: [{ ...thread, ...{ index: 0, unconfirmedMs: null, shards: [] } }],
    });
    const unknown = await get(server, '/health/serving');
    supervisor.rows.add(featureRow('s', 120_000));
    const known = await get(server, '/health/serving');

    expect((await get(server, '/health/ready')).statusCode).toBe(503);
    expect(unknown.statusCode).toBe(200);
    expect(unknown.json()).toMatchObject({ newest_row_age_seconds: null });
    expect(known.json()).toEqual({
      ...{ status: 'serving', reasons: [], newest_row_age_seconds: 61 },
    });
  });

  it('is 503 while the store does not answer, and while the process drains', async () => {
    const away = serve({ ping: () => Promise.reject(new UnavailableError('Redis is away')) });
    const hung = serve({ ping: () => new Promise(() => undefined) });
    const leaving = serve();
    leaving.supervisor.currentTree = treeOf({ state: 'draining' });

    const answers = await Promise.all(
      [away, hung, leaving].map(({ server }) => get(server, '/health/serving')),
    );

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 503, 503]);
    expect(answers.map((answer) => answer.json<{ reasons: string[] }>().reasons)).toEqual([
      ['Redis is away'],
      ['the feature store did not answer within 900 ms'],
      ['supervisor draining'],
    ]);
  });
});

describe('health', () => {
  it('is live until the supervisor has given up', async () => {
    const { supervisor, server } = serve();

    expect((await get(server, '/health/live')).statusCode).toBe(200);
    supervisor.isLive = false;
    expect((await get(server, '/health/live')).statusCode).toBe(503);
  });

  it('is ready, or 503 with the reasons', async () => {
    const { supervisor, server } = serve();
    expect((await get(server, '/health/ready')).statusCode).toBe(200);

    const shards = [shardView(2, { phase: 'replaying' })];
    supervisor.currentTree = treeOf({
      workers: [{ ...thread, index: 0, unconfirmedMs: 200, shards }],
    });
    const answer = await get(server, '/health/ready');

    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      status: 'not ready',
      reasons: ['shard raw_readings/2 replaying'],
    });
  });
});

describe('metrics and the tree', () => {
  it('serves Prometheus text', async () => {
    const { server } = serve();
    const answer = await get(server, '/metrics');

    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toMatch(/^sensorium_uptime_seconds 60\n/);
    const again = await get(server, '/metrics');
    const labels = '{route="/metrics",status="2xx"}';
    expect(again.body).toContain(`sensorium_http_request_duration_seconds_count${labels} 1\n`);
  });

  it('serves the supervision tree as it is', async () => {
    const { supervisor, server } = serve();

    expect((await get(server, '/supervisor')).json()).toEqual(supervisor.currentTree);
  });
});

describe('the features', () => {
  it('are served as declared, in the order of a row', async () => {
    const answer = await get(serve().server, '/features');

    expect(answer.json()).toEqual({
      views: ['sensor_features'],
      features: defaultFeatures.map(({ name, type, unit, description }) => ({
        ...{ name, type, unit, description },
      })),
    });
  });
});

describe('sensors', () => {
  it.each(['sensor_001', 'plant 1/line 2/ö', '%', 'x'.repeat(256), 'ü'.repeat(128)])(
    'finds a sensor by its percent-encoded id: %s',
    async (id) => {
      const { supervisor, server } = serve();
      supervisor.sensorViews = new Map([[id, sensorView(id)]]);

      const answer = await get(server, `/sensors/${encodeURIComponent(id)}`);

      const told = { anomaly_events: 'alarms', anomalies: [] };
      expect([answer.statusCode, answer.json()]).toEqual([200, { ...sensorView(id), ...told }]);
    },
  );

  it('shows a sensor with its last flagged readings, each with the reason', async () => {
    const { supervisor, server } = serve();
    const anomaly = {
      timestamp: 1_700_000_040_000,
      value: 27.5,
      z: 4.25,
      score: 3.9,
      alarm: true,
      baseline: { mean: 20.1, std_dev: 1.5, n: 250 },
      lineage: { topic: 'raw_readings', partition: 2, offset: 9_120 },
    };
    supervisor.sensorViews = new Map([['a', sensorView('a')]]);
    supervisor.anomaliesBySensor = new Map([['a', [anomaly]]]);

    const answer = await get(server, '/sensors/a');

    expect(answer.json()).toMatchObject({ anomalies: [anomaly] });
  });

  it('shows a sensor even while its flagged readings cannot be read', async () => {
    const { supervisor, server } = serve();
    supervisor.sensorViews = new Map([['a', sensorView('a')]]);
    supervisor.anomaliesFailure = new UnavailableError('projector did not answer within 1500 ms');

    const answer = await get(server, '/sensors/a');

    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ sensor_id: 'a', anomalies: null });
  });

  it('answers 404 as JSON for an unknown sensor', async () => {
    const answer = await get(serve().server, '/sensors/nobody');

    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      error: 'not_found',
      message: 'no shard of this process holds a sensor "nobody"',
    });
  });

  it('redirects requests and commands to a process that may hold the sensor', async () => {
    const { server } = serve({ owners: ['http://b:80/', 'http://c:80'], token: 'secret' });

    const asked = await get(server, '/sensors/hall%2F1?x=1');
    const last = await get(server, '/sensors/a?others=0');
    const commanded = await server.app.inject({
      method: 'POST',
      url: '/sensors/a/reset?reason=new%20probe&others=1',
      headers: { authorization: 'Bearer secret' },
    });

    expect(asked.statusCode).toBe(307);
    expect(asked.headers.location).toBe('http://b:80/sensors/hall%2F1?x=1&others=1');
    expect(asked.json()).toMatchObject({ error: 'elsewhere' });
    expect(last.statusCode).toBe(404);
    expect(commanded.statusCode).toBe(307);
    expect(commanded.headers.location).toBe(
      'http://b:80/sensors/a/reset?reason=new+probe&others=0',
    );
  });

  it('answers 503, not 404, while a shard that may hold it is starting', async () => {
    const { supervisor, server } = serve();
    const shards = [shardView(0), shardView(1, { phase: 'replaying' })];
    supervisor.tree = () =>
      treeOf({ workers: [{ ...thread, index: 0, unconfirmedMs: 200, shards }] });

    const answer = await get(server, '/sensors/a');

    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      error: 'unavailable',
      message: 'not yet known whether this process holds it: shard raw_readings/1 replaying',
    });
  });

  it('answers 503, not 404, while a worker does not answer', async () => {
    const { supervisor, server } = serve();
    supervisor.failure = new UnavailableError('not every worker answered');

    const answer = await get(server, '/sensors/a');

    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
    expect(answer.json()).toEqual({ error: 'unavailable', message: 'not every worker answered' });
  });

  it('logs an unexpected failure and hides its message from the client', async () => {
    const lines: LoggedLine[] = [];
    const { supervisor, server } = serve({ lines });
    supervisor.failure = new Error('a secret');

    const answer = await get(server, '/sensors/a');

    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret');
    expect(JSON.stringify(lines)).toContain('a secret');
  });

  it('lists a page of sensors with the counts, and a cursor to the next', async () => {
    const { supervisor, server } = serve();
    supervisor.sensorViews = new Map(['s10', 's9', 't1'].map((id) => [id, sensorView(id)]));

    const first = (await get(server, '/sensors?limit=2')).json<SensorsAnswer>();
    const second = await get(server, `/sensors?limit=2&cursor=${String(first.next)}`);

    expect(first).toMatchObject({ sensors: ['s9', 's10'], limit: 2, total: 10, matching: 3 });
    expect(first.items[0]).toMatchObject({ sensor_id: 's9', partition: 1, process: null });
    expect(second.json()).toMatchObject({ sensors: ['t1'], next: null });
  });

  it('adds the last windows where they are asked for, and lists without those out of reach', async () => {
    let isAway = false;
    const read: FeatureStore['read'] = (ids) =>
      isAway
        ? Promise.reject(new UnavailableError('Redis is away'))
        : Promise.resolve(ids.map(() => ({ eventTimeMs: 60_000, values: { count: 7 } })));
    const { supervisor, server } = serve({ read });
    supervisor.sensorViews = new Map([['a', sensorView('a')]]);
    supervisor.rows.add(featureRow('a', 60_000, 2));

    const there = (await get(server, '/sensors?windows=true')).json<SensorsAnswer>();
    isAway = true;
    const away = (await get(server, '/sensors?windows=true&limit=9')).json<SensorsAnswer>();

    expect(there.items[0]).toMatchObject({
      window_end: 60_000,
      features: { count: 7 },
      windows: [[60_000, 20.142857142857142, 2]],
    });
    expect(away.items[0]).toMatchObject({ window_end: null, features: null });
  });

  it('merges the sensors of all processes, and names those that do not answer', async () => {
    const other = serve();
    other.supervisor.sensorViews = new Map(['b', 'd'].map((id) => [id, sensorView(id)]));
    const url = await other.server.listen();
    const gone = 'http://127.0.0.1:1';
    const { supervisor, server } = serve({ owners: [url, gone] });
    supervisor.sensorViews = new Map(['a', 'c'].map((id) => [id, sensorView(id)]));

    const all = (await get(server, '/sensors?limit=3')).json<SensorsAnswer>();
    const own = (await get(server, '/sensors?limit=3&others=0')).json<SensorsAnswer>();

    expect(all).toMatchObject({ sensors: ['a', 'b', 'c'], total: 20, matching: 4 });
    expect(all.items.map(({ process }) => process)).toEqual([null, url, null]);
    expect(all.processes).toEqual({ answered: 2, silent: [gone] });
    expect(own.sensors).toEqual(['a', 'c']);
  });

  it('shares the answer to equal questions within a second', async () => {
    const { supervisor, server } = serve();
    await get(server, '/sensors?limit=5');
    supervisor.sensorViews = new Map([['a', sensorView('a')]]);

    expect((await get(server, '/sensors?limit=5')).json()).toMatchObject({ matching: 0 });
    expect((await get(server, '/sensors?limit=6')).json()).toMatchObject({ matching: 1 });
  });

  it.each(['sort=colour', 'filter=loud', 'shard=x', 'cursor=!', 'search=a&search=b'])(
    'refuses %s',
    async (query) => {
      const answer = await get(serve().server, `/sensors?${query}`);

      expect(answer.statusCode).toBe(400);
      expect(answer.json<{ message: string }>().message).toContain(query.split('=')[0]);
    },
  );

  it.each(['0', '-1', '1.5', 'many', '10001'])('refuses the limit %s', async (limit) => {
    expect((await get(serve().server, `/sensors?limit=${limit}`)).statusCode).toBe(400);
  });

  it('answers 400 to a URL that is not percent-encoded text', async () => {
    expect((await get(serve().server, '/sensors/%ff%zz')).statusCode).toBe(400);
  });
});

describe('online features', () => {
  const post = (server: HttpServer, payload: string, contentType = 'application/json') =>
    server.app.inject({
      method: 'POST',
      url: '/get-online-features',
      headers: { 'content-type': contentType },
      payload,
    });
  const request = JSON.stringify({
    features: ['sensor_features:count'],
    entities: { sensor_id: ['a', 'b'] },
  });

  it.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain'])(
    'reads the store in the order asked for, with content type %s',
    async (contentType) => {
      const asked: (readonly string[])[] = [];
      const row: OnlineFeatures = { eventTimeMs: 60_000, values: { count: 9 } };
      const { server } = serve({
        read: async (ids) => {
          asked.push(ids);
          return [undefined, row];
        },
      });

      const answer = await post(server, request, contentType);

      expect(answer.statusCode).toBe(200);
      expect(answer.headers['content-type']).toContain('application/json');
      expect(asked).toEqual([['a', 'b']]);
      expect(answer.json()).toMatchObject({
        results: [{ values: ['a', 'b'] }, { values: [null, 9] }],
        metadata: { feature_names: ['sensor_id', 'count'] },
      });
    },
  );

  it('answers from memory, and reads the store only if a row is missing', async () => {
    const row = (count: number): OnlineFeatures => ({ eventTimeMs: 60_000, values: { count } });
    const asked: (readonly string[])[] = [];
    const kept = new Map([
      ['a', row(1)],
      ['b', row(2)],
    ]);
    const { server } = serve({
      read: async (ids) => {
        asked.push(ids);
        return ids.map(() => row(3));
      },
      readKept: (ids) =>
        ids.every((id) => kept.has(id)) ? ids.map((id) => kept.get(id)) : undefined,
    });

    const first = await post(server, request);
    kept.delete('b');
    const second = await post(server, request);

    expect(first.json()).toMatchObject({ results: [{}, { values: [1, 2] }] });
    expect(second.json()).toMatchObject({ results: [{}, { values: [3, 3] }] });
    expect(asked).toEqual([['a', 'b']]);
  });

  it('logs an unexpected failure of the store and hides its message from the client', async () => {
    const lines: LoggedLine[] = [];
    const { server } = serve({ lines, read: () => Promise.reject(new Error('a secret')) });

    const answer = await post(server, request);

    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret');
    expect(JSON.stringify(lines)).toContain('a secret');
  });

  it('sends an unknown view’s error doubly encoded, as Feast does', async () => {
    const body = JSON.stringify({ features: ['nope:x'], entities: { sensor_id: ['a'] } });

    const answer = await post(serve().server, body);

    expect(answer.statusCode).toBe(404);
    expect(answer.body).toBe(
      '"{\\"module\\": \\"feast.errors\\", \\"class\\": \\"FeatureViewNotFoundException\\", ' +
        '\\"message\\": \\"Feature view nope does not exist in project sensor_features\\"}"',
    );
  });

  it.each(['{', '', 'null'])('answers 422 to the body %j', async (payload) => {
    const answer = await post(serve().server, payload);

    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toHaveProperty('detail');
  });

  it('answers 503 while the store cannot be reached', async () => {
    const { server } = serve({
      read: () => Promise.reject(new UnavailableError('connect ECONNREFUSED')),
    });

    const answer = await post(server, request);

    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toBe('The online store is unavailable: connect ECONNREFUSED');
  });

  it('answers 413 to a body that is too large', async () => {
    const answer = await post(serve().server, ' '.repeat(5 * 1024 * 1024));

    expect(answer.statusCode).toBe(413);
  });
});

describe('the page', () => {
  it('loads only files that this server serves', async () => {
    const { server } = serve();
    const queue = ['/'];
    const served = new Set<string>();

    for (const url of queue) {
      if (served.has(url)) continue;
      const answer = await get(server, url);
      expect([url, answer.statusCode]).toEqual([url, 200]);
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
      served.add(url);
      expect(answer.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
      for (const [, path] of answer.body.matchAll(/(?:src|href)="(\/[^"]*)"/g))
        queue.push(path ?? '');
      for (const [, path] of answer.body.matchAll(/from '\.(\/[^']*)'/g)) queue.push(path ?? '');
    }

    expect([...served].sort()).toEqual([
      '/',
      '/alarms.js',
      '/chart-data.js',
      '/chart.js',
      '/command-dialog.js',
      '/dead-letters.js',
      '/elements.js',
      '/failed-shards.js',
      '/favicon.svg',
      '/model.js',
      '/navigation.js',
      '/operator-text.js',
      '/page.css',
      '/page.js',
      '/pipeline.js',
      '/plot.js',
      '/refreshed-list.js',
      '/sensor-commands.js',
      '/sensor-dialog.js',
      '/sensor-table.js',
      '/theme.js',
      '/uplot.css',
      '/uplot.js',
      '/view.js',
    ]);
  });

  it('has every element that its script looks up', async () => {
    const { server } = serve();
    const html = (await get(server, '/')).body;
    const scripts = await Promise.all(
      [
        ...['page', 'sensor-dialog', 'sensor-table', 'sensor-commands', 'chart', 'pipeline'],
        ...['alarms', 'dead-letters', 'failed-shards', 'command-dialog'],
      ].map((name) => get(server, `/${name}.js`)),
    );
    const asked = scripts.flatMap(({ body }) => [...body.matchAll(/\bat\('([^']+)'\)/g)]);

    expect(asked.length).toBeGreaterThan(10);
    for (const [, id] of asked) expect(html).toContain(`id="${id}"`);
  });
});

describe('the description', () => {
  it('lists every route that is served, and no other', async () => {
    const { server } = serve();
    await server.app.ready();
    const files = /\.(js|css|svg)$/;

    for (const [path, methods] of Object.entries(openApiDocument.paths)) {
      const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
      for (const method of Object.keys(methods)) {
        const route = { method: method === 'get' ? 'GET' : 'POST', url } as const;
        expect([path, server.app.hasRoute(route)]).toEqual([path, true]);
      }
    }

    const printed = server.app.printRoutes({ commonPrefix: false });
    const served = [...printed.matchAll(/[├└]── (\S+) \(/g)].map(([, path]) => path ?? '');
    const documented = Object.keys(openApiDocument.paths);
    expect(served.filter((path) => !files.test(path)).length).toBe(documented.length);
    expect((await get(server, '/openapi.json')).json()).toEqual(openApiDocument);
  });

  it('is mentioned by every 404', async () => {
    const answer = await get(serve().server, '/nothing');

    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      error: 'not_found',
      message: 'nothing is served at GET /nothing; see /openapi.json',
    });
  });
});

describe('the live stream', () => {
  it('begins with the tree and all recent rows, then sends only new ones', async () => {
    const { supervisor, server } = serve();
    supervisor.rows.add(featureRow('a', 60_000));
    const url = await server.listen();
    const response = await fetch(`${url}/live`);
    const events = eventsOf(response);

    const first = await events.next();
    supervisor.rows.add(featureRow('b', 60_000));
    const second = await events.next();

    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(first.value).toMatchObject({ tree: { state: 'running' }, readiness: { ready: true } });
    expect(first.value?.rows.map((row) => row.sensor_id)).toEqual(['a']);
    expect(second.value?.rows.map((row) => row.sensor_id)).toEqual(['b']);
  });

  it('ends when the server closes, so that closing never waits for a client', async () => {
    const { server } = serve();
    const url = await server.listen();
    const events = eventsOf(await fetch(`${url}/live`));
    await events.next();

    await server.close();

    expect((await events.next()).done).toBe(true);
  });
});

interface LiveEvent {
  readonly rows: readonly { readonly sensor_id: string }[];
}

async function* eventsOf(response: Response): AsyncGenerator<LiveEvent, undefined> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) yield JSON.parse(data) as LiveEvent;
    }
  }
  return undefined;
}

describe('listening', () => {
  it('names the port that is in use and the setting to change', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const listening = serve({ port }).server.listen();

    await expect(listening).rejects.toThrow(
      `HTTP_PORT: port ${port} on 127.0.0.1 is in use; choose another HTTP_PORT`,
    );
    await expect(listening).rejects.toBeInstanceOf(ConfigError);
    holder.close();
  });
});

describe('commands on a sensor', () => {
  const post = (server: HttpServer, url: string, authorization?: string) =>
    server.app.inject({
      method: 'POST',
      url,
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });

  it.each(['quarantine', 'release', 'reset'] as const)(
    '%s reaches the shard that holds it, with the token alone, and answers with the offset',
    async (name) => {
      const { supervisor, server } = serve({ token: 'secret' });
      supervisor.sensorViews = new Map([['a/b', sensorView('a/b')]]);

      const answer = await post(
        server,
        `/sensors/a%2Fb/${name}?reason=cracked%20glass`,
        'Bearer secret',
      );

      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toEqual({
        sensor_id: 'a/b',
        command: name,
        shards: [{ topic: 'raw_readings', partition: 1, offset: 77, changed: true }],
      });
      expect(supervisor.commands).toEqual([{ name, sensorId: 'a/b', message: 'cracked glass' }]);
    },
  );

  it('change nothing without the token, or if the process has none', async () => {
    const guarded = serve({ token: 'secret' });
    const off = serve();
    for (const { supervisor } of [guarded, off]) {
      supervisor.sensorViews = new Map([['a', sensorView('a')]]);
    }

    expect((await post(guarded.server, '/sensors/a/reset')).statusCode).toBe(401);
    expect((await post(guarded.server, '/sensors/a/reset', 'Bearer secreT')).statusCode).toBe(401);
    const refused = await post(off.server, '/sensors/a/reset', 'Bearer undefined');

    expect([refused.statusCode, refused.json<{ message: string }>().message]).toEqual([
      403,
      'commands are disabled: set HTTP_TOKEN and send it as a bearer token',
    ]);
    expect([guarded.supervisor.commands, off.supervisor.commands]).toEqual([[], []]);
  });

  it('report an unknown sensor and an unknown route', async () => {
    const { supervisor, server } = serve({ token: 't' });

    expect((await post(server, '/sensors/nobody/release', 'Bearer t')).statusCode).toBe(404);
    supervisor.failure = new UnavailableError('the shard was lost before the commit was certain');
    expect((await post(server, '/sensors/a/release', 'Bearer t')).statusCode).toBe(503);
  });
});
