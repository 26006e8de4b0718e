import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeSparkplug, rebirthCommand } from '../../src/codecs/sparkplug-payload.ts';
import type { SensorEvent } from '../../src/codecs/sensor-event.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import { createRecordOfArrival } from '../../src/ingest/arrived-record.ts';
import { SparkplugDoor } from '../../src/ingest/sparkplug-door.ts';
import { createSparkplugMetrics } from '../../src/metrics/mqtt-metrics.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { holds, runs, titled } from '../../property-tests/seed.ts';
import { sparkplugBytes, type TestMetric, type TestPayload } from './sparkplug-payloads.ts';

const atMs = 1_769_853_540_000;
const declared = '{id: id, time: timestamp, values: values.*}';

interface Door {
  send(
    topic: string,
    payload: TestPayload | Uint8Array,
    arrivedMs?: number,
  ): readonly OutputRecord[];
  readonly door: SparkplugDoor;
  readonly events: SensorEvent[];
  readonly requests: string[];
  readonly stored: OutputRecord[];
}

function opened(declaration = declared): Door {
  const parsed = parseInputSchema(declaration);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  const events: SensorEvent[] = [];
  const requests: string[] = [];
  const stored: OutputRecord[] = [];
  const door = new SparkplugDoor({
    ...{ inputTopic: 'readings', birthsTopic: 'births' },
    recordOf: createRecordOfArrival({
      ...{ topic: 'readings', input: parsed.declaration, maxAheadMs: 300_000 },
    }),
    eventRecord: (event) => void events.push(event),
    requestBirths: (edgeNode) => requests.push(edgeNode),
    metrics: createSparkplugMetrics(),
  });
  return {
    ...{ door, events, requests, stored },
    send(topic, payload, arrivedMs = atMs) {
      const bytes = payload instanceof Uint8Array ? payload : sparkplugBytes(payload);
      const { records } = door.recordsOf({ topic, payload: bytes, arrivedMs });
      stored.push(...records.filter((record) => record.topic === 'births'));
      return records.filter((record) => record.topic === 'readings');
    },
  };
}

/** Restores `stored` in a door of its own, as a process that starts again does. */
function restarted(stored: readonly OutputRecord[]): Door {
  const next = opened();
  for (const { key, value } of stored) next.door.restore(Buffer.from(key ?? ''), value);
  return next;
}

const json = ({ value }: OutputRecord): unknown => JSON.parse(Buffer.from(value ?? []).toString());
const nodeBirth: TestPayload = {
  ...{ timestamp: atMs, seq: 0 },
  metrics: [
    { name: 'bdSeq', type: 'UInt64', value: 3 },
    { name: 'Node Control/Rebirth', type: 'Boolean', value: false },
    { name: 'Load', alias: 1, type: 'Double', value: 0.5 },
  ],
};
const deviceBirth: TestPayload = {
  ...{ timestamp: atMs, seq: 1 },
  metrics: [
    { name: 'Temp', alias: 2, type: 'Float', value: 21.5 },
    { name: 'Inputs/A', alias: 3, type: 'Boolean', value: true },
    { name: 'Delta', alias: 4, type: 'Int16', value: -7 },
    { name: 'Serial', type: 'String', value: 'B-17' },
    { name: 'Missing', alias: 5, type: 'Int32', value: null },
  ],
};

function born(): Door {
  const door = opened();
  door.send('spBv1.0/G/NBIRTH/E', nodeBirth);
  door.send('spBv1.0/G/DBIRTH/E/D', deviceBirth);
  return door;
}

describe('the births of Sparkplug', () => {
  it('are readings: of the edge node and of its devices, without controls, dates and nulls', () => {
    const { send } = opened();

    const node = send('spBv1.0/G/NBIRTH/E', nodeBirth);
    const device = send('spBv1.0/G/DBIRTH/E/D', deviceBirth);

    expect(node.map(json)).toEqual([{ id: 'G/E', timestamp: atMs, values: { Load: 0.5 } }]);
    expect(device.map(json)).toEqual([
      {
        ...{ id: 'G/E/D', timestamp: atMs },
        values: { Temp: 21.5, 'Inputs/A': 1, Delta: -7, Serial: 'B-17' },
      },
    ]);
    expect(device.map(({ key }) => String(key))).toEqual(['G/E/D']);
  });

  it('that come again do not repeat what the log has', () => {
    const { send } = born();

    const again: TestPayload = {
      ...deviceBirth,
      metrics: [
        { name: 'Temp', alias: 2, type: 'Float', value: 21.5, timestamp: atMs },
        { name: 'Delta', alias: 4, type: 'Int16', value: -8, timestamp: atMs + 5 },
      ],
    };

    expect(send('spBv1.0/G/DBIRTH/E/D', again).map(json)).toEqual([
      { id: 'G/E/D', timestamp: atMs + 5, values: { Delta: -8 } },
    ]);
  });

  it('of thousands of metrics are records of 64 values', () => {
    const metrics = Array.from(
      { length: 1_000 },
      (_, index) => ({ name: `m${index}`, type: 'Double', value: index }) as const,
    );

    const records = opened().send('spBv1.0/G/DBIRTH/E/D', { timestamp: atMs, seq: 0, metrics });

    expect(records).toHaveLength(16);
    const values = records.flatMap((record) =>
      Object.values((json(record) as { values: Record<string, number> }).values),
    );
    expect(values).toEqual(Array.from(metrics.keys()));
  });
});

