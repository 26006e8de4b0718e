import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { cli, freshDataDir } from './captured-cli.ts';

const row = (sensorId: string, end: number, avg: number): object => ({
  ...{ sensor_id: sensorId, window_start: end - 60_000, window_end: end },
  event_time: new Date(end).toISOString(),
  features: { count: 12, avg_value: avg },
  lineage: { topic: 'raw_readings', partition: 0, first_offset: 1, last_offset: 12 },
});
const anomaly = {
  ...{ sensor_id: 'pump\u001b[2J', timestamp: 1_700_000_000_123, value: 14.5 },
  ...{ z: -6.523, score: 4.2, alarm: true, baseline: { mean: 19.88, std_dev: 0.61, n: 4_711 } },
};

async function withRecords(): Promise<{ readonly DATA_DIR: string }> {
  const dataDir = freshDataDir();
  const env = { DATA_DIR: dataDir };
  await cli(['topics', 'create', '--partitions', '2'], env);
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  const record = (topic: string, key: string, value: object | string): object => ({
    ...{ topic, key: Buffer.from(key) },
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  });
  await log.append([
    record('sensor_features', 'a', row('a', 1_700_000_000_000, 19.123_456_789)),
    record('sensor_features', 'b', row('b', 1_700_000_000_000, 2)),
    record('sensor_features', 'a', '{"half":'),
    record('sensor_features', 'a', row('a', 1_700_000_060_000, 20)),
    record('sensor_anomalies', anomaly.sensor_id, anomaly),
  ] as never);
  await log.close();
  return env;
}

describe('consume', () => {
  it('prints the rows of a sensor as a person reads them, and names what is none', async () => {
    const env = await withRecords();

    const args = ['consume', '--from-beginning', '--sensor', 'a', '--limit', '3'];
    const { exitCode, out } = await cli(args, env);

    expect(exitCode).toBe(0);
    expect(out.split('\n')).toEqual([
      '2023-11-14T22:13:20.000Z  a  60 s  count 12  avg_value 19.123',
      expect.stringMatching(/^sensor_features\/\d@\d+ not a feature row: not JSON/),
      '2023-11-14T22:14:20.000Z  a  60 s  count 12  avg_value 20',
      '',
    ]);
  });

  it('prints all digits as JSON', async () => {
    const env = await withRecords();

    const args = ['consume', '--from-beginning', '--sensor', 'b', '--limit', '1', '--json'];

    expect(JSON.parse((await cli(args, env)).out)).toEqual(row('b', 1_700_000_000_000, 2));
  });

  it('says of an anomaly what it is, and shows no control character', async () => {
    const env = await withRecords();

    const { out } = await cli(['consume', 'anomalies', '--from-beginning', '--limit', '1'], env);

    expect(out).toBe(
      '2023-11-14T22:13:20.123Z  pump\\u001b[2J  ALARM  14.5 is 6.523 standard deviations ' +
        'below the mean of 19.88\n',
    );
  });

  it('prints what is committed after it began, and nothing older', async () => {
    const env = await withRecords();
    const log = openEmbeddedLog({
      ...{ dataDir: env.DATA_DIR, clock: systemClock, logger: createLogger('fatal') },
    });

    let done = false;
    const printed = cli(['consume', '--limit', '2'], env).finally(() => (done = true));
    for (let end = 1_800_000_000_000; !done; end += 60_000) {
      const value = Buffer.from(JSON.stringify(row('new', end, 1)));
      await log.append([{ topic: 'sensor_features', key: Buffer.from('new'), value }]);
      await systemClock.sleep(50);
    }
    await log.close();

    const lines = (await printed).out.trim().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^2027-\S+ {2}new {2}60 s/);
  });

  it('refuses a topic that does not exist, and anything else to print', async () => {
    const env = await withRecords();

    expect(await cli(['consume', '--topic', 'nothing'], env)).toMatchObject({
      exitCode: 1,
      err: 'sensorium: topic nothing does not exist\n',
    });
    expect((await cli(['consume', 'readings'], env)).exitCode).toBe(2);
  });
});
