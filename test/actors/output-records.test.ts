import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { expect, it } from 'vitest';

import { anomalyEncoder } from '../../src/actors/output-records.ts';
import type { ShardContext } from '../../src/actors/shard-context.ts';
import type { AnomalousReading } from '../../src/sensors/shard-state.ts';

it.each([
  ['alarms', [false, true]],
  ['all', [true, true]],
  ['off', [false, false]],
] as const)('ANOMALY_EVENTS=%s tells an anomaly, an alarm: %s', (anomalyEvents, told) => {
  const context = {
    topics: { anomalies: 'sensor_anomalies' },
    settings: { anomalyEvents, outputFormat: 'json' },
    semantics: defaultSemantics,
  } as ShardContext;
  const reading: Omit<AnomalousReading, 'alarm'> = {
    idBytes: Buffer.from('a'),
    idStart: 0,
    idEnd: 1,
    timestampMs: 0,
    value: 9,
    offset: 0,
    score: 0,
    judgement: { z: 3, mean: 0, std_dev: 3, n: 4 },
  };

  const encode = anomalyEncoder(context, { topic: 'raw_readings', partition: 0 });

  expect([false, true].map((alarm) => encode({ ...reading, alarm }) !== undefined)).toEqual(told);
});

it.each([
  ['alone', {}, false],
  ['with silence', { silentAfterMs: 1_000 }, true],
  ['with stuck sensors', { stuckAfter: 9 }, true],
  ['with channels', { baseline: 'robust' }, true],
] as const)('Avro records of readings are of the schema with events %s: %s', (_, changes, are) => {
  const context = {
    topics: { anomalies: 'sensor_anomalies' },
    settings: { anomalyEvents: 'all', outputFormat: 'avro' },
    semantics: { ...defaultSemantics, ...changes },
  } as unknown as ShardContext;
  const idBytes = Buffer.from('a');
  const place = { idBytes, idStart: 0, idEnd: 1, timestampMs: 0, value: 9, offset: 0 };

  const record = anomalyEncoder(context, { topic: 'raw_readings', partition: 0 })({
    ...{ ...place, score: 0, alarm: true, judgement: { z: 3, mean: 0, std_dev: 3, n: 4 } },
  });

  expect(record?.value?.[0] === 0).toBe(are);
});