describe('data of Sparkplug', () => {
  const data = (metrics: TestMetric[], seq = 2): TestPayload => ({
    timestamp: atMs + 9,
    seq,
    metrics,
  });

  it('are named by their aliases, with their own times, also after a restart', () => {
    const { stored, send } = born();
    const payload = data([
      { alias: 2, type: 'Float', value: 22, timestamp: atMs + 1 },
      { alias: 4, type: 'Int16', value: -8 },
      { alias: 3, type: 'Boolean', value: false },
    ]);
    const expected = [
      { id: 'G/E/D', timestamp: atMs + 1, values: { Temp: 22 } },
      { id: 'G/E/D', timestamp: atMs + 9, values: { Delta: -8, 'Inputs/A': 0 } },
    ];

    expect(send('spBv1.0/G/DDATA/E/D', payload).map(json)).toEqual(expected);
    const next = restarted(stored);
    expect(next.send('spBv1.0/G/DDATA/E/D', payload).map(json)).toEqual(expected);
    expect(next.requests).toEqual([]);
  });

  it('without a data type take that of the birth: an integer has a sign only by it', () => {
    const { send } = born();
    const payload = data([{ alias: 4, type: 'Int16', value: -8, isUntyped: true }]);

    expect(send('spBv1.0/G/DDATA/E/D', payload).map(json)).toMatchObject([
      { values: { Delta: -8 } },
    ]);
  });

  it('of an unknown birth become dead letters with all that is known, and births are asked for', () => {
    const { requests, send } = opened();
    const payload = data([{ alias: 2, type: 'Float', value: 22 }]);

    const [first] = send('spBv1.0/G/DDATA/E/D', payload);
    send('spBv1.0/G/DDATA/E/D', payload, atMs + 29_000);
    expect(requests).toEqual(['G/E']);
    send('spBv1.0/G/DDATA/E/D', payload, atMs + 30_000);

    expect(requests).toEqual(['G/E', 'G/E']);
    expect(first === undefined ? first : json(first)).toEqual({
      ...{ id: 'G/E/D', timestamp: atMs + 9 },
      unresolved: [{ alias: '2', timestamp: atMs + 9, value: 22 }],
    });
    expect(first?.headers?.map(({ value }) => String(value))).toEqual(['spBv1.0/G/DDATA/E/D']);
  });

  it('of a device wait for its birth where the edge node was born again', () => {
    const { requests, send } = born();
    send('spBv1.0/G/NBIRTH/E', nodeBirth);

    const records = send('spBv1.0/G/DDATA/E/D', data([{ alias: 2, type: 'Float', value: 1 }], 1));

    expect(records.map(json)).toMatchObject([{ unresolved: [{ alias: '2' }] }]);
    expect(requests).toEqual(['G/E']);
  });

  it('are resolved no more once the broker has lost the session, also after a restart', () => {
    const { door, stored, send } = born();
    const tombstones = door.sessionLost();
    const payload = data([{ alias: 2, type: 'Float', value: 1 }]);

    for (const { send: sent } of [{ send }, restarted([...stored, ...tombstones])]) {
      expect(sent('spBv1.0/G/DDATA/E/D', payload).map(json)).toMatchObject([{ unresolved: [{}] }]);
    }
  });

  it('that were lost are noticed by the sequence, and births are asked for', () => {
    const { requests, send } = born();
    const one = (seq: number): void => {
      send('spBv1.0/G/DDATA/E/D', data([{ alias: 2, type: 'Float', value: 1 }], seq));
    };
    for (let seq = 2; seq < 256; seq += 1) one(seq);
    for (const seq of [0, 1, 1, 2]) one(seq);
    expect(requests).toEqual([]);

    one(4);

    expect(requests).toEqual(['G/E']);
  });

  it('that are no numbers are left out or refused, as the declaration says', () => {
    const payload = data([
      { name: 'Text', type: 'String', value: 'on' },
      { name: 'Nan', type: 'Double', value: NaN },
      { name: 'Bytes', type: 'Bytes', value: Buffer.from('ab') },
    ]);
    const refusedBy = (declaration: string): readonly string[] =>
      opened(declaration).door.recordsOf({
        topic: 'spBv1.0/G/DDATA/E/D',
        payload: sparkplugBytes(payload),
        arrivedMs: atMs,
      }).refused;

    expect(refusedBy(declared)).toEqual(['value_range']);
    expect(refusedBy('{id: id, time: timestamp, values: {t: values.Text}}')).toEqual([
      'value_type',
    ]);
    expect(refusedBy('{id: id, time: timestamp, values: {b: values.Bytes}}')).toEqual([
      'value_type',
    ]);
    expect(refusedBy('{id: id, time: timestamp, values: {c: values.Else}}')).toEqual([]);
    expect(
      opened('{id: id, time: timestamp, values: {t: values.Text}, value_types: [boolean]}').send(
        ...(['spBv1.0/G/DDATA/E/D', payload] as const),
      ),
    ).toHaveLength(1);
  });
});

