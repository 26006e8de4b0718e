import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, it } from 'vitest';

import { anomalyRecord, decodeAnomaly } from '../../src/codecs/anomaly.ts';
import { DecodeError, InvariantError } from '../../src/errors.ts';
import type { AnomalousReading } from '../../src/sensors/shard-state.ts';

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
