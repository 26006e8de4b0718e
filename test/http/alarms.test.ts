import fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { foldAll, foldOutput } from '../../property-tests/models/run-fold.ts';
import { alarmCommandOf } from '../../src/http/routes/alarm-bodies.ts';
import { addAlarmRoute } from '../../src/http/routes/alarms.ts';
import { SensorListing } from '../../src/http/sensor-listing.ts';
import { createShardState } from '../../src/sensors/shard-state.ts';
import { treeOf } from './in-memory-supervisor.ts';

const shard = { topic: 'raw_readings', partition: 0 };

/** A server over a shard whose sensors a to e are silent, a acknowledged and b muted. */
function serve({ nowMs = 0 } = {}): FastifyInstance {
  const semantics = { ...defaultSemantics, alarmResolveAfterMs: 60_000, silentAfterMs: 1_000 };
  const state = createShardState(semantics, { watermark: 'own' });
  const readings = ['a', 'b', 'c', 'd', 'e'].map((sensorId, offset) => ({
    ...{ sensorId, offset, recordTimestampMs: 0, timestampMs: 0, value: 1 },
  }));
  foldAll(state, readings, [{ offset: 9, toMs: 9_000 }]);
  const decided = { decidedMs: 9, message: '' };
  state.commandAlarms('a', { name: 'acknowledge', ...decided }, foldOutput());
  state.commandAlarms('b', { name: 'mute', untilMs: 99, ...decided }, foldOutput());
  const app = fastify();
  const listing = new SensorListing({
    supervisor: {
      sensors: (query) => {
        const scan = state.sensorScan(query);
        while (scan.step());
        const sensors = scan.page().map((sensor) => ({ ...sensor, ...shard }));
        return Promise.resolve({ sensors, matching: scan.matching });
      },
      tree: () => treeOf(),
      windows: () => Promise.resolve([]),
    },
    owners: { urlsOfAll: () => Promise.resolve([]) },
    featureStore: { read: () => Promise.resolve([]) },
    readToken: undefined,
    monotonicMs: () => 0,
  });
  addAlarmRoute(app, { listing, hasAlarms: true, nowMs: () => nowMs });
  return app;
}

describe('GET /alarms', () => {
  it('lists the open alarms with their state, a page at a time', async () => {
    const app = serve();

    const first = await app.inject('/alarms?limit=2');
    const body = first.json<{ alarms: object[]; next: string; sensors: number }>();
    const second = await app.inject(`/alarms?limit=2&cursor=${body.next}`);

    const opened_at = 1_000;
    const silent = { alarm_id: '1000-1', cause: 'silent', channel: 'silent', opened_at };
    const place = { ...shard, process: null };
    expect(body.sensors).toBe(5);
    expect(body.alarms).toEqual([
      { sensor_id: 'a', ...silent, score: null, acknowledged: true, muted_until: null, ...place },
      { sensor_id: 'b', ...silent, score: null, acknowledged: false, muted_until: 99, ...place },
    ]);
    expect(second.json<{ alarms: object[] }>().alarms).toMatchObject([
      { sensor_id: 'c' },
      { sensor_id: 'd' },
    ]);
  });

  it('leaves out what somebody knows of, where that is asked', async () => {
    const answer = await serve().inject('/alarms?state=unacknowledged&limit=1');

    expect(answer.json<{ alarms: object[] }>().alarms).toMatchObject([{ sensor_id: 'b' }]);
  });

  it.each([
    ['open', 0, ['a', 'b', 'c', 'd', 'e']],
    ['unacknowledged', 0, ['b', 'c', 'd', 'e']],
    ['acknowledged', 0, ['a']],
    ['muted', 98, ['b']],
    ['muted', 99, []],
  ] as const)('has those that are %s at %i', async (state, nowMs, sensors) => {
    const answer = await serve({ nowMs }).inject(`/alarms?state=${state}`);

    const { alarms } = answer.json<{ alarms: { sensor_id: string }[] }>();
    expect(alarms.map(({ sensor_id }) => sensor_id)).toEqual(sensors);
  });

  it.each(['state=gone', 'state=constructor', 'limit=0', 'cursor=x'])(
    'refuses ?%s',
    async (query) => {
      expect((await serve().inject(`/alarms?${query}`)).statusCode).toBe(400);
    },
  );
});

describe('the body of a command', () => {
  it.each([
    ['mute', { for: '2h' }, { name: 'mute', untilMs: 7_205_000 }],
    ['mute', { until: '1970-01-01T00:01:00Z' }, { name: 'mute', untilMs: 60_000 }],
    ['unmute', {}, { name: 'mute', untilMs: 0 }],
    ['acknowledge', {}, { name: 'acknowledge' }],
    ['tune', { sensitivity: 0.5 }, { name: 'tune', sensitivity: 0.5, direction: undefined }],
    ['tune', { direction: 'low' }, { name: 'tune', sensitivity: undefined, direction: 'low' }],
  ] as const)('%s %j is %j', (name, fields, command) => {
    expect(alarmCommandOf(name, fields, 5_000)).toEqual(command);
  });

  it.each([
    ['mute', {}],
    ['mute', { for: 'ever' }],
    ['mute', { until: '1970-01-01T00:00:01Z' }],
    ['mute', { for: '1h', until: '1970-01-01T00:01:00Z' }],
    ['acknowledge', { for: '1h' }],
    ['tune', { sensitivity: 0 }],
    ['tune', { direction: 'up' }],
    ['tune', { sensitivty: 1 }],
  ] as const)('%s %j is refused with what was expected', (name, fields) => {
    expect(alarmCommandOf(name, fields, 5_000)).toMatch(/^expected/);
  });
});
