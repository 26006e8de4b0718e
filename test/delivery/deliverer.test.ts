import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { AlarmEvent } from '../../src/codecs/alarm-event.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import type { AlarmGroup, AlarmTarget, PostOutcome } from '../../src/delivery/alarm-target.ts';
import { startDeliverer, type Deliverer } from '../../src/delivery/deliverer.ts';
import { commitStartingPositions } from '../../src/delivery/starting-positions.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createDeliveryMetrics, type DeliveryMetrics } from '../../src/metrics/delivery-metrics.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { alarmEvent } from './alarm-events.ts';

const topic = 'anomalies';
const groupId = 'g-alarms-webhook';
/** Waits are short, so that no test depends on them. */
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal),
};
const patiently = { timeout: 60_000 };

let dataDir: string;
let log: EventLog;
let metrics: DeliveryMetrics;
let lines: LoggedLine[];
let posts: AlarmGroup[];
let answer: (group: AlarmGroup, signal: AbortSignal) => PostOutcome | Promise<PostOutcome>;
const running: Deliverer[] = [];
const target: AlarmTarget = {
  name: 'webhook',
  post: async (group, signal) => {
    posts.push(group);
    return answer(group, signal);
  },
};

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-deliverer-'));
  lines = [];
  posts = [];
  answer = () => ({ type: 'delivered' });
  metrics = createDeliveryMetrics();
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger: keepingLogger(lines) });
  await log.ensureTopics([{ topic, partitions: 4 }]);
});

afterEach(async () => {
  for (const deliverer of running.splice(0)) await deliverer.close();
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function deliver(more: { readonly siteLevels?: number } = {}): Deliverer {
  const logger = keepingLogger(lines);
  const deliverer = startDeliverer({
    ...{ log, topic, groupId, target, clock, logger, metrics },
    ...{ siteLevels: 1, groupWaitMs: 5, ...more },
  });
  running.push(deliverer);
  return deliverer;
}

function append(events: readonly (AlarmEvent | string)[]): Promise<unknown> {
  return log.append(
    events.map((event) => ({
      topic,
      ...(typeof event === 'string' ? { partition: 0 } : {}),
      key: typeof event === 'string' ? null : Buffer.from(event.sensor_id),
      value: Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)),
    })),
  );
}

const sensorsOf = (group: AlarmGroup): readonly string[] =>
  group.notices.map(({ event }) => event.sensor_id);
const delivered = async (): Promise<number> =>
  (await metrics.delivered.get()).values.find(({ labels }) => labels.target === 'webhook')?.value ??
  -1;

async function committed(): Promise<number> {
  const places = [0, 1, 2, 3].map((partition) => ({ topic, partition }));
  const positions = await log.observedPositions(groupId, places);
  return positions.reduce((sum, each) => sum + (each.committed?.nextOffset ?? 0), 0);
}

