import { expect, onTestFinished, test } from 'vitest';

import { systemClock } from '../../../src/clock.ts';
import { ConfigError } from '../../../src/errors.ts';
import { openDurableTables } from '../../../src/lmdb/tables.ts';
import { openEmbeddedLog } from '../../../src/log/embedded/embedded-log.ts';
import { applyRetention } from '../../../src/log/embedded/retention.ts';
import type { EventLog } from '../../../src/log/event-log.ts';
import { createLogger } from '../../../src/logger.ts';
import { bytes, readAll } from '../../contracts/event-log-harness.ts';
import { temporaryFolder } from './child-process.ts';

const hourMs = 3_600_000;

interface Fixture {
  readonly log: EventLog;
  /** Appends a batch of one record of about `size` bytes at `nowMs`. */
  append(value: string, nowMs: number, size?: number): Promise<void>;
  trim(nowMs: number, retentionMs: number, retentionBytes: number): Promise<number>;
}

async function fixture(config: Readonly<Record<string, string>> = {}): Promise<Fixture> {
  const dataDir = temporaryFolder();
  let nowMs = 0;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const log = openEmbeddedLog({ dataDir, clock, logger: createLogger('fatal') });
  const tables = openDurableTables({ dataDir, name: 'log', tables: [] });
  onTestFinished(async () => {
    await tables.close();
    await log.close();
  });
  await log.ensureTopics([{ topic: 't', partitions: 2, config }]);
  return {
    log,
    async append(value, atMs, size = 1) {
      nowMs = atMs;
      const record = { topic: 't', partition: 1, key: null, timestampMs: 5 };
      await log.append([{ ...record, value: bytes(value.padEnd(size, '.')) }]);
    },
    trim: (atMs, retentionMs, retentionBytes) =>
      applyRetention(tables, { retentionMs, retentionBytes }, atMs),
  };
}

const partition = { topic: 't', partition: 1 };
const unlimited = Number.POSITIVE_INFINITY;

test('batches are deleted by the age of their append, whatever their records’ timestamps', async () => {
  const { log, append, trim } = await fixture();
  for (const hour of [1, 2, 3, 4]) await append(String(hour), hour * hourMs);

  expect(await trim(4.5 * hourMs, 2 * hourMs, unlimited)).toBe(2);

  expect(await log.offsets(partition)).toEqual({ earliest: 2, end: 4 });
  const left = await readAll(log, { ...partition, from: 2 });
  expect(left.map((record) => record.value)).toEqual(['3', '4']);
});

test('the oldest batches are deleted until the partition is within its size', async () => {
  const { log, append, trim } = await fixture();
  for (let index = 0; index < 100; index += 1) await append(String(index), hourMs, 10_000);

  const deleted = await trim(hourMs, unlimited, 200_000);

  const { earliest, end } = await log.offsets(partition);
  expect(earliest).toBe(deleted);
  expect((end - earliest) * 10_000).toBeLessThan(200_000);
  expect(end - earliest).toBeGreaterThanOrEqual(18);
  expect(await trim(hourMs, unlimited, 200_000)).toBe(0);
});

test('an emptied partition continues at its old end', async () => {
  const { log, append, trim } = await fixture();
  for (const value of ['a', 'b']) await append(value, hourMs);
  await trim(9 * hourMs, hourMs, unlimited);
  expect(await log.offsets(partition)).toEqual({ earliest: 2, end: 2 });

  await append('c', 9 * hourMs);

  expect(await readAll(log, { ...partition, from: 2 })).toMatchObject([{ offset: 2, value: 'c' }]);
});

test('a read below the earliest offset stops with an error that names both offsets', async () => {
  const { log, append, trim } = await fixture();
  for (const hour of [1, 2, 3]) await append(String(hour), hour * hourMs);
  await trim(3 * hourMs, hourMs, unlimited);

  const reading = readAll(log, { ...partition, from: 0 });

  await expect(reading).rejects.toBeInstanceOf(ConfigError);
  await expect(reading).rejects.toThrow(/Offset 0 of t\/1 .* 1 to 3/);
});

test('the topic settings retention.ms and retention.bytes override the defaults; -1 keeps everything', async () => {
  const kept = await fixture({ 'retention.ms': '-1', 'retention.bytes': '-1' });
  const short = await fixture({ 'retention.ms': String(hourMs) });
  for (const { append } of [kept, short]) await append('a', hourMs);

  expect(await kept.trim(1_000 * hourMs, hourMs, 1)).toBe(0);
  expect(await short.trim(3 * hourMs, unlimited, unlimited)).toBe(1);
});

test('two threads that trim at once delete each batch once', async () => {
  const { log, append, trim } = await fixture();
  for (let index = 0; index < 80; index += 1) await append(String(index), hourMs, 100);

  await Promise.all([trim(9 * hourMs, hourMs, unlimited), trim(9 * hourMs, hourMs, unlimited)]);

  expect(await log.offsets(partition)).toEqual({ earliest: 80, end: 80 });
});
