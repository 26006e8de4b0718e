// One incident from its beginning to its end, on real Kafka, Redis, Prometheus and Alertmanager: bad records, a
// quarantine, a second process, Redis gone, the broker gone, and all well again. The alerts reach the webhook and
// resolve, and every query of every dashboard has shown numbers.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { dashboards } from '../../scripts/artefacts.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { freePort } from '../free-port.ts';
import { startOwnServices, type OwnServices } from '../integration/own-services.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs } from '../integration/pipeline.ts';
import { eventually, startProgram, type Program } from '../integration/program.ts';
import { createTestTopics, type TestTopics } from '../integration/topics.ts';
import { queryNow } from './panel-query.ts';
import { startWatchtower, watchtowerInstalled, type Watchtower } from './watchtower.ts';

const available =
  inject('kafkaBrokers') !== '' && inject('redisUrl') !== '' && watchtowerInstalled();
const token = 'a-token-of-this-test';
const sensors = Array.from({ length: 16 }, (_, number) => `sensor_${number}`);

describe.skipIf(!available)('an incident', () => {
  let services: OwnServices;
  let log: EventLog;
  let topics: TestTopics;
  let tower: Watchtower;
  let feed: Feed;
  const programs = new Programs();
  const started: Program[] = [];
  const beginMs = Date.now();

  beforeAll(async () => {
    services = await startOwnServices(mkdtempSync(join(tmpdir(), 'sensorium-incident-')));
    log = await openTestLog(services.brokers);
    topics = await createTestTopics(log, services.brokers, 4);
    tower = await startWatchtower();
    feed = startFeed(log, topics);
  });
  afterAll(async () => {
    await feed.stop();
    for (const program of started) await program.kill();
    await programs.killAll();
    await tower.stop();
    await log.close();
    await services.stop();
  });

  const start = async (): Promise<Program> => {
    const program = await programs.start(topics, {
      ...{ WINDOW_MS: '2000', WATERMARK_DELAY_MS: '500', IDLE_TIMEOUT_MS: '1500' },
      ...{ REDIS_URL: services.redisUrl, HTTP_TOKEN: token },
      HISTORY_DIR: mkdtempSync(join(tmpdir(), 'sensorium-history-')),
    });
    await program.ready();
    return program;
  };
  const becomes = (query: string, holds: (value: number | undefined) => boolean): Promise<void> =>
    eventually(
      async () => {
        const value = await tower.value(query);
        if (!holds(value)) throw new Error(`${query} is ${value}`);
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
  const arrives = (name: string, status: 'firing' | 'resolved'): Promise<void> =>
    eventually(
      async () => {
        const alert = tower.received.find(
          ({ labels, status: is }) => labels['alertname'] === name && is === status,
        );
        if (alert === undefined) throw new Error(`${name} is not ${status} yet`);
        expect(alert.annotations['runbook']).toBe(`docs/operations.md#${name.toLowerCase()}`);
      },
      { timeoutMs: 90_000, onTimeout: () => JSON.stringify(tower.received.map(brief)) },
    );

  it('is seen in its metrics, told by its alerts, and over when it is over', async () => {
    const first = await start();
    const auditPort = await freePort();
    started.push(await startAudit(topics, services.redisUrl, auditPort));
    tower.watch([host(first)], [`127.0.0.1:${auditPort}`]);
    await becomes('job:sensorium_readings:rate5m', (rate = 0) => rate > 10);
    await becomes('sum(sensorium_projected_rows_total)', (rows = 0) => rows > 16);
    await becomes('sum(sensorium_audit_windows_total)', (windows = 0) => windows > 0);
    await readFeatures(first);
    const calm = tower.received.map(brief);

    feed.sendBad(5);
    await arrives('SensoriumBadRecords', 'firing');

    await command(first, 'sensor_3', 'quarantine');
    await arrives('SensoriumSensorQuarantined', 'firing');
    await command(first, 'sensor_3', 'release');
    await arrives('SensoriumSensorQuarantined', 'resolved');

    const second = await start();
    tower.watch([host(first), host(second)], [`127.0.0.1:${auditPort}`]);
    await becomes(
      'count(count by (instance) (sensorium_shard_phase{phase="running"} == 1))',
      (processes) => processes === 2,
    );

    services.signal('redis', 'SIGKILL');
    await arrives('SensoriumStoreAway', 'firing');
    await services.start('redis');
    await arrives('SensoriumStoreAway', 'resolved');

    services.signal('kafka', 'SIGKILL');
    await arrives('SensoriumNotReady', 'firing');
    await services.start('kafka');
    await arrives('SensoriumNotReady', 'resolved');
    await becomes('job:sensorium_lag_records:sum', (lag) => lag === 0);
    await Promise.all([first.ready(), second.ready()]);
    await readFeatures(second);
    await becomes('sum(rate(sensorium_readings_total[10s]))', (rate = 0) => rate > 10);

    expect(calm).toEqual([]);
    expect(await emptyPanels(tower, beginMs)).toEqual([]);
    const told = tower.received.map(({ labels }) => labels['alertname']);
    // Nothing is lost, doubled or contradictory because of it.
    expect(told).not.toContain('SensoriumAuditMismatch');
    expect(told).not.toContain('SensoriumShardFailed');
    expect(told).not.toContain('SensoriumInvariantBroken');
  }, 300_000);
});

const host = (program: Program): string => new URL(program.url).host;
const brief = ({ labels, status }: Watchtower['received'][number]): string =>
  `${labels['alertname']} ${status}`;

/** Returns the panels of which a query has no number since `fromMs`. */
async function emptyPanels(tower: Watchtower, fromMs: number): Promise<readonly string[]> {
  const empty: string[] = [];
  for (const { title, rows } of dashboards) {
    for (const panel of rows.flatMap(({ panels }) => panels)) {
      for (const { expr } of panel.queries) {
        const series = await tower.range(queryNow(expr, 'sensorium', '5s'), fromMs);
        const samples = series.flatMap(({ values }) => values.map(([, value]) => Number(value)));
        if (!samples.some(Number.isFinite)) empty.push(`${title}, ${panel.title}: ${expr}`);
      }
    }
  }
  return empty;
}

interface Feed {
  /** Adds this many records without a value to the next. */
  sendBad(count: number): void;
  stop(): Promise<void>;
}

/** Sends a reading of each sensor five times a second, of the present. A lost broker is waited for. */
function startFeed(log: EventLog, topics: TestTopics): Feed {
  const everyMs = 200;
  let bad = 0;
  let stopped = false;
  const send = async (): Promise<void> => {
    while (!stopped) {
      const timestamp = Date.now();
      const records = sensors.map((id, index) => ({
        topic: topics.input,
        key: Buffer.from(id),
        value: Buffer.from(
          JSON.stringify({
            sensor_id: id,
            timestamp,
            value: 20 + ((timestamp / everyMs + index) % 7),
          }),
        ),
      }));
      const broken = { topic: topics.input, key: Buffer.from('sensor_0'), value: Buffer.from('{') };
      const extra = Array.from({ length: bad }, () => broken);
      bad = 0;
      await log.append([...records, ...extra]).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  const sending = send();
  return {
    sendBad: (count) => (bad += count),
    async stop() {
      stopped = true;
      await sending;
    },
  };
}

function startAudit(topics: TestTopics, redisUrl: string, port: number): Promise<Program> {
  const env = {
    ...{ WINDOW_MS: '2000', WATERMARK_DELAY_MS: '500', IDLE_TIMEOUT_MS: '1500' },
    ...{ BASELINE: 'cumulative', SENSORS_MAX: '1000000', REDIS_URL: redisUrl, ...topics.env },
  };
  const args = ['audit', '--continuous', '--interval', '2', '--metrics-port', String(port)];
  return startProgram(env, { args });
}

async function command(program: Program, sensor: string, name: string): Promise<void> {
  const response = await fetch(`${program.url}/sensors/${sensor}/${name}?reason=test`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
}

/** Reads a sensor twice, so that the second read comes from the cache. */
async function readFeatures(program: Program): Promise<void> {
  const body = JSON.stringify({
    features: ['sensor_features:avg'],
    entities: { sensor_id: ['sensor_1'] },
  });
  for (let read = 0; read < 2; read += 1) {
    await fetch(`${program.url}/get-online-features`, { method: 'POST', body });
  }
}
