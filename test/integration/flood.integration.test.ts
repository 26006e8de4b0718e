// A flood of a million ids that nobody knows, on real Kafka: what is past SENSORS_MAX is refused, reading for reading, and
// memory does not grow with it.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from './peers.ts';
import { Programs } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { createTestTopics, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const ids = 1_000_000;
const sensorsMax = 1_000;
const mebibyte = 1_048_576;

describe.skipIf(brokers === '' || process.platform !== 'linux')('a flood of unknown ids', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('is refused past SENSORS_MAX, every reading of it, in bounded memory', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const env = { SENSORS_MAX: String(sensorsMax), WORKERS: '1' };
    const program = await programs.start(topics, env);
    await feed(log, topics, { from: 0, to: ids / 2 });
    await refused(program, ids / 2 - sensorsMax);
    const early = peakBytes(program);

    await feed(log, topics, { from: ids / 2, to: ids });
    await refused(program, ids - sensorsMax);

    const late = peakBytes(program);
    expect(late - early).toBeLessThan(192 * mebibyte);
    expect(late).toBeLessThan(768 * mebibyte);
    const metrics = await metricsOf(program);
    expect(metrics).toMatch(/^sensorium_readings_total 1000$/m);
    expect(metrics).toMatch(/^sensorium_sensors\{.*partition="0"\} 1000$/m);
    console.log(
      `flood: peak ${megabytes(early)} after half of the ids, ${megabytes(late)} after all`,
    );
  });
});

const megabytes = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`;

/** One reading of each id, all of one moment. */
async function feed(
  log: EventLog,
  topics: TestTopics,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const timestamp = Date.now();
  const chunk = 10_000;
  for (let first = from; first < to; first += chunk) {
    await log.append(
      Array.from({ length: chunk }, (_, at) => {
        const id = `flood-${first + at}`;
        const value = Buffer.from(JSON.stringify({ sensor_id: id, timestamp, value: at }));
        return { topic: topics.input, key: Buffer.from(id), value };
      }),
    );
  }
}

async function refused(program: Program, readings: number): Promise<void> {
  await eventually(
    async () =>
      expect(await metricsOf(program)).toMatch(
        new RegExp(`^sensorium_dead_letters_total\\{reason="sensors_max"\\} ${readings}$`, 'm'),
      ),
    { timeoutMs: 180_000, onTimeout: () => program.output().slice(-2_000) },
  );
}

const metricsOf = async (program: Program): Promise<string> =>
  (await fetch(`${program.url}/metrics`)).text();

/** The most memory that the process ever had. */
function peakBytes({ pid }: Program): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
