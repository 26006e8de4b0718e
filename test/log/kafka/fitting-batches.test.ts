import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCut, wholeOf } from '../../../src/codecs/cut-record.ts';
import { decodeReading } from '../../../src/codecs/reading-decoder.ts';
import { ConfigError } from '../../../src/errors.ts';
import type { OutputRecord, RecordHeader } from '../../../src/records/record.ts';
import { BatchLimits } from '../../../src/log/kafka/batch-limits.ts';
import { sendFitting } from '../../../src/log/kafka/fitting-batches.ts';
import { recordCursor } from '../../../src/log/record-batch.ts';
import { RecordBatchBuilder, type EncodedBatch } from '../../../src/log/record-batch-encoder.ts';
import { emptyReading } from '../../../src/sensors/reading.ts';
import { ManualClock } from '../../supervisor/manual-clock.ts';
import { runs, titled } from '../../../property-tests/seed.ts';

const place = { topic: 't', partition: 0 };
const reasonMs = 600_000;

/** A topic that takes batches of at most `bytesMax` bytes. */
class Topic {
  readonly records: OutputRecord[] = [];
  refusals = 0;
  bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  readonly send = (piece: EncodedBatch): Promise<number | undefined> => {
    if (piece.bytes > this.bytesMax) {
      this.refusals += 1;
      return Promise.resolve(undefined);
    }
    const baseOffset = this.records.length;
    const bytes = Buffer.alloc(piece.bytes);
    piece.write(bytes, 0, { baseOffset });
    const cursor = recordCursor(bytes);
    while (cursor.next()) {
      const { keyStart, keyEnd, valueStart, valueEnd } = cursor;
      expect(cursor.offset).toBe(this.records.length);
      this.records.push({
        topic: 't',
        key: keyStart < 0 ? null : Buffer.from(cursor.bytes.subarray(keyStart, keyEnd)),
        value: valueStart < 0 ? null : Buffer.from(cursor.bytes.subarray(valueStart, valueEnd)),
        headers: cursor.headers().map(({ key, value }) => ({ key, value: copyOf(value) })),
        timestampMs: cursor.timestampMs,
      });
    }
    return Promise.resolve(baseOffset);
  };
}

const copyOf = (bytes: Uint8Array | null): Uint8Array | null =>
  bytes === null ? null : Buffer.from(bytes);
const textOf = (bytes: Uint8Array | null | undefined): string | undefined =>
  bytes == null ? undefined : Buffer.from(bytes).toString('latin1');
const headerText = ({ key, value }: RecordHeader): string => `${key}: ${textOf(value)}`;
const header = (key: string, value: string | Uint8Array): RecordHeader => ({
  key,
  value: Buffer.from(value),
});

function batchOf(records: readonly OutputRecord[]): RecordBatchBuilder {
  const batch = new RecordBatchBuilder();
  for (const record of records) batch.append(record, 1_000);
  return batch;
}

function deadLetter(value: Uint8Array | null, clientBytes = 0, keyBytes = 3): OutputRecord {
  return {
    topic: 't',
    cutAs: 'deadLetter',
    key: randomBytes(keyBytes),
    value,
    headers: [
      header('client', randomBytes(clientBytes)),
      header('dlq.reason', 'too_large'),
      header('dlq.message', 'expected less'),
      header('dlq.topic', 'raw_readings'),
      header('dlq.partition', '3'),
      header('dlq.offset', '17'),
    ],
  };
}

function forward(id: string, value: number, fillBytes: number, clientBytes = 0): OutputRecord {
  const fill = randomBytes(fillBytes).toString('base64');
  const text = `{"fill":"${fill}","sensor_id":"${id}","timestamp":1700000000001,"value":${value}}`;
  return {
    topic: 't',
    cutAs: 'forward',
    key: Buffer.from(id),
    value: Buffer.from(text),
    headers: [
      header('rekey.cut', 'a header of the client'),
      header('client', randomBytes(clientBytes)),
      header('rekey.topic', 'raw_readings'),
      header('rekey.partition', '3'),
      header('rekey.offset', '17'),
      header('rekey.key', 'k'),
      header('rekey.source', '3/4/17'),
    ],
  };
}

const last = (record: OutputRecord | undefined, name: string): string =>
  Buffer.from(record?.headers?.findLast(({ key }) => key === name)?.value ?? '').toString();

