import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, it } from 'vitest';

import {
  alarmRecord,
  anomalyRecord,
  decodeAnomaly,
  presenceRecord,
} from '../../src/codecs/anomaly.ts';
import { encodeConfluent } from '../../src/codecs/confluent.ts';
import { DecodeError, InvariantError } from '../../src/errors.ts';
import type {
  AlarmChange,
  AnomalousReading,
  PresenceChange,
} from '../../src/sensors/shard-state.ts';

/** The id lies in the middle of other bytes. */
function anomalous(changes: Partial<AnomalousReading> = {}): AnomalousReading {
  const idBytes = Buffer.from('"sensor_001"');
  return {
    idBytes,
    idStart: 1,
    idEnd: 11,
    timestampMs: 1700000040000,
    value: 27.5,
    offset: 9120,
    alarm: true,
    score: 3.886197451,
    judgement: { z: 4.25, mean: 20.1, std_dev: 1.5, n: 250 },
    ...changes,
  };
}

const shard = { topic: 'raw_readings', partition: 2 };
const contract =
  '{"sensor_id":"sensor_001","timestamp":1700000040000,"value":27.5,"z":4.25,' +
  '"score":3.886197451,"alarm":true,"baseline":{"mean":20.1,"std_dev":1.5,"n":250}}';

describe('an anomaly', () => {
  it('is in JSON the fields of the contract in their order, keyed by its sensor', () => {
    const record = anomalyRecord(anomalous(), shard, { topic: 't', format: 'json' });

    expect(record.topic).toBe('t');
    expect(Buffer.from(record.key ?? []).toString()).toBe('sensor_001');
    expect(Buffer.from(record.value ?? []).toString()).toBe(contract);
  });

  it.each([
    ['shift', '"alarm":true,"channel":"shift","baseline"'],
    ['none', '"alarm":true,"baseline"'],
  ] as const)('names the rule that gave the score, where one did: %s', (channel, text) => {
    const { value } = anomalyRecord(anomalous({ channel }), shard, { topic: 't', format: 'json' });

    expect(Buffer.from(value ?? []).toString()).toContain(text);
    const by = channel === 'none' ? {} : { channel };
    expect(decodeAnomaly(value ?? new Uint8Array())).toEqual({ ...JSON.parse(contract), ...by });
  });

  it('says in its headers where in the input its reading is', () => {
    const { headers = [] } = anomalyRecord(anomalous(), shard, { topic: 't', format: 'json' });

    const texts = headers.map(({ key, value }) => [key, Buffer.from(value ?? []).toString()]);
    expect(texts).toEqual([
      ['lineage.topic', 'raw_readings'],
      ['lineage.partition', '2'],
      ['lineage.offset', '9120'],
    ]);
  });

  it('is in Avro what the checked-in schema reads', () => {
    const file = new URL('../../avro/sensor_anomalies.avsc', import.meta.url);
    const type = avro.Type.forSchema(JSON.parse(readFileSync(file, 'utf8')) as avro.Schema);

    const { value } = anomalyRecord(anomalous(), shard, { topic: 't', format: 'avro' });

    const read = type.fromBuffer(Buffer.from(value ?? [])) as object;
    expect(JSON.stringify(read)).toBe(contract);
  });

  it.each(['json', 'avro'] as const)('reads back from %s as it was written', (format) => {
    const { value } = anomalyRecord(anomalous(), shard, { topic: 't', format });

    expect(decodeAnomaly(value ?? new Uint8Array())).toEqual(JSON.parse(contract));
  });

  it.each(['avro', 'avro-events', 'avro-alarms'] as const)(
    'reads back from %s behind a header',
    (format) => {
      const { value } = anomalyRecord(anomalous(), shard, { topic: 't', format });

      for (const id of [1, 0x0e00_0001, 0xffff_ffff]) {
        const framed = encodeConfluent(id, value ?? new Uint8Array());
        expect(decodeAnomaly(framed)).toEqual(JSON.parse(contract));
      }
    },
  );

  it.each([
    ['z', { judgement: { z: NaN, mean: 1, std_dev: 1, n: 3 } }],
    ['score', { score: Infinity }],
    ['mean', { judgement: { z: 3, mean: -Infinity, std_dev: 1, n: 3 } }],
  ])('is refused as broken where %s is not finite', (_name, changes) => {
    const encode = (): unknown =>
      anomalyRecord(anomalous(changes), shard, { topic: 't', format: 'json' });

    expect(encode).toThrow(InvariantError);
  });

  it.each([
    ['nothing', ''],
    ['other JSON', '{"sensor_id":"a"}'],
    ['a list', '[]'],
    ['broken JSON', contract.slice(0, -1)],
    ['a null baseline', contract.replace(/\{"mean".*\}/, 'null}')],
    ['a text for a number', contract.replace('27.5', '"27.5"')],
    ['neither', 'hello'],
  ])('is no anomaly: %s', (_what, text) => {
    expect(() => decodeAnomaly(Buffer.from(text))).toThrow(DecodeError);
  });
});

