// A broker that takes less in TRANSACTION_TIMEOUT_MS than one close has to say (fault 82): 20,000 sensors whose windows
// close at once, a quota of 300 kB/s, a timeout of 5 s. Every commit of all of them would be aborted, for ever.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { startOwnServices, type OwnServices } from './own-services.ts';
import { openTestLog } from './peers.ts';
import { Programs, settle } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { createTestTopics, type TestTopics } from './topics.ts';

const sensors = 20_000;
const bytesPerSecond = 300_000;
const timeoutMs = 5_000;

describe.skipIf(inject('kafkaBrokers') === '' || inject('redisUrl') === '')('a slow broker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-slow-'));
  let services: OwnServices;
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    services = await startOwnServices(folder);
    log = await openTestLog(services.brokers);
  }, 120_000);
  afterEach(() => programs.killAll());
  afterAll(async () => {
    await log.close();
    await services.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it('gets a close of all sensors in several commits, through a kill -9 between them: every row once', async () => {
    const topics = await createTestTopics(log, services.brokers, 1);
    await log.append(readingsOf(topics));
    await limitProducers(services.brokers);
    const env = { REDIS_URL: services.redisUrl, TRANSACTION_TIMEOUT_MS: String(timeoutMs) };
    const first = await programs.start(topics, { ...env, WORKERS: '1' });
    await eventually(async () => expect(await rowsOf(first)).toBeGreaterThan(1_000), {
      timeoutMs: 120_000,
      onTimeout: () => first.output(),
    });
    const inPart = await log.committed(topics.groupId, { topic: topics.input, partition: 0 });
    await first.kill();

    const second = await programs.start(topics, { ...env, WORKERS: '1' });
    const outcome = await settle(log, topics, programs, { timeoutMs: 300_000 });

    expect(JSON.parse(inPart?.metadata ?? '')).toMatchObject({ version: 2 });
    expect(outcome.rows).toHaveLength(sensors + 1);
    expect(await lostOf(second)).toBe(second.output().split('"msg":"commit lost').length - 1);
    expect(await second.stop()).toBe(0);
  }, 480_000);
});

/** One reading of each sensor within one window, and a later one that closes them all. */
function readingsOf({ input }: TestTopics): OutputRecord[] {
  const windowMs = 10_000;
  const startMs = Math.floor(Date.now() / windowMs) * windowMs - 60_000;
  return Array.from({ length: sensors + 1 }, (_, index) => {
    const sensorId = `sensor_${index}`;
    const timestamp = index === sensors ? startMs + 30_000 : startMs + (index % windowMs);
    const value = Buffer.from(
      JSON.stringify({ sensor_id: sensorId, timestamp, value: index + 0.5 }),
    );
    return { topic: input, key: Buffer.from(sensorId), value, timestampMs: timestamp };
  });
}

/** Kafka lets each client write so many bytes a second from now on. */
async function limitProducers(brokers: string): Promise<void> {
  const libs = join(import.meta.dirname, '../../.cache/kafka/libs/*');
  const entity = ['--entity-type', 'clients', '--entity-default'];
  const quota = ['--alter', '--add-config', `producer_byte_rate=${bytesPerSecond}`];
  const args = ['-cp', libs, 'kafka.admin.ConfigCommand', '--bootstrap-server', brokers];
  await promisify(execFile)('java', [...args, ...quota, ...entity]);
}

async function metricsOf({ url }: Program): Promise<readonly string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n');
}

async function rowsOf(program: Program): Promise<number> {
  const line = (await metricsOf(program)).find((each) =>
    each.startsWith('sensorium_feature_rows_total'),
  );
  return Number(line?.split(' ').at(-1) ?? 0);
}

async function lostOf(program: Program): Promise<number> {
  return (await metricsOf(program))
    .filter((line) => line.startsWith('sensorium_commits_lost_total{'))
    .filter((line) => !line.includes('unknown') && !line.includes('refused'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
