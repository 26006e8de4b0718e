// The record scanner against the strict decoders and against records read one by one: it may leave
// a record to them, and never says anything else than they do.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory, encodeShardSnapshot } from '../../src/actors/shard-memory.ts';
import { decodeReading } from '../../src/codecs/reading-decoder.ts';
import { encodeReadingAvro } from '../../src/codecs/reading-encoder.ts';
import { keyedReading, otherReading, undecidedRecord } from '../../src/kernel/record-scanner.ts';
import type { OutputRecord, RecordCursor } from '../../src/records/record.ts';
import { encodeRecordBatch, type EncodeOptions } from '../../src/log/record-batch-encoder.ts';
import { batchHeaderBytes } from '../../src/log/record-batch-header.ts';
import { scanRecords, type RecordScan } from '../../src/codecs/record-scan.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { emptyReading } from '../../src/sensors/reading.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';
import {
  compressed,
  framings,
  plainRecord,
  resealed,
  type PlainRecord,
} from '../../test/log/record-batch-support.ts';
import { anyChanges, anyJsonRecord, changed, objectBytes } from '../arbitraries/json-records.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { holds, runs, titled } from '../seed.ts';
import { simulatedTopics } from '../simulation/simulated-process.ts';

interface Scanned {
  readonly offset: number;
  readonly timestampMs: number;
  readonly kind: number;
  readonly reading?: PlainReading;
}

interface PlainReading {
  readonly id: string;
  readonly timestampMs: number;
  readonly value: number;
}

const anyAvro = fc
  .tuple(
    fc.record({
      sensor_id: fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.integer({ min: 250, max: 260 }).map((length) => 'i'.repeat(length)),
      ),
      timestamp: fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -70, max: 70 })),
      value: fc.double(),
    }),
    fc.boolean(),
    fc.option(anyChanges),
  )
  .map(([reading, confluent, changes]) => {
    const header = Buffer.from(confluent ? [0, 0, 0, 0, 7] : []);
    const record = Buffer.concat([header, encodeReadingAvro(reading)]);
    return changes === null ? record : changed(record, changes);
  });
const anyValue = fc.option(fc.oneof({ weight: 3, arbitrary: anyJsonRecord }, anyAvro), {
  freq: 20,
});
const anyRecord = anyValue.chain((value) => {
  const id = idOf(value);
  const ownKey = fc.constant(id === undefined ? Buffer.from('k') : Buffer.from(id, 'hex'));
  const otherKey = fc.option(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)));
  return fc.record({
    key: fc.oneof({ weight: 4, arbitrary: ownKey }, otherKey),
    value: fc.constant(value),
    timestampMs: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
    headers: fc.array(
      fc.record({ key: fc.string(), value: fc.option(fc.uint8Array({ maxLength: 5 })) }),
      { maxLength: 2 },
    ),
  });
});
const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 12 });

const batchOf = (
  records: readonly Omit<OutputRecord, 'topic'>[],
  options: Partial<EncodeOptions> = {},
): Uint8Array =>
  encodeRecordBatch(
    records.map((record) => ({ topic: 't', ...record })),
    { baseOffset: 0, timestampMs: 1, ...options },
  );

/** Returns the strict decoders' result for a record value. */
function decoded(value: Uint8Array | null): PlainReading | undefined {
  const out = emptyReading();
  if (value === null || decodeReading(value, 0, value.length, out) !== null) return undefined;
  const { idBytes, idStart, idEnd, timestampMs, value: x } = out;
  return {
    id: Buffer.from(idBytes.subarray(idStart, idEnd)).toString('hex'),
    timestampMs,
    value: x,
  };
}

function idOf(value: Uint8Array | null): string | undefined {
  return decoded(value)?.id;
}

/** All records of the batch, as far as the scanner reads them. */
function scanned(batch: Uint8Array): Scanned[] {
  const cursor = recordCursor(batch);
  const found: Scanned[] = [];
  while (cursor.next()) {
    const scan = scanRecords(cursor);
    if (scan === undefined) {
      found.push({ offset: cursor.offset, timestampMs: cursor.timestampMs, kind: undecidedRecord });
      continue;
    }
    for (let row = 0; row < scan.count; row += 1) found.push(rowOf(scan, row));
    scan.moveTo(scan.count - 1);
  }
  return found;
}

function rowOf({ kinds, readings }: RecordScan, row: number): Scanned {
  const at = <T>(column: ArrayLike<T>): T => column[row] as T;
  const plain = {
    offset: at(readings.offsets),
    timestampMs: at(readings.recordTimesMs),
    kind: at(kinds),
  };
  if (plain.kind === undecidedRecord) return plain;
  const id = readings.idBytes.subarray(at(readings.idStarts), at(readings.idEnds));
  const reading = {
    id: Buffer.from(id).toString('hex'),
    timestampMs: at(readings.timestampsMs),
    value: at(readings.values),
  };
  return { ...plain, reading };
}

