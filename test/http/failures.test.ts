// Every route, while every question behind it fails in each of the ways that there are.
import { describe, expect, it, onTestFinished } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import {
  ConfigError,
  FencedError,
  InvariantError,
  UnavailableError,
  type AnySensoriumError,
} from '../../src/errors.ts';
import { openApiDocument } from '../../src/http/routes/openapi.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { createRecordOfArrival } from '../../src/ingest/arrived-record.ts';
import { PostedReadings } from '../../src/ingest/posted-readings.ts';
import { SensorHistory } from '../../src/projections/sensor-history.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { InMemorySupervisor } from './in-memory-supervisor.ts';

/** A server behind which nothing that may fail succeeds. */
function failing(error: Error, lines: LoggedLine[]): HttpServer {
  const fail = (): Promise<never> => Promise.reject(error);
  const supervisor = Object.assign(new InMemorySupervisor(), {
    ...{ sensor: fail, sensors: fail, windows: fail, anomalies: fail },
    ...{ command: fail, retryShard: fail, metrics: fail },
  });
  const config = parseConfig({ HTTP_TOKEN: 'the-token-of-this-test', ALARM_RESOLVE_AFTER: '1m' });
  const server = createHttpServer({
    supervisor,
    owners: { urlsOf: fail, urlsOfShard: fail, urlsOfAll: fail },
    featureStore: { ping: fail, read: fail },
    queries: { run: fail },
    deadLetters: { newest: fail },
    history: new SensorHistory({
      log: { describeTopic: fail, offsets: fail, read: () => expect.unreachable() },
      ...{ features: [], availableAfterMs: 0, onBadRow: () => undefined },
    }),
    posted: new PostedReadings({
      log: { append: fail },
      recordOf: createRecordOfArrival({ topic: 't', maxAheadMs: 1, input: undefined }),
      behind: () => 0,
      bounds: { bodyBytesMax: 1_000, perSecondMax: 1_000, behindMax: 1_000 },
      clock: systemClock,
    }),
    config: { ...config, process: { ...config.process, httpPort: 0 } },
    logger: keepingLogger(lines),
  });
  onTestFinished(() => server.close());
  return server;
}

/** Returns the status of every documented route, by method and path; the stream is left out. */
async function statuses(server: HttpServer): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const [path, methods] of Object.entries(openApiDocument.paths)) {
    for (const name of path === '/live' ? [] : Object.keys(methods)) {
      const method = name === 'get' ? 'GET' : 'POST';
      const url = path.replace('{id}', 'a').replace('{topic}/{partition}', 'raw_readings/0');
      const answer = await server.app.inject({
        ...{ method, url, headers: { authorization: 'Bearer the-token-of-this-test' } },
        ...(method === 'POST' ? { payload: bodies[path] ?? '' } : {}),
      });
      found.set(`${method} ${path}`, answer.statusCode);
    }
  }
  return found;
}

const bodies: Readonly<Record<string, string>> = {
  '/get-online-features':
    '{"features": ["sensor_features:count"], "entities": {"sensor_id": ["a"]}}',
  '/query': '{"sql": "SELECT 1"}',
  '/readings': '{"sensor_id": "a", "timestamp": 1, "value": 2}',
  '/sensors/{id}/mute': '{"for": "1m"}',
  '/sensors/{id}/tune': '{"sensitivity": 2}',
};

/** The routes that ask something; all others answer from memory. */
const asking = [
  'GET /alarms',
  'GET /dead-letters',
  'GET /health/serving',
  'GET /metrics',
  'GET /sensors',
  'GET /sensors/{id}',
  'GET /sensors/{id}/history',
  'POST /sensors/{id}/acknowledge',
  'POST /sensors/{id}/mute',
  'POST /sensors/{id}/quarantine',
  'POST /sensors/{id}/release',
  'POST /sensors/{id}/reset',
  'POST /sensors/{id}/tune',
  'POST /sensors/{id}/unmute',
  'POST /shards/{topic}/{partition}/retry',
  'POST /get-online-features',
  'POST /query',
  'POST /readings',
];

const missingRight = 'User:s lacks Read on topic sensor_anomalies. Grant it: kafka-acls --add';
const told: readonly AnySensoriumError[] = [
  new UnavailableError('no broker answers'),
  new ConfigError('the topic raw_readings does not exist'),
  new ConfigError(missingRight, { operation: 'Read', resource: 'topic' }),
  new FencedError('another owner took over'),
];

describe('a failure behind a route', () => {
  it.each(told.map((error) => [error.message, error] as const))(
    'is a 503 with the reason: %s',
    async (message, error) => {
      const server = failing(error, []);

      for (const [route, status] of await statuses(server)) {
        // The client's own SQL is what a query is refused for.
        const isQuery = route === 'POST /query' && error.directive === 'stop';
        expect([route, status]).toEqual([
          route,
          isQuery ? 400 : asking.includes(route) ? 503 : 200,
        ]);
      }
      const { body } = await server.app.inject({ url: '/sensors' });
      expect(body).toContain(message);
    },
  );

  it.each([new InvariantError('a secret of the program'), new TypeError('a secret of Node')])(
    'that is a bug is a 500, in the log and not in the answer: %s',
    async (error) => {
      const lines: LoggedLine[] = [];
      const server = failing(error, lines);

      for (const [route, status] of await statuses(server)) {
        const expected = route === 'GET /health/serving' ? 503 : asking.includes(route) ? 500 : 200;
        expect([route, status]).toEqual([route, expected]);
      }
      const { body } = await server.app.inject({ url: '/sensors' });
      expect(body).not.toContain('a secret');
      expect(JSON.stringify(lines)).toContain('a secret');
    },
  );
});
