import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';

import { createFeatureClient, FeatureError } from '../../../clients/ts/src/index.ts';
import { featureTypesSource } from '../../../clients/ts/src/feature-types.ts';
import { parseConfig } from '../../../src/config/config.ts';
import { createHttpServer } from '../../../src/http/server.ts';
import { InMemorySupervisor } from '../../http/in-memory-supervisor.ts';
import { keepingLogger } from '../../supervisor/keeping-logger.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

interface Asked {
  readonly features: readonly string[];
  readonly entities: { readonly sensor_id: readonly string[] };
}

/** A server that answers each request, counted from 1, as `answer` says. */
async function server(
  answer: (response: ServerResponse, body: Asked, request: number) => void,
): Promise<{ url: string; bodies: Asked[] }> {
  const bodies: Asked[] = [];
  const http: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const body = JSON.parse(text) as Asked;
      bodies.push(body);
      answer(response, body, bodies.length);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  closers.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, bodies };
}

const epoch = '1970-01-01T00:00:00Z';

/** The answer of `feast serve` 0.67: every status PRESENT, the epoch where nothing is stored. */
function feastAnswer({ features, entities: { sensor_id: ids } }: Asked): string {
  const column = (values: readonly unknown[], times: readonly string[]): object => ({
    values,
    statuses: ids.map(() => 'PRESENT'),
    event_timestamps: times,
  });
  const stored = (id: string): boolean => id !== 'unknown';
  const times = ids.map((id) => (stored(id) ? '2026-11-23T02:56:15.693807Z' : epoch));
  const names = features.map((reference) => reference.split(':')[1]);
  return JSON.stringify({
    results: [
      column(
        ids,
        ids.map(() => epoch),
      ),
      // Feast returns features in an order of its own.
      ...names.map((name) =>
        column(
          ids.map((id) => (stored(id) ? `${name} of ${id}` : null)),
          times,
        ),
      ),
    ].reverse(),
    metadata: { feature_names: ['sensor_id', ...names].reverse() },
  });
}

type Features = { 'sensor_features:avg_value': number; 'sensor_features:count': number };
const entities = { sensor_id: ['a', 'unknown'] };