describe('an event', () => {
  const idBytes = Buffer.from('"sensor_001"');
  const about = { idBytes, idStart: 1, idEnd: 11, sinceMs: 1_700_000_040_000 };
  const offline: PresenceChange = {
    ...{ ...about, kind: 'offline', timestampMs: 1_700_000_130_000, silentAfterMs: 90_000 },
    ...{ readings: undefined, value: undefined, offset: undefined },
  };
  const stuck: PresenceChange = {
    ...{ ...about, kind: 'stuck', timestampMs: 1_700_000_070_000, silentAfterMs: undefined },
    ...{ readings: 30, value: -0.5, offset: 9120 },
  };

  it('is in JSON the fields of the contract in their order, with a sentence', () => {
    const { key, value, headers } = presenceRecord(offline, shard, { topic: 't', format: 'json' });

    expect(Buffer.from(key ?? []).toString()).toBe('sensor_001');
    expect(Buffer.from(value ?? []).toString()).toBe(
      '{"sensor_id":"sensor_001","timestamp":1700000130000,"kind":"offline","since":1700000040000,' +
        '"silent_after":90000,"readings":null,"value":null,"explanation":"No reading since ' +
        '2023-11-14T22:14:00.000Z: silent for longer than 90 s."}',
    );
    expect(headers?.map(({ key: name }) => name)).toEqual(['lineage.topic', 'lineage.partition']);
  });

  it.each([
    [offline, 'No reading since 2023-11-14T22:14:00.000Z: silent for longer than 90 s.'],
    [{ ...offline, kind: 'online' as const }, 'Heard again at 2023-11-14T22:15:30.000Z, after'],
    [stuck, '30 readings in a row are -0.5, since 2023-11-14T22:14:00.000Z.'],
    [{ ...stuck, kind: 'moving' as const }, 'Moved to -0.5 after 30 equal readings in a row'],
  ])('reads back from JSON and Avro as it was written: $kind', (change, sentence) => {
    const target = { topic: 't' } as const;
    const json = presenceRecord(change, shard, { ...target, format: 'json' });
    const avroRecord = presenceRecord(change, shard, { ...target, format: 'avro-events' });

    const event = decodeAnomaly(json.value ?? new Uint8Array());

    expect(event).toHaveProperty('explanation', expect.stringContaining(sentence));
    expect(decodeAnomaly(avroRecord.value ?? new Uint8Array())).toEqual(event);
  });

  it('names a time beyond the years of Date as other times', () => {
    const change = { ...offline, sinceMs: 8.64e15 + 1 };

    const { value } = presenceRecord(change, shard, { topic: 't', format: 'json' });

    expect(decodeAnomaly(value ?? new Uint8Array())).toHaveProperty(
      'explanation',
      'No reading since +275760-09-13T00:00:00.001Z: silent for longer than 90 s.',
    );
  });

  it('leaves readings beside it as they are in JSON, channel and all', () => {
    const target = { topic: 't', format: 'avro-events' } as const;
    const texts = (['shift', 'none', undefined] as const).map((channel) => {
      const { value } = anomalyRecord(anomalous({ channel }), shard, target);
      return JSON.stringify(decodeAnomaly(value ?? new Uint8Array()));
    });

    const shift = contract.replace('"alarm":true', '"alarm":true,"channel":"shift"');
    expect(texts).toEqual([shift, contract, contract]);
  });

  it('is told from a reading of the other Avro schema, whatever its id', () => {
    for (const id of ['a', 'bb', 'x'.repeat(256)]) {
      const changes = { idBytes: Buffer.from(id), idStart: 0, idEnd: id.length };
      const { value } = anomalyRecord(anomalous(changes), shard, { topic: 't', format: 'avro' });

      expect(decodeAnomaly(value ?? new Uint8Array())).toMatchObject({ sensor_id: id, z: 4.25 });
    }
  });

  it.each([
    ['an unknown kind', '"offline"', '"asleep"'],
    ['no sentence', '"explanation"', '"reason"'],
    ['a text for a time', '1700000040000', '"noon"'],
  ])('is none with %s', (_what, from, to) => {
    const { value } = presenceRecord(offline, shard, { topic: 't', format: 'json' });
    const text = Buffer.from(value ?? []).toString();

    expect(() => decodeAnomaly(Buffer.from(text.replace(from, to)))).toThrow(DecodeError);
  });
});

