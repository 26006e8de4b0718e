import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { anomalyRecord } from '../../src/codecs/anomaly.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { RecentAnomalies } from '../../src/projections/recent-anomalies.ts';
import { recordingLogger } from './recorded.ts';

const topic = 'sensor_anomalies';
const bounds = { anomaliesPerSensorMax: 3, sensorsMax: 2, tailRecordsMax: 10 };

let dataDir: string;
let log: EventLog;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-anomalies-'));
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger: recordingLogger() });
  await log.ensureTopics([{ topic, partitions: 1 }]);
});

afterEach(async () => {
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The anomaly of `sensorId` at input offset `offset`. */
function flagged(sensorId: string, offset: number, format: 'json' | 'avro' = 'json'): OutputRecord {
  const idBytes = Buffer.from(sensorId);
  const reading = {
    idBytes,
    idStart: 0,
    idEnd: idBytes.length,
    timestampMs: 1_000 + offset,
    value: 9,
    offset,
    alarm: true,
    score: 3.5,
    judgement: { z: 4, mean: 1, std_dev: 2, n: 200 },
  };
  return anomalyRecord(reading, { topic: 'raw_readings', partition: 2 }, { topic, format });
}

const offsetsOf = async (recent: RecentAnomalies, sensorId: string): Promise<unknown[]> =>
  (await recent.of(sensorId)).map(({ lineage }) => lineage?.offset);

it('holds the last anomalies of each sensor, newest first, as committed at the request', async () => {
  const recent = new RecentAnomalies({ log, topic, ...bounds });
  await log.append([1, 2, 3, 4].map((offset) => flagged('a', offset)));

  const before = await offsetsOf(recent, 'a');
  await log.append([flagged('a', 5, 'avro'), flagged('b', 6)]);

  expect(before).toEqual([4, 3, 2]);
  expect(await offsetsOf(recent, 'a')).toEqual([5, 4, 3]);
  expect(await offsetsOf(recent, 'b')).toEqual([6]);
  expect(await recent.of('nobody')).toEqual([]);
});

it('has the time, the value and the reason of each', async () => {
  await log.append([flagged('a', 7)]);

  const [anomaly] = await new RecentAnomalies({ log, topic, ...bounds }).of('a');

  expect(anomaly).toEqual({
    timestamp: 1_007,
    value: 9,
    z: 4,
    score: 3.5,
    alarm: true,
    baseline: { mean: 1, std_dev: 2, n: 200 },
    lineage: { topic: 'raw_readings', partition: 2, offset: 7 },
  });
});

it('reads only the tail, and no record twice however many requests there are', async () => {
  const recent = new RecentAnomalies({ log, topic, ...bounds, anomaliesPerSensorMax: 100 });
  await log.append(Array.from({ length: 25 }, (_, offset) => flagged('a', offset)));

  const answers = await Promise.all([1, 2, 3].map(() => offsetsOf(recent, 'a')));

  const tail = [24, 23, 22, 21, 20, 19, 18, 17, 16, 15];
  expect(answers).toEqual([tail, tail, tail]);
});

it('evicts the sensor flagged longest ago if there are too many', async () => {
  const recent = new RecentAnomalies({ log, topic, ...bounds });
  await log.append([flagged('a', 1), flagged('b', 2), flagged('a', 3), flagged('c', 4)]);

  expect(await offsetsOf(recent, 'a')).toEqual([3, 1]);
  expect(await offsetsOf(recent, 'b')).toEqual([]);
  expect(await offsetsOf(recent, 'c')).toEqual([4]);
});

it('skips records that others wrote to the topic', async () => {
  await log.append([
    { topic, key: Buffer.from('a'), value: Buffer.from('hello') },
    { topic, key: Buffer.from('a'), value: null },
    flagged('a', 1),
  ]);

  expect(await offsetsOf(new RecentAnomalies({ log, topic, ...bounds }), 'a')).toEqual([1]);
});

it('is empty while the topic does not exist, and reads it once it does', async () => {
  const recent = new RecentAnomalies({ log, topic: 'other', ...bounds });

  const before = await recent.of('a');
  await log.ensureTopics([{ topic: 'other', partitions: 2 }]);
  await log.append([{ ...flagged('a', 1), topic: 'other' }]);

  expect(before).toEqual([]);
  expect(await offsetsOf(recent, 'a')).toEqual([1]);
});