describe('a death of Sparkplug', () => {
  const will = (bdSeq: number): TestPayload => ({
    metrics: [{ name: 'bdSeq', type: 'UInt64', value: bdSeq }],
  });

  it('is an event of the edge node and of its devices, once, and so is the next birth', () => {
    const { events, send, stored } = born();

    expect(send('spBv1.0/G/NDEATH/E', will(3), atMs + 5_000)).toEqual([]);
    send('spBv1.0/G/NDEATH/E', will(3), atMs + 6_000);
    const next = restarted(stored);
    next.send('spBv1.0/G/NBIRTH/E', nodeBirth, atMs + 9_000);

    const offline = { kind: 'offline', timestamp: atMs + 5_000, since: atMs, silent_after: null };
    expect(events).toMatchObject([
      { sensor_id: 'G/E', ...offline },
      { sensor_id: 'G/E/D', ...offline },
    ]);
    expect(next.events).toMatchObject([
      { sensor_id: 'G/E', kind: 'online', timestamp: atMs + 9_000 },
    ]);
  });

  it('of an earlier connection is none, nor is that of a device none of its edge node', () => {
    const { events, send } = born();

    send('spBv1.0/G/NDEATH/E', will(2));
    expect(events).toEqual([]);
    send('spBv1.0/G/DDEATH/E/D', { timestamp: atMs, metrics: [] });

    expect(events).toMatchObject([{ sensor_id: 'G/E/D', kind: 'offline' }]);
  });
});

describe('a message of Sparkplug', () => {
  it('that is a command or the state of a host is no reading', () => {
    const { send } = opened();

    expect(send('spBv1.0/G/NCMD/E', rebirthCommand(atMs))).toEqual([]);
    expect(send('spBv1.0/STATE/scada', Buffer.from('{"online":true}'))).toEqual([]);
    expect(decodeSparkplug(rebirthCommand(atMs)).metrics).toMatchObject([
      { name: 'Node Control/Rebirth', datatype: 11, found: { kind: 'plain', value: true } },
    ]);
  });

  it(titled('gives the numbers that were written, of every type'), async () => {
    const numbers = fc.oneof(
      fc.record({ type: fc.constant('Double' as const), value: fc.double({ noNaN: true }) }),
      fc.record({ type: fc.constant('Int8' as const), value: fc.integer({ min: -128, max: 127 }) }),
      fc.record({ type: fc.constant('Int32' as const), value: fc.integer() }),
      fc.record({ type: fc.constant('Int64' as const), value: fc.maxSafeInteger() }),
      fc.record({ type: fc.constant('UInt32' as const), value: fc.nat() }),
      fc.record({ type: fc.constant('Boolean' as const), value: fc.boolean() }),
    );
    const named = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 30 }), numbers), {
      selector: ([name]) => name,
      maxLength: 100,
    });
    await holds(
      fc.property(named, (written) => {
        const metrics = written.map(([name, one]) => ({ name, ...one }));
        const records = opened().send('spBv1.0/G/DBIRTH/E/D', { timestamp: atMs, seq: 0, metrics });
        const read = records.flatMap((record) =>
          Object.entries((json(record) as { values?: object }).values ?? {}),
        );

        const kept = written.filter(([name]) => name !== 'bdSeq');
        const expected = kept.map(([name, { value }]) => [name, Number(value) + 0]);
        expect(new Map(read as [string, number][])).toEqual(
          new Map(expected as [string, number][]),
        );
      }),
      runs(100),
    );
  });

  it(titled('never throws, and what is no payload is kept for the fold to refuse'), async () => {
    await holds(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { door } = born();
        const message = { topic: 'spBv1.0/G/DDATA/E/D', payload: bytes, arrivedMs: atMs };

        const { records, refused } = door.recordsOf(message);

        if (refused.includes('json_syntax')) expect(records[0]?.value).toEqual(bytes);
      }),
      runs(200),
    );
    const { refused } = born().door.recordsOf({
      ...{ topic: 'spBv1.0/G/DDATA/E/D', payload: Buffer.from('21.5'), arrivedMs: atMs },
    });
    expect(refused).toEqual(['json_syntax']);
  });
});
