// Every case of bad data and of bad time, through the built program on a real Kafka: each becomes a
// dead letter with its reason and its bytes unchanged, the readings around it are folded as if it
// were not there, nothing stops.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { openTestLog } from './peers.ts';
import { Programs } from './pipeline.ts';
import { eventually } from './program.ts';
import { createTestTopics, nextTo, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

const nowMs = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
const reading = (fields: string): Buffer => Buffer.from(`{${fields}}`);
const good = `"timestamp":${nowMs},"value":1.5`;
const withId = (id: string): Buffer => reading(`"sensor_id":${id},${good}`);
const withTime = (time: string): Buffer => reading(`"sensor_id":"k","timestamp":${time},"value":1`);
const withValue = (value: string): Buffer =>
  reading(`"sensor_id":"k","timestamp":${nowMs},"value":${value}`);

/** A record's value, and the reason it must be dead-lettered for; all are keyed "k". */
const hostile: readonly (readonly [name: string, value: Buffer | null, reason: string])[] = [
  ['a null value', null, 'null_value'],
  ['text', Buffer.from('hello'), 'json_syntax'],
  ['an empty value', Buffer.alloc(0), 'json_syntax'],
  ['truncated JSON', withId('"k"').subarray(0, 20), 'json_syntax'],
  ['an array', Buffer.from('[1,2,3]'), 'json_not_object'],
  ['deep nesting', Buffer.from('['.repeat(50_000)), 'json_syntax'],
  ['deep nesting inside', reading(`"x":${'['.repeat(50_000)}`), 'json_syntax'],
  [
    'a byte order mark',
    Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), withId('"k"')]),
    'json_syntax',
  ],
  ['NaN', withValue('NaN'), 'json_syntax'],
  ['Infinity', withValue('Infinity'), 'json_syntax'],
  ['1e308', withValue('1e308'), 'value_range'],
  ['1e999', withValue('1e999'), 'value_range'],
  ['a value as a string', withValue('"1.5"'), 'value_type'],
  ['no value', reading(`"sensor_id":"k","timestamp":${nowMs}`), 'value_missing'],
  ['a value of null', withValue('null'), 'value_type'],
  ['no id', reading(good), 'sensor_id_missing'],
  ['a numeric id', withId('7'), 'sensor_id_type'],
  ['an empty id', withId('""'), 'sensor_id_length'],
  ['an id of 10,000 bytes', withId(`"${'i'.repeat(10_000)}"`), 'sensor_id_length'],
  ['half a surrogate pair', withId('"\\ud800"'), 'sensor_id_utf8'],
  [
    'an id that is not UTF-8',
    Buffer.concat([
      Buffer.from('{"sensor_id":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`",${good}}`),
    ]),
    'sensor_id_utf8',
  ],
  ['a timestamp as a string', withTime(`"${nowMs}"`), 'timestamp_type'],
  ['a fractional timestamp', withTime('1.5'), 'timestamp_type'],
  ['a huge timestamp', withTime('1e300'), 'timestamp_range'],
  ['no timestamp', reading('"sensor_id":"k","value":1'), 'timestamp_missing'],
  ['a clock a year ahead', withTime(String(nowMs + 31_536_000_000)), 'timestamp_ahead'],
  ['a timestamp of zero', withTime('0'), 'late'],
  ['a negative timestamp', withTime('-5000'), 'late'],
  ['a step back of an hour', withTime(String(nowMs - 3_600_000)), 'late'],
  ['a Confluent header with nothing behind it', Buffer.from([0, 0, 0, 0, 1]), 'avro_malformed'],
  ['a wrong magic byte', Buffer.from([1, 0, 0, 0, 1, 2, 3]), 'json_syntax'],
  ['Avro garbage behind a header', Buffer.from([0, 0, 0, 0, 1, 250, 250, 250]), 'avro_malformed'],
];

/** Hostile looks, but readings all the same. */
const accepted: readonly (readonly [name: string, key: string, value: Buffer])[] = [
  ['duplicate keys, of which the last wins', 'k', reading(`"value":"x","sensor_id":"k",${good}`)],
  ['an id with a NUL', 'a\u0000b', withId('"a\\u0000b"')],
  ['minus zero', 'k', withValue('-0')],
  ['a denormal', 'k', withValue('5e-324')],
  ['a timestamp exactly at the next window', 'k', withTime(String(nowMs + 10_000))],
  ['a timestamp with an exponent', 'k', withTime(`${nowMs / 1_000}e3`)],
  ['unknown nested fields', 'k', reading(`"x":{"y":[1,{}]},"sensor_id":"k",${good}`)],
  ['the same reading twice', 'k', withValue('2')],
  ['the same reading twice', 'k', withValue('2')],
];

