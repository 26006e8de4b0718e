// The delivery of alarms by the built program on a real Kafka, to a real Alertmanager and to the
// receiver of docs/alarms.md, while each of them is killed.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { decodeAnomaly } from '../../src/codecs/anomaly.ts';
import { isAlarmKind, type AlarmEvent } from '../../src/codecs/alarm-event.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { freePort } from '../free-port.ts';
import { openTestLog } from '../integration/peers.ts';
import { eventually, startProgram, type Program } from '../integration/program.ts';
import { createTestTopics, type TestTopics } from '../integration/topics.ts';
import {
  alertmanagerInstalled,
  prepareAlertmanager,
  type ActiveAlert,
  type AlertmanagerProcess,
} from './alertmanager-process.ts';
import { startReceiver, type Receiver } from './receiver.ts';

const brokers = inject('kafkaBrokers');
const minute = 60_000;
const partitions = 2;
const waitMs = 180_000;
const secret = 'the secret of the webhook';
const sensors = Array.from({ length: 12 }, (_, index) => `plant${index % 3}/s${index}`);
const hasPython = spawnSync('python3', ['--version']).status === 0;

/** Appends a reading of each sensor and value, a second apart in event time. */
async function feed(
  log: EventLog,
  topic: string,
  fromMs: number,
  values: readonly number[],
): Promise<void> {
  await log.append(
    values.flatMap((value, step) =>
      sensors.map((sensor_id) => ({
        ...{ topic, key: Buffer.from(sensor_id) },
        value: Buffer.from(JSON.stringify({ sensor_id, timestamp: fromMs + step * 1_000, value })),
      })),
    ),
  );
}

const calm = Array.from({ length: 60 }, (_, index) => 10 + (-1) ** index);

async function alarmRecords(
  log: EventLog,
  topic: string,
): Promise<ReadonlyMap<string, AlarmEvent>> {
  const found = new Map<string, AlarmEvent>();
  for (let partition = 0; partition < partitions; partition += 1) {
    for await (const batch of log.read({ topic, partition, from: 0 })) {
      const records = batch.records();
      while (records.next()) {
        const value = decodeAnomaly(records.bytes.subarray(records.valueStart, records.valueEnd));
        if (!('kind' in value) || !isAlarmKind(value.kind)) continue;
        found.set(`${topic}/${partition}/${records.offset}`, value as AlarmEvent);
      }
    }
  }
  return found;
}

/** The receiver of the documentation, as a user copies it. */
class PythonReceiver {
  readonly url: string;
  readonly #port: number;
  readonly #path: string;
  #child: ChildProcess | undefined;
  #printed = '';

  constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    const page = readFileSync(new URL('../../docs/alarms.md', import.meta.url), 'utf8');
    const [, code = ''] = /```python\n([\s\S]*?)```/.exec(page) ?? [];
    this.#path = join(mkdtempSync(join(tmpdir(), 'sensorium-receiver-')), 'receiver.py');
    writeFileSync(this.#path, code);
  }