describe('an event of an alarm', () => {
  const reading = anomalous({ channel: 'spike' });
  const { idBytes, idStart, idEnd, timestampMs, offset } = reading;
  const opened: AlarmChange = {
    ...{ idBytes, idStart, idEnd, timestampMs, offset },
    kind: 'alarm_opened',
    cause: 'reading',
    channel: 'spike',
    openedMs: timestampMs,
    number: 3,
    score: 3.886197451,
    acknowledged: false,
    mutedUntilMs: undefined,
    reason: { by: 'reading', reading },
  };
  const text =
    '{"sensor_id":"sensor_001","timestamp":1700000040000,"kind":"alarm_opened",' +
    '"alarm_id":"1700000040000-3","cause":"reading","channel":"spike","opened_at":1700000040000,' +
    '"score":3.886197451,"value":27.5,"acknowledged":false,"muted_until":null,"explanation":' +
    '"27.5 is 4.25 standard deviations above the mean of 20.1 (± 1.5), with a score of 3.886, by the rule spike."}';

  it('is in JSON the fields of the contract, with a sentence', () => {
    const { value } = alarmRecord(opened, shard, { topic: 't', format: 'json' });

    expect(Buffer.from(value ?? []).toString()).toBe(text);
    expect(decodeAnomaly(value ?? new Uint8Array())).toEqual(JSON.parse(text));
  });

  it('is in Avro what the checked-in schema reads, and reads back as from JSON', () => {
    const file = new URL('../../avro/sensor_alarms.avsc', import.meta.url);
    const type = avro.Type.forSchema(JSON.parse(readFileSync(file, 'utf8')) as avro.Schema);
    const target = { topic: 't', format: 'avro-alarms' } as const;

    const { value } = alarmRecord(opened, shard, target);
    const { value: judged } = anomalyRecord(reading, shard, target);

    expect(type.fromBuffer(Buffer.from(value ?? []))).toMatchObject({ kind: 'alarm_opened' });
    expect(decodeAnomaly(value ?? new Uint8Array())).toEqual(JSON.parse(text));
    const anomaly = { ...(JSON.parse(contract) as object), channel: 'spike' };
    expect(decodeAnomaly(judged ?? new Uint8Array())).toEqual(anomaly);
  });

  it.each([
    [{ by: 'quiet', sinceMs: 0, quietMs: 600_000 }, 'Quiet for 600 s'],
    [{ by: 'forgetting' }, 'forgotten after SENSOR_TTL'],
    [{ by: 'operator', message: 'at work' }, 'Unmuted by an operator: at work.'],
  ] as const)('says why: %j', (reason, sentence) => {
    const { value } = alarmRecord({ ...opened, reason }, shard, { topic: 't', format: 'json' });

    expect(decodeAnomaly(value ?? new Uint8Array())).toMatchObject({
      explanation: expect.stringContaining(sentence) as string,
      value: null,
    });
  });

  it.each([
    ['"acknowledged":false', '"acknowledged":"no"'],
    ['"cause":"reading"', '"cause":"weather"'],
    ['"alarm_id":"1700000040000-3"', '"alarm":true'],
  ])('is refused with %s for %s', (right, wrong) => {
    expect(() => decodeAnomaly(Buffer.from(text.replace(right, wrong)))).toThrow(DecodeError);
  });
});