describe.skipIf(brokers === '' || redisUrl === '')('hostile input on real Kafka', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('dead-letters every bad record with its reason and its bytes, and folds the rest', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const record = (key: string, value: Buffer | null): OutputRecord => ({
      topic: topics.input,
      key: Buffer.from(key),
      value,
      headers: [{ key: 'trace', value: Buffer.from('t-1') }],
    });
    // First a reading, so that late has a meaning; last one that closes the windows of all before
    // it.
    const records = [
      record('k', withId('"k"')),
      ...hostile.map(([, value]) => record('k', value)),
      ...accepted.map(([, key, value]) => record(key, value)),
      record('k', withTime(String(nowMs + 40_000))),
    ];
    await log.append(records);
    const program = await programs.start(topics, { REDIS_URL: `${redisUrl}/5` });

    const letters = await eventually(
      async () => {
        const found = [...(await readTopic(log, topics.deadLetters)).values()].flat();
        if (found.length < hostile.length) throw new Error(`${found.length} dead letters`);
        return found;
      },
      { timeoutMs: 40_000, onTimeout: () => programs.output() },
    );

    const reasonOf = new Map(letters.map((l) => [Number(l.headers.get('dlq.offset')), l]));
    hostile.forEach(([name, value, reason], index) => {
      const letter = reasonOf.get(index + 1);
      expect([name, letter?.headers.get('dlq.reason')]).toEqual([name, reason]);
      expect([name, letter?.value]).toEqual([name, value?.toString() ?? null]);
      expect([letter?.key, letter?.headers.get('trace')]).toEqual(['k', 't-1']);
    });
    expect(letters).toHaveLength(hostile.length);
    await eventually(
      async () => expect(await foldedReadings(log, topics)).toBe(1 + accepted.length),
      { timeoutMs: 20_000 },
    );
    await program.ready();
    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    expect(metrics).toMatch(/^sensorium_dead_letters_total\{reason="late"\} 3$/m);
  });

  it('dead-letters a record of 10 MB whole, where the input takes such records', async () => {
    const given = await createTestTopics(log, brokers, 1);
    const topics = nextTo(given, `${given.input}-big`);
    const config = { 'max.message.bytes': '20000000' };
    await log.ensureTopics([{ topic: topics.input, partitions: 1, config }]);
    const huge = Buffer.alloc(10_000_000, '{');
    for (const value of [withId('"k"'), huge, withValue('2')]) {
      await log.append([{ topic: topics.input, key: Buffer.from('k'), value }]);
    }

    await programs.start(topics, { REDIS_URL: `${redisUrl}/9` });

    await eventually(
      async () => {
        const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
        const found = letters.map((l) => [l.headers.get('dlq.reason'), l.value?.length]);
        expect(found).toEqual([['too_large', huge.length]]);
        expect(await foldedReadings(log, topics)).toBe(2);
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
  });

  it('refuses readings past SENSORS_MAX and keeps folding the sensors it has', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const flood = Array.from({ length: 20_000 }, (_, i) => ({
      topic: topics.input,
      key: Buffer.from(`flood-${i}`),
      value: Buffer.from(JSON.stringify({ sensor_id: `flood-${i}`, timestamp: nowMs, value: i })),
    }));
    await log.append(flood);
    await programs.start(topics, { REDIS_URL: `${redisUrl}/6`, SENSORS_MAX: '1000' });

    await eventually(
      async () => {
        const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
        const refused = letters.filter((l) => l.headers.get('dlq.reason') === 'sensors_max');
        expect(refused).toHaveLength(19_000);
        expect(await foldedReadings(log, topics)).toBe(1_000);
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
  });
});

async function foldedReadings(log: EventLog, topics: TestTopics): Promise<number> {
  const rows = [...(await readTopic(log, topics.output)).values()].flat();
  return rows
    .map(({ value }) => JSON.parse(value ?? '') as { features: { count: number } })
    .reduce((sum, { features }) => sum + features.count, 0);
}