  start(): void {
    const env = { ...process.env, SECRET: secret, PORT: String(this.#port) };
    this.#child = spawn('python3', [this.#path], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()));
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Returns the ids that it printed, in order, with repetitions. */
  ids(): readonly string[] {
    const lines = this.#printed.split('\n').slice(0, -1);
    return lines.map((line) => line.split(' ')[0] ?? '');
  }
}

describe.skipIf(brokers === '' || !alertmanagerInstalled() || !hasPython)(
  'the delivery of alarms on real Kafka, to a real Alertmanager and a webhook',
  () => {
    let log: EventLog;
    let alertmanager: AlertmanagerProcess;
    let notified: Receiver;
    let webhook: PythonReceiver;
    let program: Program | undefined;

    beforeAll(async () => {
      log = await openTestLog(brokers);
      notified = await startReceiver();
      alertmanager = await prepareAlertmanager(notified.url);
      webhook = new PythonReceiver(await freePort());
    });
    afterEach(() => program?.kill());
    afterAll(async () => {
      webhook.kill();
      await alertmanager.stop();
      await notified.close();
      await log.close();
    });

    const start = async (topics: TestTopics): Promise<void> => {
      const file = join(mkdtempSync(join(tmpdir(), 'sensorium-secret-')), 'secret');
      writeFileSync(file, `${secret}\n`);
      program = await startProgram({
        ...topics.env,
        ...{ BASELINE: 'cumulative', WATERMARK_DELAY_MS: '0', ALARM_RESOLVE_AFTER: '5m' },
        // Event time stands still between two feeds.
        ...{ IDLE_TIMEOUT_MS: '3600000' },
        ...{ ALERTMANAGER_URL: alertmanager.url, ALARM_SITE_LEVELS: '1' },
        ...{ ALARM_WEBHOOK_URL: webhook.url, ALARM_WEBHOOK_SECRET_FILE: file },
        WORKERS: '1',
      });
      await program.ready(waitMs);
    };
    const output = (): string => program?.output().slice(-5_000) ?? '';
    const allDelivered = (topics: TestTopics, count: number): Promise<unknown> =>
      eventually(
        async () => {
          const records = await alarmRecords(log, topics.anomalies);
          expect(records.size).toBe(count);
          expect([...records.keys()].filter((id) => !webhook.ids().includes(id))).toEqual([]);
        },
        { timeoutMs: waitMs, onTimeout: output },
      );
    const openIn = (expected: number): Promise<unknown> =>
      eventually(
        async () => {
          const active = await alertmanager.active();
          expect(active.map(({ labels }) => labels['sensor_id']).sort()).toHaveLength(expected);
        },
        { timeoutMs: waitMs, onTimeout: output },
      );

    it('brings every record to the webhook and leaves the open alarms in Alertmanager, through kills of all three', async () => {
      const topics = await createTestTopics(log, brokers, partitions);
      const fromMs = Date.now() - 60 * minute;
      webhook.start();
      await alertmanager.start();
      await start(topics);

      // Alarms of one moment come together, and Alertmanager has them by site.
      await feed(log, topics.input, fromMs, [...calm, 15]);
      await allDelivered(topics, sensors.length);
      await openIn(sensors.length);

      // Both targets are down while alarms are resolved and open again; so is the program.
      webhook.kill();
      await alertmanager.kill();
      await feed(log, topics.input, fromMs + 8 * minute, [10, 11, 9, 25]);
      await eventually(
        async () => {
          const records = await alarmRecords(log, topics.anomalies);
          expect(records.size).toBe(3 * sensors.length);
        },
        { timeoutMs: waitMs, onTimeout: output },
      );
      await program?.kill();
      await start(topics);
      webhook.start();
      await alertmanager.start();
      await allDelivered(topics, 3 * sensors.length);
      await openIn(sensors.length);

      // An Alertmanager that lost its data hears of the open alarms again, though nothing changes.
      await alertmanager.kill();
      alertmanager.forget();
      await alertmanager.start();
      expect(await alertmanager.active()).toEqual([]);
      await openIn(sensors.length);

      await feed(log, topics.input, fromMs + 16 * minute, [10, 11]);
      await allDelivered(topics, 4 * sensors.length);
      await openIn(0);
      expectOrder(webhook.ids(), await alarmRecords(log, topics.anomalies));
      const notifications = notified.received.map(({ body }) => sitesIn(body));
      expect(notifications.every((sites) => new Set(sites).size === 1)).toBe(true);
      expect(Math.max(...notifications.map(({ length }) => length))).toBeGreaterThan(1);
    }, 900_000);
  },
);

/** Returns the site of each alert of one notification of Alertmanager. */
function sitesIn(body: string): readonly (string | undefined)[] {
  const { alerts } = JSON.parse(body) as { readonly alerts: readonly ActiveAlert[] };
  return alerts.map(({ labels }) => labels['site']);
}

/** No alarm is heard to end before it is heard to open. */
function expectOrder(ids: readonly string[], records: ReadonlyMap<string, AlarmEvent>): void {
  const opened = new Set<string>();
  for (const id of ids) {
    const record = records.get(id);
    expect(record, id).toBeDefined();
    const name = `${record?.sensor_id} ${record?.alarm_id}`;
    if (record?.kind === 'alarm_opened') opened.add(name);
    else expect(opened, name).toContain(name);
  }
}
