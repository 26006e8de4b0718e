// Records that their producer compressed below the input's limit and whose dead letter or forward
// is longer than its topic takes, through the built program on a real Kafka: each ends once, whole
// or cut, and nothing stops.
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { compressed, type Framing } from '../log/record-batch-support.ts';
import { sendRawBatches } from '../log/kafka/raw-batches.ts';
import { openTestLog } from './peers.ts';
import { Programs } from './pipeline.ts';
import { eventually, runProgram } from './program.ts';
import { createTestTopics, nextTo, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

const nowMs = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
const framings: readonly Framing[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** Shorter than the 64 bytes of a line: every codec finds the next one. */
const line = 'a line of padding that every codec shrinks to next to nothing..';
const padding = (bytes: number): string => line.repeat(Math.ceil(bytes / line.length));
const noise = (bytes: number): string => {
  let text = '';
  for (let index = 0; text.length < bytes; index += 1) {
    text += createHash('sha256').update(`noise ${index}`).digest('base64');
  }
  return text.slice(0, bytes);
};
const reading = (id: string, value: number, fill = ''): Buffer =>
  Buffer.from(
    JSON.stringify({
      fill,
      sensor_id: id,
      timestamp: nowMs + Math.floor(value),
      value,
      fill_end: '',
    }),
  );

interface Sent extends OutputRecord {
  readonly framing: Framing;
}

describe.skipIf(brokers === '' || redisUrl === '')('records longer than an output takes', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it.each(['auto', 'rekey'])(
    'end as dead letters and forwards once, through kill -9 (INPUT_KEYING=%s)',
    async (keying) => {
      const topics = await smallTopics(log);
      const sent = recordsFor(topics, keying);
      await sendRawBatches(brokers, sent.map(rawBatch));
      const env = { REDIS_URL: `${redisUrl}/7`, INPUT_KEYING: keying, WORKERS: '1' };

      for (let starts = 0; starts < 3; starts += 1) {
        const program = await programs.start(topics, env);
        await eventually(
          async () => {
            const end = await log.offsets({ topic: topics.deadLetters, partition: 0 });
            expect(end.end).toBeGreaterThan(starts * 2);
          },
          { timeoutMs: 60_000, onTimeout: () => programs.output() },
        );
        await program.kill();
      }
      const last = await programs.start(topics, env);

      await eventually(() => expectOutcome(log, topics, sent), {
        timeoutMs: 90_000,
        onTimeout: () => programs.output(),
      });
      await last.ready();
      expect(await last.stop()).toBe(0);
      await expectReplayed(log, topics, sent);
    },
    300_000,
  );

  it('whose batch inflates past all bounds end as dead letters, and those around them are folded', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const huge = Buffer.alloc(270_000_000, `{"fill":"${line}"}`);
    const key = Buffer.from('k');
    const one = (value: Buffer): OutputRecord => ({ topic: topics.input, key, value, headers: [] });
    const batchOf = (records: readonly OutputRecord[]): Uint8Array =>
      encodeRecordBatch(records, { baseOffset: 0, timestampMs: Date.now() });
    const batches = [
      batchOf([one(reading('k', 1))]),
      compressed(batchOf([one(reading('k', 2)), one(huge), one(reading('k', 3))]), 'gzip'),
      batchOf([one(reading('k', 4)), one(reading('k', 40_000))]),
    ];
    await sendRawBatches(
      brokers,
      batches.map((batch) => ({ topic: topics.input, batch })),
    );

    const program = await programs.start(topics, { REDIS_URL: `${redisUrl}/7`, WORKERS: '1' });
    await eventually(
      async () => {
        const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
        const shown = letters.map(({ value, headers }) => [
          headers.get('dlq.offset'),
          headers.get('dlq.reason'),
          headers.get('dlq.cut'),
          value,
        ]);
        expect(shown).toEqual(
          ['1', '2', '3'].map((offset) => [offset, 'too_large', 'value,headers,key', null]),
        );
        expect(await foldedIn(log, topics)).toBe(2);
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
    await program.ready();
    expect(await program.stop()).toBe(0);

    const args = ['dlq', 'replay', '--reason', 'too_large', '--yes', '--json'];
    const { output, exitCode } = await runProgram(args, topics.env);
    expect([output, exitCode]).toEqual([expect.stringContaining('"cut_gone":3'), 0]);
  });
});

/**
 * Every output takes less than the input, and what the input takes is less than what its records
 * inflate to.
 */
async function smallTopics(log: EventLog): Promise<TestTopics> {
  const given = await createTestTopics(log, brokers, 1);
  const topics = nextTo(given, `${given.input}-small`);
  const ofBytes = (bytes: number): Record<string, string> => ({
    'max.message.bytes': String(bytes),
    'message.timestamp.type': 'LogAppendTime',
  });
  await log.ensureTopics([
    { topic: topics.input, partitions: 1, config: ofBytes(1_100_000) },
    { topic: topics.rekeyed, partitions: 1, config: ofBytes(20_000) },
    { topic: topics.deadLetters, partitions: 1, config: ofBytes(30_000) },
  ]);
  return topics;
}

function recordsFor({ input: topic }: TestTopics, keying: string): readonly Sent[] {
  const keyed = (id: string): Buffer => Buffer.from(keying === 'auto' ? id : 'another key');
  const header = { key: 'trace', value: Buffer.from('t-1') };
  const sent: Sent[] = [];
  const add = (framing: Framing, key: Buffer | null, value: Buffer | null, more = {}): void => {
    sent.push({ topic, framing, key, value, headers: [header], ...more });
  };
  add('none', keyed('k'), reading('k', 1));
  for (const framing of framings) {
    // A fine reading, folded here or forwarded; and one whose forward is too long.
    add(framing, keyed('k'), reading('k', 2, noise(100_000)));
    add(framing, null, reading(`u-${framing}`, 3.25, noise(90_000)));
    add(framing, Buffer.from('k'), Buffer.from(`not JSON ${noise(200_000)}`));
    if (framing === 'none') continue;
    // Far beyond every limit but the producer's, which saw it compressed.
    add(framing, Buffer.from('k'), Buffer.from(`{"fill":"${padding(3_000_000)}"}`));
  }
  add('zstd', Buffer.from('k'), Buffer.from(padding(40_000_000)));
  const long = [header, { key: 'long', value: Buffer.from(padding(2_000_000)) }];
  add('gzip', Buffer.from(padding(1_000_000)), null, { headers: long });
  add('lz4', null, reading('with headers', 4), { headers: long });
  // Closes the windows of all before it.
  add('none', keyed('k'), reading('k', 40_000));
  return sent;
}

function rawBatch({ framing, ...record }: Sent): { topic: string; batch: Uint8Array } {
  const batch = encodeRecordBatch([record], { baseOffset: 0, timestampMs: Date.now() });
  return { topic: record.topic, batch: compressed(batch, framing) };
}

const isReading = ({ value }: Sent): boolean =>
  value?.toString().endsWith('"fill_end":""}') === true;

async function expectOutcome(
  log: EventLog,
  topics: TestTopics,
  sent: readonly Sent[],
): Promise<void> {
  const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
  const bad = sent.flatMap((record, offset) => (isReading(record) ? [] : [{ ...record, offset }]));
  expect(letters.map(({ headers }) => Number(headers.get('dlq.offset')))).toEqual(
    bad.map(({ offset }) => offset),
  );
  for (const [index, letter] of letters.entries()) {
    const { value } = bad[index] as Sent;
    const kept = letter.value?.length ?? 0;
    const whole = value?.length ?? 0;
    const parts = letter.headers.get('dlq.cut');
    expect(letter.headers.get('dlq.topic')).toBe(topics.input);
    if (whole > 1_048_576) expect(letter.headers.get('dlq.reason')).toBe('too_large');
    if (parts === undefined) {
      expect(kept).toBe(whole);
    } else if (value !== null) {
      expect(letter.headers.get('dlq.bytes')).toBe(String(whole));
      const sha256 = createHash('sha256').update(value).digest('hex');
      expect(letter.headers.get('dlq.sha256')).toBe(sha256);
      expect(
        Buffer.from(value)
          .toString()
          .startsWith(letter.value ?? 'nothing kept'),
      ).toBe(true);
    }
  }
  expect(letters.filter(({ headers }) => headers.has('dlq.cut')).length).toBeGreaterThan(5);
  // One that compresses below the limit is kept whole.
  expect(letters.map(({ value }) => value?.length ?? 0)).toContain(
    `{"fill":"${padding(3_000_000)}"}`.length,
  );
  // But for the last one, whose window closes once its partition has been quiet for a while.
  expect(await foldedIn(log, topics)).toBe(sent.filter(isReading).length - 1);
}

/** How many readings the rows before the last reading's window count. */
async function foldedIn(log: EventLog, topics: TestTopics): Promise<number> {
  const rows = [...(await readTopic(log, topics.output)).values()].flat();
  return rows
    .map(({ value }) => JSON.parse(value ?? '') as CountedRow)
    .filter((row) => row.window_end <= nowMs + 40_000)
    .reduce((sum, { features }) => sum + features.count, 0);
}

interface CountedRow {
  readonly window_end: number;
  readonly features: { readonly count: number };
}

/** `dlq replay` puts back the whole records, read again from the input. */
async function expectReplayed(
  log: EventLog,
  topics: TestTopics,
  sent: readonly Sent[],
): Promise<void> {
  const args = ['dlq', 'replay', '--reason', 'json_syntax', '--yes', '--json'];
  const { output, exitCode } = await runProgram(args, topics.env);
  expect([output, exitCode]).toEqual([expect.stringContaining('"cut_gone":0'), 0]);
  const [input = []] = [...(await readTopic(log, topics.input)).values()];
  const back = input.slice(sent.length).map(({ value }) => value?.length);
  expect(back).toEqual(
    sent.flatMap(({ value }) => (value?.toString().startsWith('not JSON') ? [value.length] : [])),
  );
}
