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