describe('the record scanner', () => {
  it(titled('reads what the strict decoders read, and the same'), async () => {
    await holds(
      fc.property(anyRecords, fc.nat(2 ** 40), (records, baseOffset) => {
        const found = scanned(batchOf(records, { baseOffset }));

        expect(found.length).toBe(records.length);
        for (const [index, { key, value, timestampMs }] of records.entries()) {
          const row = found[index] as Scanned;
          expect([row.offset, row.timestampMs]).toEqual([baseOffset + index, timestampMs]);
          if (row.kind === undecidedRecord) continue;
          expect(row.reading).toEqual(decoded(value));
          const isKeyed = key !== null && key.toString('hex') === idOf(value);
          expect(row.kind).toBe(isKeyed ? keyedReading : otherReading);
        }
      }),
      runs(4_000),
    );
  });

  it(titled('answers alike whatever the records before looked like'), async () => {
    await holds(
      fc.property(objectBytes, anyChanges, (before, changes) => {
        const value = changed(before, changes);
        const alone = (records: readonly Buffer[]): Scanned[] =>
          scanned(batchOf(records.map((bytes) => ({ key: null, value: bytes }))));
        // As often as it takes for their shape to be known.
        const after = alone([...Array.from({ length: 10 }, () => before), value]).at(-1);

        if (after?.kind !== undecidedRecord) expect(after?.reading).toEqual(decoded(value));
      }),
      runs(3_000),
    );
  });

  it(
    titled('leaves nothing but escapes, nesting, numbers at the edge and what is no reading'),
    async () => {
      await holds(
        fc.property(objectBytes, (record) => {
          const text = record.toString();
          fc.pre(!/[\\[]/.test(text) && text.lastIndexOf('{') === text.indexOf('{'));
          fc.pre(text.startsWith('{') && decoded(record) !== undefined);
          // Subnormal and infinite numbers have such exponents.
          fc.pre(!/e[+-]?\d{3}/i.test(text));
          // A duplicate of another type before the one that counts is the one more case it leaves.
          fc.pre(text.split('"sensor_id"').length === 2 && text.split('"timestamp"').length === 2);
          fc.pre(text.split('"value"').length === 2);

          const [row] = scanned(batchOf([{ key: null, value: record }]));

          expect(row?.kind).toBe(otherReading);
        }),
        runs(1_500),
      );
    },
  );

  it(titled('leaves no Avro reading'), async () => {
    await holds(
      fc.property(anyAvro, (record) => {
        fc.pre(decoded(record) !== undefined && record[0] !== 0x7b && record[0] !== 0x20);
        const [row] = scanned(batchOf([{ key: null, value: record }]));

        expect(row?.kind).toBe(otherReading);
      }),
      runs(1_500),
    );
  });
});

/** The records that a cursor gives, and the error that ended it. */
type Walk = readonly (PlainRecord | string)[];

function walked(cursor: RecordCursor, byScans: boolean): Walk {
  const records: (PlainRecord | string)[] = [];
  try {
    while (cursor.next()) {
      const scan = byScans ? scanRecords(cursor) : undefined;
      if (scan === undefined) records.push(plainRecord(cursor));
      for (let row = 0; row < (scan?.count ?? 0); row += 1) {
        // Nothing that a scan gave is broken: the fold does not look again.
        expect(() => scan?.moveTo(row)).not.toThrow();
        expect([cursor.offset, cursor.timestampMs]).toEqual([
          scan?.readings.offsets[row],
          scan?.readings.recordTimesMs[row],
        ]);
        records.push(plainRecord(cursor));
      }
    }
  } catch (error) {
    records.push(String(error));
  }
  return records;
}

describe('a walk over scans', () => {
  const long = fc
    .tuple(fc.constantFrom(10, 60_000, 131_000, 140_000), fc.constantFrom(...'a}"\\'.split('')))
    .map(([length, filler]) => ({ key: null, value: Buffer.alloc(length, filler) }));

  it(titled('meets the records that a walk meets, in any codec and range'), async () => {
    const range = fc.record({ from: fc.nat(14), to: fc.nat(14) }, { requiredKeys: [] });
    await holds(
      fc.property(
        fc.array(fc.oneof({ weight: 8, arbitrary: anyRecord }, long), { minLength: 1 }),
        fc.constantFrom(...framings),
        range,
        fc.boolean(),
        (records, framing, within, logAppendTime) => {
          const logAppendTimeMs = logAppendTime ? 1_700_000_000_000 : undefined;
          const bytes = compressed(batchOf(records, { logAppendTimeMs }), framing);
          const [one, other] = [false, true].map((byScans) =>
            walked(recordCursor(bytes, {}, within), byScans),
          );

          expect(other).toEqual(one);
        },
      ),
      runs(500),
    );
  });

  it(titled('ends where a walk ends, with the same error, on broken bytes'), async () => {
    await holds(
      fc.property(anyRecords, anyChanges, fc.nat(3), (records, changes, lastOffset) => {
        const broken = resealed(batchOf(records), (copy) => {
          const body = changed(copy.subarray(batchHeaderBytes), changes);
          copy.set(body.subarray(0, copy.length - batchHeaderBytes), batchHeaderBytes);
          copy.writeInt32BE(Math.max(0, records.length - lastOffset), 23);
        });

        expect(walked(recordCursor(broken), true)).toEqual(walked(recordCursor(broken), false));
      }),
      runs(3_000),
    );
  });

  // Of a record's bytes after its length: attributes, timestamp, offset, no key, no value, no
  // headers.
  it.each([
    ['an offset that comes twice', [0, 0, 0, 1, 1, 0]],
    ['an offset past the last', [0, 0, 0x20, 1, 1, 0]],
    ['an offset of six bytes', [0, 0, 0x82, 0x80, 0x80, 0x80, 0x80, 0, 1, 1, 0]],
    ['an offset past 32 bits', [0, 0, 0x82, 0x80, 0x80, 0x80, 0x10, 1, 1, 0]],
    ['a timestamp past 64 bits', [0, ...Array<number>(9).fill(0x80), 2, 2, 1, 1, 0]],
    ['a timestamp of eleven bytes', [0, ...Array<number>(10).fill(0x80), 0, 2, 1, 1, 0]],
    ['a key that reaches past it', [0, 0, 2, 0x40, 1, 0]],
    ['a value that reaches past it', [0, 0, 2, 1, 0x40, 0]],
    ['a value of gigabytes', [0, 0, 2, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]],
    ['more headers than fit', [0, 0, 2, 1, 1, 4]],
    ['headers fewer than none', [0, 0, 2, 1, 1, 1]],
  ])('ends with the same error at %s', (_, record) => {
    const first = [12, 0, 0, 0, 1, 1, 0];
    const body = [...first, 2 * record.length, ...record];
    const header = batchOf([{ key: null, value: null }]).subarray(0, batchHeaderBytes);
    const batch = resealed(Buffer.concat([header, Buffer.from(body)]), (copy) => {
      copy.writeInt32BE(1, 23);
      copy.writeInt32BE(2, 57);
    });
    const walk = walked(recordCursor(batch), true);

    expect(walk).toEqual(walked(recordCursor(batch), false));
    expect(walk.length).toBe(2);
    expect(walk[1]).toContain('InvariantError');
  });

  it('goes on where the columns are full', () => {
    const records = Array.from({ length: 10_000 }, () => ({ key: null, value: null }));
    const found = scanned(batchOf(records));

    expect(found.map(({ offset }) => offset)).toEqual(records.map((_, offset) => offset));
  });
});

describe('a fold over scans', () => {
  /** The state and the outputs of one shard that folds `batch` up to `until`, then the rest. */
  function folded(batch: Uint8Array, until: number, byScans: boolean): unknown {
    const topics = simulatedTopics;
    const shard = { topic: topics.input, partition: 0 };
    const row = (window: ClosedWindow): OutputRecord => ({
      topic: topics.output,
      key: Uint8Array.from(window.idBytes.subarray(window.idStart, window.idEnd)),
      value: Float64Array.of(window.windowEndMs, window.count, window.lastOffset) as never,
    });
    const outbox = createOutbox({ featureRow: row, anomaly: () => undefined });
    const semantics = { ...defaultSemantics, windowMs: 1_000 };
    const folder = createBatchFolder({
      shard,
      topics,
      semantics,
      forwarding: { partitions: 1, clock: '0/1/0' },
      outbox,
    });
    const memory = emptyMemory('source', semantics, 0);
    const cursor = recordCursor(batch);
    const records: RecordCursor = byScans ? cursor : oneByOne(cursor);
    if (records.next() && folder.fold(memory, records, until)) {
      expect(records.offset).toBe(until);
      folder.fold(memory, records, Infinity);
    }
    const { position, sourceMaxMs } = memory;
    const outputs = [...outbox.take().records];
    return { state: encodeShardSnapshot(memory, shard, 0), outputs, position, sourceMaxMs };
  }

  const reading = stream({
    windowMs: 1_000,
    watermarkDelayMs: 500,
    maxAheadMs: 60_000,
    leading: true,
  });

  it(titled('is the fold of the same records one by one'), async () => {
    await holds(
      fc.property(reading, anyRecords, fc.nat(60), (readings, others, until) => {
        const records = readings
          .filter(({ recordTimestampMs }) => Math.abs(recordTimestampMs) < 2 ** 50)
          .map(({ sensorId, timestampMs, value, recordTimestampMs }) => ({
            key: Buffer.from(sensorId),
            value: Buffer.from(
              JSON.stringify({ sensor_id: sensorId, timestamp: timestampMs, value }),
            ),
            timestampMs: recordTimestampMs,
          }));
        const mixed = [...records.slice(0, 20), ...others, ...records.slice(20)];
        const batch = batchOf(mixed);

        expect(folded(batch, until, true)).toEqual(folded(batch, until, false));
      }),
      runs(1_000),
    );
  });
});

/** The same cursor, which cannot scan. */
function oneByOne(cursor: RecordCursor): RecordCursor {
  return new Proxy(cursor, {
    get: (target, property) => {
      if (property === 'scan') return undefined;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