describe('a batch that is longer than its topic takes', () => {
  const record = fc.record({
    kind: fc.constantFrom('plain' as const, 'deadLetter' as const, 'forward' as const),
    bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 30_000 })),
    clientBytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
    compressible: fc.boolean(),
  });

  it(titled('arrives whole or cut, record for record, in order'), async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1_000, max: 40_000 }),
        async (plans, bytesMax) => {
          const records = plans.map(({ kind, bytes, clientBytes, compressible }, index) => {
            const value = compressible ? Buffer.alloc(bytes, 'a') : randomBytes(bytes);
            if (kind === 'deadLetter') return deadLetter(value, clientBytes);
            if (kind === 'forward') return forward(`s${index}`, 1.5 + index, bytes, clientBytes);
            // Records that cannot be cut are short.
            return { topic: 't', key: null, value: value.subarray(0, 500) };
          });
          const topic = new Topic(bytesMax);

          const sent = sendFitting(batchOf(records), {
            place,
            limits: new BatchLimits(new ManualClock()),
            send: topic.send,
          });

          expect(await sent).toBe(records.length);
          for (const [index, before] of records.entries()) {
            expectWholeOrCut(topic.records[index], before);
          }
        },
      ),
      runs(60),
    );
  });

  it('is compressed before it is cut', async () => {
    const topic = new Topic(1_048_588);
    const whole = deadLetter(Buffer.alloc(3_000_000, '{"a":1}'));

    await sendFitting(batchOf([whole]), { place, limits: new BatchLimits(), send: topic.send });

    expect(topic.records[0]?.value?.length).toBe(3_000_000);
    expect(last(topic.records[0], 'dlq.cut')).toBe('');
    expect(topic.refusals).toBe(0);
  });

  it('keeps of a dead letter about what the topic takes, and says where the rest is', async () => {
    const topic = new Topic(1_048_588);
    const value = randomBytes(3_000_000);

    await sendFitting(batchOf([deadLetter(value)]), {
      place,
      limits: new BatchLimits(),
      send: topic.send,
    });

    const [letter] = topic.records;
    const kept = letter?.value ?? Buffer.alloc(0);
    expect(kept.length).toBeGreaterThan(1_040_000);
    expect(value.subarray(0, kept.length).equals(kept)).toBe(true);
    expect(last(letter, 'dlq.cut')).toBe('value');
    expect(last(letter, 'dlq.bytes')).toBe('3000000');
    expect(last(letter, 'dlq.sha256')).toBe(wholeOf({ value })?.sha256);
    expect(last(letter, 'dlq.offset')).toBe('17');
    expect(topic.refusals).toBe(1);
  });

  it('leaves out headers and key where they alone are too long', async () => {
    const topic = new Topic(2_000);
    const long = deadLetter(null, 50_000, 40_000);

    await sendFitting(batchOf([long]), { place, limits: new BatchLimits(), send: topic.send });

    const [letter] = topic.records;
    expect(letter?.key).toBeNull();
    expect(last(letter, 'dlq.cut')).toBe('headers,key');
    expect(last(letter, 'dlq.bytes')).toBe('');
    expect(last(letter, 'dlq.reason')).toBe('too_large');
  });

  it('costs one refused request in ten minutes, and is tried whole again after that', async () => {
    const clock = new ManualClock();
    const limits = new BatchLimits(clock);
    const topic = new Topic(1_048_588);
    const send = (): Promise<number> =>
      sendFitting(batchOf([deadLetter(randomBytes(2_000_000))]), {
        place,
        limits,
        send: topic.send,
      });

    await send();
    await send();
    clock.advance(reasonMs - 1);
    await send();
    expect(topic.refusals).toBe(1);

    clock.advance(1);
    topic.bytesMax = 4_000_000;
    await send();

    expect(topic.refusals).toBe(1);
    expect(topic.records.map(({ value }) => value?.length)).toEqual([
      expect.any(Number),
      expect.any(Number),
      expect.any(Number),
      2_000_000,
    ]);
  });

  it('is refused with the cure where a record is as short as it can be', async () => {
    const topic = new Topic(150);
    const records = [
      { topic: 't', key: null, value: Buffer.from('short') },
      { topic: 't', key: null, value: randomBytes(400) },
    ];

    const sent = sendFitting(batchOf(records), {
      place,
      limits: new BatchLimits(),
      send: topic.send,
    });

    await expect(sent).rejects.toThrow(ConfigError);
    await expect(sent).rejects.toThrow(/Topic t takes no batch of \d+ bytes.*max\.message\.bytes/);
    expect(topic.records).toHaveLength(1);
  });
});

function expectWholeOrCut(after: OutputRecord | undefined, before: OutputRecord): void {
  const { cutAs } = before;
  const note = cutAs === undefined ? undefined : readCut(after?.headers ?? [], cutAs);
  if (note === undefined) {
    expect(textOf(after?.value)).toBe(textOf(before.value));
    expect(textOf(after?.key)).toBe(textOf(before.key));
    expect(after?.headers?.map(headerText)).toEqual((before.headers ?? []).map(headerText));
    return;
  }
  expect(note.whole).toEqual(wholeOf(before));
  if (cutAs === 'forward') expect(readingOf(after)).toEqual(readingOf(before));
  else expect(textOf(before.value?.subarray(0, after?.value?.length))).toBe(textOf(after?.value));
  for (const { key } of (before.headers ?? []).slice(-4)) {
    expect(after?.headers?.some((each) => each.key === key)).toBe(true);
  }
}

function readingOf(record: OutputRecord | undefined): unknown {
  const value = record?.value ?? Buffer.alloc(0);
  const out = emptyReading();
  expect(decodeReading(value, 0, value.length, out)).toBeNull();
  const { timestampMs, value: number } = out;
  return {
    id: Buffer.from(out.idBytes.subarray(out.idStart, out.idEnd)).toString(),
    timestampMs,
    number,
  };
}
