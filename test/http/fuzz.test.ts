// Every documented route under requests that follow its description more or less. The log and the
// store are real. Every answer is one that the description names, the program lives on, and its
// memory stays within bounds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runs, titled } from '../../property-tests/seed.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import { openApiDocument } from '../../src/http/routes/openapi.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { createRecordOfArrival } from '../../src/ingest/arrived-record.ts';
import { PostedReadings } from '../../src/ingest/posted-readings.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { SensorHistory } from '../../src/projections/sensor-history.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';
import { InMemorySupervisor, sensorView } from './in-memory-supervisor.ts';

interface Described {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema?: Described }>>;
  };
  readonly responses: Readonly<Record<string, object>>;
}

interface Route {
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** Statuses that the description names. */
  readonly described: readonly number[];
}

/** The stream never ends, so its tests are apart from these. */
const operations = Object.entries(openApiDocument.paths)
  .filter(([path]) => path !== '/live')
  .flatMap(([path, methods]) =>
    Object.entries(methods as Readonly<Record<string, Operation>>).map(([name, operation]) => {
      const method = name === 'get' ? ('GET' as const) : ('POST' as const);
      const described = Object.keys(operation.responses).map(Number);
      return { operation, route: { path, method, described } };
    }),
  );

/** Refusals that any route may give: a malformed request is no matter of one route. */
const common = [400, 401, 403, 404, 405, 413, 414, 415, 422, 429, 431];

const text: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'sensor_001', 'raw_readings', '0', '-1', '1e99', 'true', 'NaN', 'json'),
  fc.constantFrom('__proto__', 'constructor', 'sensor_features:count', 'sensor_features', ''),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.nat(700).map((length) => 'ö'.repeat(length)),
);

/** A value of the described shape, unless it is to be another one. */
function valueOf(shape: Described | undefined): fc.Arbitrary<unknown> {
  const other: fc.Arbitrary<unknown> = fc.oneof(fc.jsonValue(), text);
  const { items, properties, type } = shape ?? {};
  if (type === 'array') {
    return fc.oneof({ weight: 4, arbitrary: fc.array(valueOf(items), { maxLength: 20 }) }, other);
  }
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, of]) => [name, valueOf(of)] as const);
    const known = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
    return fc.oneof({ weight: 6, arbitrary: known }, other);
  }
  return type === 'string' ? fc.oneof({ weight: 4, arbitrary: text }, other) : other;
}

function bodyOf({ requestBody }: Operation): fc.Arbitrary<string | Buffer> {
  const [content] = Object.values(requestBody?.content ?? {});
  return fc.oneof(
    { weight: 6, arbitrary: valueOf(content?.schema).map((value) => JSON.stringify(value) ?? '') },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.nat(50_000).map((depth) => '['.repeat(depth)) },
    { weight: 1, arbitrary: text },
  );
}

/** Percent-encoded, or with escapes of no character. */
const segment: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: text.map((raw) => encodeURIComponent(raw.toWellFormed())) },
  { weight: 1, arbitrary: fc.constantFrom('%', '%zz', '%ff', '%00', '..%2f..', '%2e%2e') },
);

const request: fc.Arbitrary<{ readonly route: Route; readonly sent: InjectOptions }> = fc
  .constantFrom(...operations)
  .chain(({ operation, route }) => {
    const names = route.path.match(/(?<=\{)\w+(?=\})/g) ?? [];
    const asked = (operation.parameters ?? []).filter((each) => each.in === 'query');
    const query = fc.array(fc.tuple(fc.constantFrom('x', ...asked.map((a) => a.name)), segment), {
      maxLength: 4,
    });
    const headers = fc.record(
      {
        authorization: fc.constantFrom('Bearer the-token-of-this-test', 'Bearer wrong', 'Basic ?'),
        'content-type': fc.constantFrom('application/json', 'text/plain', 'x/y; charset=ö', ''),
        'content-encoding': fc.constantFrom('gzip', 'br'),
        host: fc.constantFrom('localhost', 'evil.example', '['),
        origin: fc.constantFrom('null', 'http://localhost'),
      },
      { requiredKeys: ['authorization'] },
    );
    return fc
      .tuple(fc.tuple(...names.map(() => segment)), query, headers, bodyOf(operation))
      .map(([segments, parameters, sentHeaders, payload]) => {
        const path = names.reduce(
          (url, name, index) => url.replace(`{${name}}`, () => segments[index] ?? ''),
          route.path,
        );
        const search = parameters.map(([name, value]) => `${name}=${value}`).join('&');
        const sent = {
          ...{ method: route.method, url: `${path}?${search}`, headers: sentHeaders },
          ...(route.method === 'POST' ? { payload } : {}),
        };
        return { route, sent };
      });
  });

describe('any request', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-fuzz-'));
  let log: EventLog;
  let store: FeatureStore;
  let server: HttpServer;

  beforeAll(async () => {
    const config = parseConfig({ HTTP_TOKEN: 'the-token-of-this-test', DATA_DIR: dataDir });
    const logger = keepingLogger();
    log = openEmbeddedLog({ dataDir, clock: systemClock, logger });
    await log.ensureTopics([
      { topic: config.process.inputTopic, partitions: 2 },
      { topic: config.process.outputTopic, partitions: 2 },
    ]);
    store = openEmbeddedFeatureStore({ dataDir });
    const supervisor = new InMemorySupervisor();
    supervisor.sensorViews = new Map([['a', sensorView('a')]]);
    server = createHttpServer({
      ...{ supervisor, featureStore: store, logger },
      config: { ...config, process: { ...config.process, httpPort: 0 } },
      history: new SensorHistory({
        ...{ log, features: [], availableAfterMs: 0, onBadRow: () => undefined },
      }),
      posted: new PostedReadings({
        ...{ log, behind: () => 0, clock: systemClock },
        recordOf: createRecordOfArrival({
          ...{ topic: config.process.inputTopic, maxAheadMs: 300_000, input: undefined },
        }),
        bounds: { bodyBytesMax: 100_000, perSecondMax: 10_000, behindMax: 10_000 },
      }),
    });
  });
  afterAll(async () => {
    await server.close();
    await store.close();
    await log.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it(
    titled('has an answer that is described, and leaves the program alive and small'),
    async () => {
      const heapBefore = process.memoryUsage().heapUsed;

      await fc.assert(
        fc.asyncProperty(request, async ({ route, sent }) => {
          const { statusCode } = await server.app.inject(sent);

          expect([...common, ...route.described]).toContain(statusCode);
        }),
        runs(600),
      );

      expect((await server.app.inject({ url: '/health/live' })).statusCode).toBe(200);
      expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(200 * 1024 * 1024);
    },
    30_000,
  );
});
