// A sensor's quarantine as an operator lives it, on real Kafka: asked for over HTTP, obeyed through
// kill -9, shown by the page, ended over HTTP; all that was written on the way is what the model
// says of input and journal.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { quarantined, type StatusEvent } from '../../src/http/web/model.js';
import type { EventLog } from '../../src/log/event-log.ts';
import { cli } from '../cli/captured-cli.ts';
import { openTestLog } from './peers.ts';
import { planOf, Programs, semanticsEnv, settle } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const token = 'a-token';
const sensorId = 'sensor_001';
const partitions = 2;
const readingsOfPart = 400;

interface View {
  readonly lifecycle: string;
  readonly offset: number;
  readonly baseline: { readonly n: number };
  readonly quarantine?: { readonly cause: string; readonly message: string };
}

describe.skipIf(brokers === '')('a quarantine', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('holds through kill -9 until it is released, a reset baseline begins anew, and nothing is lost', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const feed = feeder(log, topics);
    const before = await feed();
    let program = await programs.start(topics, { HTTP_TOKEN: token, WORKERS: '1' });
    await learned(program, before.ofSensor);

    expect((await command(program, 'quarantine', 'a wrong token')).status).toBe(401);
    const answer = await command(program, 'quarantine');
    expect([answer.status, await answer.json()]).toEqual([
      200,
      expect.objectContaining({ shards: [expect.objectContaining({ changed: true })] }),
    ]);
    const meanwhile = await feed();
    await deadLetters(log, topics, meanwhile.ofSensor);
    await programs.killAll();
    program = await programs.start(topics, { HTTP_TOKEN: token, WORKERS: '1' });
    await learned(program, before.ofSensor);

    const still = await view(program);
    expect(still).toMatchObject({
      lifecycle: 'quarantined',
      quarantine: { cause: 'operator', message: 'broken cable' },
      baseline: { n: before.ofSensor },
    });
    await pageSays(program, [{ id: sensorId, reason: 'by an operator: broken cable' }]);
    expect(await (await fetch(program.url)).text()).toContain('Quarantined sensors');
    await metricSays(program, 1);
    const then = await cli(['replay', '--sensor', sensorId, '--at', String(still.offset)], {
      ...semanticsEnv,
      ...topics.env,
    });
    expect(then.out).toMatch(/quarantined .*operator: broken cable/);

    const again = await feed();
    await deadLetters(log, topics, meanwhile.ofSensor + again.ofSensor);
    expect((await command(program, 'release')).status).toBe(200);
    expect((await command(program, 'reset')).status).toBe(200);
    const after = await feed();
    await eventually(async () => expect((await view(program)).baseline.n).toBe(after.ofSensor), {
      timeoutMs: 30_000,
      onTimeout: () => programs.output(),
    });

    expect(await view(program)).not.toHaveProperty('quarantine');
    await pageSays(program, []);
    await metricSays(program, 0);
    const outcome = await settle(log, topics, programs);
    const aside = outcome.deadLetters.filter((letter) => letter.endsWith(' quarantined'));
    expect(aside).toHaveLength(meanwhile.ofSensor + again.ofSensor);
  });
});

interface Part {
  readonly ofSensor: number;
}

/** Returns what appends ten minutes of readings after those before them, and says how many. */
function feeder(log: EventLog, topics: TestTopics): () => Promise<Part> {
  const plan = { ...planOf(topics, readingsOfPart), partitions, sensors: 4, late: 0, bad: 0 };
  const lengthMs = plan.toMs - plan.fromMs;
  let part = 0;
  return async () => {
    const fromMs = plan.fromMs + (part - 3) * lengthMs;
    const records = makeReadings({
      ...{ ...plan, fromMs, toMs: fromMs + lengthMs },
      ...{ firstIndex: part * readingsOfPart, seed: part },
    });
    part += 1;
    await log.append(records);
    const ofSensor = records.filter(({ key }) => Buffer.from(key ?? []).toString() === sensorId);
    return { ofSensor: ofSensor.length };
  };
}

function command(program: Program, name: string, bearer: string = token): Promise<Response> {
  const headers = { authorization: `Bearer ${bearer}` };
  const url = `${program.url}/sensors/${sensorId}/${name}?reason=broken%20cable`;
  return fetch(url, { method: 'POST', headers });
}

async function view(program: Program): Promise<View> {
  return (await (await fetch(`${program.url}/sensors/${sensorId}`)).json()) as View;
}

/** The page draws what each shard reported last, at most a second ago. */
async function pageSays(program: Program, sensors: readonly object[]): Promise<void> {
  await eventually(
    async () =>
      expect(quarantined((await statusOf(program)).tree)).toEqual({
        total: sensors.length,
        sensors: sensors.map((sensor) => expect.objectContaining(sensor) as object),
      }),
    { timeoutMs: 20_000 },
  );
}

/** First event of the page's feed; it holds all that the page draws. */
async function statusOf(program: Program): Promise<StatusEvent> {
  const response = await fetch(`${program.url}/live`);
  let heard = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    heard += chunk;
    const data = /^event: status\n(?:.*\n)?data: (.*)\n\n/m.exec(heard)?.[1];
    if (data !== undefined) return JSON.parse(data) as StatusEvent;
  }
  throw new Error(`no status in ${heard.slice(0, 200)}`);
}

async function metricSays(program: Program, sensors: number): Promise<void> {
  await eventually(
    async () => {
      const metrics = await (await fetch(`${program.url}/metrics`)).text();
      const samples = [...metrics.matchAll(/^sensorium_quarantined_sensors\{.*\} (\d+)$/gm)];
      expect(samples.length).toBeGreaterThan(0);
      expect(samples.reduce((sum, [, value]) => sum + Number(value), 0)).toBe(sensors);
    },
    { timeoutMs: 20_000 },
  );
}

async function learned(program: Program, readings: number): Promise<void> {
  await eventually(async () => expect((await view(program)).baseline.n).toBe(readings), {
    timeoutMs: 60_000,
    onTimeout: () => program.output(),
  });
}

async function deadLetters(log: EventLog, topics: TestTopics, count: number): Promise<void> {
  await eventually(
    async () => {
      const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
      const reasons = letters.map(({ headers }) => headers.get('dlq.reason'));
      expect(reasons.filter((reason) => reason === 'quarantined')).toHaveLength(count);
    },
    { timeoutMs: 60_000 },
  );
}