describe('the TypeScript client', () => {
  it('returns a typed row for each entity, whatever the order of the columns', async () => {
    const { url } = await server((response, body) => response.end(feastAnswer(body)));
    const client = createFeatureClient<Features>({ url });

    const rows = await client.getOnlineFeatures({
      features: ['sensor_features:avg_value', 'sensor_features:count'],
      entities,
    });

    expectTypeOf(rows[0]?.features.avg_value).toEqualTypeOf<number | null | undefined>();
    expect(rows).toMatchObject([
      {
        entity: { sensor_id: 'a' },
        found: true,
        eventTimeMs: Date.parse('2026-11-23T02:56:15.693Z'),
        features: { avg_value: 'avg_value of a', count: 'count of a' },
      },
      { entity: { sensor_id: 'unknown' }, found: false, features: { avg_value: null } },
    ]);
    expect(rows[1]?.ageMs).toBeUndefined();
  });

  it('reads our own server: values exact, the age of the row, not-a-number as a number', async () => {
    const eventTimeMs = Date.now() - 5_000;
    const stored = { eventTimeMs, values: { avg_value: 0.1 + 0.2, std_dev: NaN, count: 60 } };
    const sensorium = createHttpServer({
      supervisor: new InMemorySupervisor(),
      owners: {
        urlsOf: () => Promise.resolve([]),
        urlsOfShard: () => Promise.resolve([]),
        urlsOfAll: () => Promise.resolve([]),
      },
      featureStore: {
        ping: () => Promise.resolve(),
        read: async (ids) => ids.map((id) => (id === 'a' ? stored : undefined)),
      },
      config: { ...parseConfig({}), process: { ...parseConfig({}).process, httpPort: 0 } },
      logger: keepingLogger(),
    });
    closers.push(() => sensorium.close());
    const client = createFeatureClient({ url: await sensorium.listen() });

    const [row, unknown] = await client.getOnlineFeatures({
      features: ['sensor_features:avg_value', 'sensor_features:std_dev', 'sensor_features:count'],
      entities,
      fullFeatureNames: true,
    });

    expect(row?.features).toEqual({
      sensor_features__avg_value: 0.1 + 0.2,
      sensor_features__std_dev: NaN,
      sensor_features__count: 60,
    });
    expect(row?.ageMs).toBeGreaterThanOrEqual(5_000);
    expect(row?.ageMs).toBeLessThan(60_000);
    expect(unknown).toMatchObject({ found: false, eventTimeMs: undefined });
  });

  it('gathers the reads of one turn into one request and gives each its own rows', async () => {
    const { url, bodies } = await server((response, body) => response.end(feastAnswer(body)));
    const client = createFeatureClient<Features>({ url });
    const features = ['sensor_features:count'] as const;

    const reads = await Promise.all(
      ['a', 'b', 'c'].map((id) =>
        client.getOnlineFeatures({ features, entities: { sensor_id: [id] } }),
      ),
    );

    expect(reads.map((rows) => rows[0]?.features.count)).toEqual([
      'count of a',
      'count of b',
      'count of c',
    ]);
    expect(bodies.map((body) => body.entities.sensor_id)).toEqual([['a', 'b', 'c']]);
  });

  it('cuts a large read into requests of at most rowsMax and keeps its order', async () => {
    const { url, bodies } = await server((response, body) => response.end(feastAnswer(body)));
    const client = createFeatureClient<Features>({ url, batch: { rowsMax: 2 } });
    const ids = ['a', 'b', 'c', 'd', 'e'];

    const rows = await client.getOnlineFeatures({
      features: ['sensor_features:count'],
      entities: { sensor_id: ids },
    });

    expect(rows.map(({ entity }) => entity['sensor_id'])).toEqual(ids);
    expect(bodies.map((body) => body.entities.sensor_id.length).sort()).toEqual([1, 2, 2]);
  });

  it('tries again where the server says later, and tells how often in vain', async () => {
    const passing = await server((response, body, request) => {
      if (request === 1) response.writeHead(503).end('"The online store is unavailable"');
      else response.end(feastAnswer(body));
    });
    const failing = await server((response) => response.writeHead(429).end('"slow down"'));
    const request = { features: ['sensor_features:count'], entities } as const;

    await createFeatureClient({ url: passing.url }).getOnlineFeatures(request);
    const refused = createFeatureClient({ url: failing.url, retries: 1 }).getOnlineFeatures(
      request,
    );

    expect(passing.bodies).toHaveLength(2);
    await expect(refused).rejects.toMatchObject({
      kind: 'unavailable',
      status: 429,
      attempts: 2,
      message: expect.stringContaining('slow down') as string,
    });
  });

  it('gives Feast’s own words for what is refused, at the first attempt', async () => {
    const detail = '{"module": "feast.errors", "message": "Feature view nope does not exist"}';
    const { url, bodies } = await server((response) =>
      response.writeHead(404).end(JSON.stringify(detail)),
    );

    const read = createFeatureClient({ url }).getOnlineFeatures({
      features: ['nope:count'],
      entities,
    });

    await expect(read).rejects.toMatchObject({
      kind: 'refused',
      status: 404,
      message: expect.stringMatching(/answered 404: Feature view nope does not exist$/) as string,
    });
    expect(bodies).toHaveLength(1);
  });

  it('names an answer that is no feature server’s, and a server that cannot be reached', async () => {
    const { url } = await server((response) => response.end('<html>hello</html>'));
    const request = { features: ['sensor_features:count'], entities };

    await expect(createFeatureClient({ url }).getOnlineFeatures(request)).rejects.toMatchObject({
      kind: 'protocol',
    });
    const nobody = createFeatureClient({ url: 'http://127.0.0.1:1', retries: 0 });
    await expect(nobody.getOnlineFeatures(request)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('ends an attempt that hangs, and retries it', async () => {
    const { url, bodies } = await server((response, body, request) => {
      if (request > 1) response.end(feastAnswer(body));
    });
    const client = createFeatureClient({ url, timeoutMs: 100 });

    const rows = await client.getOnlineFeatures({ features: ['sensor_features:count'], entities });

    expect(rows[0]?.found).toBe(true);
    expect(bodies).toHaveLength(2);
  });

  it('rejects an aborted read alone; the others of its request get their rows', async () => {
    let answerAll = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      void server((response, body) => {
        answerAll = () => response.end(feastAnswer(body));
        resolve();
      }).then(({ url }) => start(url));
    });
    const abort = new AbortController();
    let reads: Promise<unknown>[] = [];
    const start = (url: string): void => {
      const client = createFeatureClient({ url });
      const request = { features: ['sensor_features:count'], entities };
      reads = [
        client.getOnlineFeatures(request, { signal: abort.signal }),
        client.getOnlineFeatures(request),
      ];
    };
    await asked;

    abort.abort(new Error('the caller left'));
    await expect(reads[0]).rejects.toThrow('the caller left');
    answerAll();

    await expect(reads[1]).resolves.toHaveLength(2);
  });

  it('refuses entity columns of unequal length before anything is sent', async () => {
    const client = createFeatureClient({ url: 'http://127.0.0.1:1' });

    const read = client.getOnlineFeatures({
      features: ['v:f'],
      entities: { sensor_id: ['a', 'b'], site: ['x'] },
    });

    await expect(read).rejects.toThrow('entity columns must be equally long');
    expect(FeatureError.name).toBe('FeatureError');
  });

  it('writes the types of a server’s features, by view and name', () => {
    const source = featureTypesSource(
      {
        views: ['sensor_features', 'sensor_features_5m'],
        features: [{ name: 'count', type: 'Int64', unit: 'readings', description: 'How many.' }],
      },
      { name: 'Features', url: 'http://localhost:8080' },
    );

    expect(source).toContain("  'sensor_features:count': number;\n");
    expect(source).toContain("  'sensor_features_5m:count': number;\n");
    expect(source).toContain('/** How many. Unit: readings. */');
  });
});