describe('the deliverer', () => {
  it('delivers alarms of one moment together, by site, over all partitions', async () => {
    const sensors = ['a/1', 'b/1', 'a/2', 'a/3', 'b/2', 'a/4', 'a/5', 'c'];
    await append(sensors.map((sensor_id) => alarmEvent({ sensor_id })));
    // The first post waits, so that all partitions have been read.
    let letGo: () => void = () => undefined;
    const gathered = new Promise<void>((resolve) => (letGo = resolve));
    answer = () => gathered.then(() => ({ type: 'delivered' }));

    deliver();
    await expect.poll(() => posts.length, patiently).toBeGreaterThan(0);
    letGo();

    await expect.poll(delivered, patiently).toBe(sensors.length);
    for (const { site, notices } of posts) {
      expect(notices.every(({ event }) => event.sensor_id.split('/')[0] === site)).toBe(true);
    }
    expect(posts.flatMap(sensorsOf).sort()).toEqual([...sensors].sort());
    expect(posts.length).toBeLessThan(sensors.length);
  });

  it('repeats a failed post until it is taken, and commits nothing before', async () => {
    let failures = 5;
    answer = () => {
      failures -= 1;
      return failures < 0
        ? { type: 'delivered' }
        : { type: 'failed', reason: 'away', retryAfterMs: 0 };
    };
    await append([alarmEvent()]);

    deliver();
    await expect.poll(delivered, patiently).toBe(1);

    expect(posts).toHaveLength(6);
    expect(new Set(posts.map((post) => JSON.stringify(post))).size).toBe(1);
    await expect.poll(committed, patiently).toBe(1);
    const waits = lines.filter(({ message }) => message.startsWith('alarms wait'));
    expect(waits).toHaveLength(1);
  });

  it('leaves an alarm that waits to the next start, with the same id', async () => {
    answer = () => ({ type: 'failed', reason: 'away', retryAfterMs: 0 });
    await append([alarmEvent()]);

    await expect
      .poll(async () => {
        if (running.length === 0) deliver();
        return posts.length;
      }, patiently)
      .toBeGreaterThan(1);
    await running.splice(0)[0]?.close();
    expect(await committed()).toBe(0);
    const before = posts.splice(0);
    answer = () => ({ type: 'delivered' });
    deliver();

    await expect.poll(delivered, patiently).toBe(1);
    expect(posts[0]?.notices).toEqual(before[0]?.notices);
  });

  it('counts and names what the target refuses for good, and goes on behind it', async () => {
    answer = ({ notices }) =>
      notices.some(({ event }) => event.sensor_id === 'bad')
        ? { type: 'refused', reason: 'it answered 400' }
        : { type: 'delivered' };
    await append([alarmEvent({ sensor_id: 'bad' }), alarmEvent({ sensor_id: 'good/1' })]);

    deliver();

    await expect.poll(delivered, patiently).toBe(1);
    await expect.poll(committed, patiently).toBe(2);
    expect((await metrics.refused.get()).values.find(({ value }) => value > 0)?.value).toBe(1);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('counts and names a record that is no anomaly, and passes over flagged readings', async () => {
    const flagged = { sensor_id: 's', timestamp: 1, value: 1, z: 5, score: 4, alarm: true };
    const baseline = { mean: 1, std_dev: 1, n: 9 };
    await append(['not JSON', '{}', JSON.stringify({ ...flagged, baseline }), alarmEvent()]);

    deliver();

    await expect.poll(delivered, patiently).toBe(1);
    await expect.poll(committed, patiently).toBe(4);
    expect((await metrics.unreadable.get()).values.find(({ value }) => value > 0)?.value).toBe(2);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('leaves out alarms of a muted sensor, but not their end', async () => {
    const muted_until = Date.now() + 3_600_000;
    await append([
      alarmEvent({ muted_until }),
      alarmEvent({ muted_until, kind: 'alarm_resolved' }),
      alarmEvent({ muted_until: Date.now() - 1, alarm_id: '9-2' }),
    ]);

    deliver();

    await expect.poll(delivered, patiently).toBe(2);
    expect(posts.flatMap(({ notices }) => notices.map(({ event }) => event.kind))).toEqual([
      'alarm_resolved',
      'alarm_opened',
    ]);
    expect((await metrics.muted.get()).values.find(({ value }) => value > 0)?.value).toBe(1);
  });

  it('measures the age of the oldest alarm that waits', async () => {
    answer = () => ({ type: 'failed', reason: 'away', retryAfterMs: 0 });
    await append([alarmEvent()]);
    const lag = async (): Promise<number> =>
      (await metrics.lagSeconds.get()).values.find(({ labels }) => labels.target === 'webhook')
        ?.value ?? -1;
    expect(await lag()).toBe(0);

    deliver();
    await expect.poll(lag, patiently).toBeGreaterThan(0.01);
    answer = () => ({ type: 'delivered' });

    await expect.poll(lag, patiently).toBe(0);
  });
});

describe('the first delivery to a target', () => {
  it('begins behind the alarms of the past, and a later start where it stood', async () => {
    await append([alarmEvent({ alarm_id: 'old' })]);
    const options = { log, groupId, topic, clock };
    await commitStartingPositions(options);
    await append([alarmEvent({ alarm_id: 'new' })]);
    await commitStartingPositions(options);

    deliver();

    await expect.poll(delivered, patiently).toBe(1);
    const ids = posts.flatMap(({ notices }) => notices.map(({ event }) => event.alarm_id));
    expect(ids).toEqual(['new']);
  });
});
