// Values served at a moment equal those that a training join by available_at gives: the program on
// a real Kafka and Redis is polled over HTTP while readings come, and each answer is held against
// the history in day files.
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from './peers.ts';
import { Programs } from './pipeline.ts';
import { runProgram } from './program.ts';
import { createTestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const server = inject('redisUrl');
const redisUrl = `${server}/12`;
const sensorIds = Array.from({ length: 100 }, (_, index) => `skew-${Date.now()}-${index}`);
/** SKEW_READS=100000 is the measured one. */
const readsWanted = Number(process.env['SKEW_READS'] ?? 20_000);
/** Rows later than this are counted by the program itself; a read and a write may cross, too. */
const lateAfterMs = 60;

interface Read {
  readonly sensorId: string;
  readonly sentMs: number;
  readonly receivedMs: number;
  /** 0: nothing was served. */
  readonly servedMs: number;
}

interface HistoryTimes {
  readonly endMs: number;
  readonly availableMs: number;
}

describe.skipIf(brokers === '' || server === '')('served and trained on', () => {
  let log: EventLog;
  const programs = new Programs();
  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('are the same at every moment with SERVING_DELAY_MS', async () => {
    const topics = await createTestTopics(log, brokers, 2);
    const env = {
      ...topics.env,
      ...{ REDIS_URL: redisUrl, WINDOW_MS: '1000', WATERMARK_DELAY_MS: '200' },
      ...{ SERVING_DELAY_MS: '1000', IDLE_TIMEOUT_MS: '500' },
    };
    const program = await programs.start(topics, env);
    await program.ready();
    const feeding = new AbortController();
    const fed = feed(log, topics.input, feeding.signal);

    const reads = await poll(program.url);

    feeding.abort();
    await fed;
    const counted = await lateRows(program.url);
    const out = mkdtempSync(join(tmpdir(), 'sensorium-skew-'));
    const { exitCode, output } = await runProgram(['export', '--daily', '--out', out], env);
    expect(exitCode, output).toBe(0);
    const history = await timesIn(join(out, 'sensor_features'));
    const served = reads.filter(({ servedMs }) => servedMs > 0);
    expect(served.length).toBeGreaterThan(readsWanted / 2);
    // The future is never served, however slow the machine.
    expect(
      served.filter((read) => read.servedMs > newestBy(history, read, read.receivedMs)),
    ).toEqual([]);
    // Nor is the past, but for rows of which the program says that they came late.
    const behind = reads.filter(
      (read) => read.servedMs < newestBy(history, read, read.sentMs - lateAfterMs),
    );
    if (counted === 0) expect(behind).toEqual([]);
    console.log(`${reads.length} reads, ${behind.length} differ, ${counted} rows came late`);
  });
});

async function feed(log: EventLog, topic: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const timestamp = Date.now();
    await log.append(
      sensorIds.map((id, index) => ({
        topic,
        key: Buffer.from(id),
        value: Buffer.from(JSON.stringify({ sensor_id: id, timestamp, value: index })),
      })),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function poll(url: string): Promise<readonly Read[]> {
  const reads: Read[] = [];
  const body = JSON.stringify({
    features: ['sensor_features:count'],
    entities: { sensor_id: sensorIds },
  });
  const headers = { 'content-type': 'application/json' };
  for (let served = 0; served < readsWanted;) {
    const sentMs = Date.now();
    const response = await fetch(`${url}/get-online-features`, { method: 'POST', headers, body });
    const answer = (await response.json()) as {
      readonly results: readonly { readonly event_timestamps: readonly string[] }[];
    };
    const receivedMs = Date.now();
    const times = answer.results[1]?.event_timestamps ?? [];
    for (const [index, sensorId] of sensorIds.entries()) {
      const servedMs = Date.parse(times[index] ?? '');
      reads.push({ sensorId, sentMs, receivedMs, servedMs });
      if (servedMs > 0) served += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
  }
  return reads;
}

async function lateRows(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^sensorium_rows_served_late_total (\d+)$/m.exec(text)?.[1] ?? NaN);
}

async function timesIn(folder: string): Promise<ReadonlyMap<string, readonly HistoryTimes[]>> {
  const times = new Map<string, HistoryTimes[]>();
  for (const name of readdirSync(folder).filter((file) => /^\d.*\.parquet$/.test(file))) {
    const file = await asyncBufferFromFile(join(folder, name));
    for (const row of await parquetReadObjects({ file })) {
      const id = String(row['sensor_id']);
      const endMs = (row['event_timestamp'] as Date).getTime();
      const availableMs = (row['available_at'] as Date).getTime();
      times.set(id, [...(times.get(id) ?? []), { endMs, availableMs }]);
    }
  }
  return times;
}

/** The newest window end available by `atMs`; 0 where there is none. */
function newestBy(
  history: ReadonlyMap<string, readonly HistoryTimes[]>,
  { sensorId }: Read,
  atMs: number,
): number {
  const known = (history.get(sensorId) ?? []).filter(({ availableMs }) => availableMs <= atMs);
  return Math.max(0, ...known.map(({ endMs }) => endMs));
}
