// Records of declared shapes against a plain model that shares no code: what is read of each, and
// what the fold of many of them comes to, wherever it pauses, stops or begins again.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory, type ShardMemory } from '../../src/actors/shard-memory.ts';
import { declaredRecord, declaredSensorId } from '../../src/codecs/declared-encoder.ts';
import { createInputReader } from '../../src/codecs/input-reader.ts';
import { inputRecord } from '../../src/codecs/input-record.ts';
import { scanRecords } from '../../src/codecs/record-scan.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import { undecidedRecord } from '../../src/kernel/record-scanner.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import {
  parsePath,
  type FieldPath,
  type InputDeclaration,
} from '../../src/sensors/input-declaration.ts';
import { createShardState, restoreShardState } from '../../src/sensors/shard-state.ts';
import {
  anyDeclaration,
  declaredRecords,
  flatRecords,
  recordTimeMs,
  steadyRecords,
} from '../arbitraries/declared-records.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import {
  expectedReadings,
  type ModelRecord,
  type WrittenDeclaration,
} from '../models/input-model.ts';
import { holds, runs, titled } from '../seed.ts';
import { simulatedTopics as topics } from '../simulation/simulated-process.ts';

const { maxAheadMs } = defaultSemantics;

function parsedOf(declaration: WrittenDeclaration): InputDeclaration {
  const parsed = parseInputSchema(JSON.stringify(declaration));
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.declaration;
}

it(titled('a reading that is written in a declared shape is read from it'), async () => {
  const anyReading = fc.record({
    index: fc.nat(9),
    timestamp: fc.integer({ min: recordTimeMs - 90_000, max: recordTimeMs + 10_000 }),
    value: fc.constantFrom(0, 1, -17, 21.125, 1e-7),
  });
  let written = 0;
  await holds(
    fc.property(anyDeclaration, anyReading, (found, { index, timestamp, value: any }) => {
      fc.pre(!overlaps(found));
      const declaration = parsedOf(found);
      const { valueTypes } = declaration;
      const value = valueTypes.join() === 'boolean' ? Number(any > 0) : any;
      const sensor = declaredSensorId('dev', index, declaration);
      const record = declaredRecord({ sensor_id: sensor, timestamp, value }, declaration);
      const read = createInputReader(declaration, maxAheadMs).read(
        inputRecord({
          key: record.key,
          value: Buffer.from(record.value),
          timestampMs: record.timestampMs ?? recordTimeMs,
        }),
      );

      expect(read.refusals).toEqual([]);
      expect(read.entries).toMatchObject([
        {
          ...{ deviceId: record.key, timestampMs: timestamp, refusals: [] },
          measured: [{ sensorId: sensor, value }],
        },
      ]);
      written += 1;
    }),
    runs(500),
  );
  expect(written).toBeGreaterThan(50);
});

/** Whether no record has all fields: one stands inside another, or a list is an object, too. */
function overlaps({ id, metric, time, value, values }: WrittenDeclaration): boolean {
  const listed =
    typeof values === 'string' ? [values.replace(/\.?\*$/, '')] : Object.values(values ?? {});
  const paths = [id, time, metric, value, listed]
    .flat()
    .filter((one) => one !== undefined && !one.startsWith('$'))
    .map((one) => parsePath(one ?? '') ?? []);
  return paths.some((one, index) => paths.slice(index + 1).some((other) => collide(one, other)));
}

function collide(one: FieldPath, other: FieldPath): boolean {
  const at = one.findIndex((step, index) => step !== other[index]);
  if (at < 0 || at >= other.length) return true;
  return typeof one[at] !== typeof other[at];
}

it(titled('a declared record is read as the plain model reads it'), async () => {
  let readings = 0;
  let partly = 0;
  await holds(
    fc.property(declaredRecords, ({ declaration, records }) => {
      const reader = createInputReader(parsedOf(declaration), maxAheadMs);
      for (const record of records) {
        const expected = expectedReadings(declaration, record, maxAheadMs);
        const found = reader.read(inputRecord(record));

        const read = found.entries.flatMap(({ deviceId, timestampMs, measured }) =>
          measured.map(({ sensorId, value }) => ({
            ...{ device: deviceId, sensor: sensorId, timestampMs, value },
          })),
        );
        const refused = [...found.entries.flatMap((entry) => entry.refusals), ...found.refusals];
        expect(read).toEqual(expected.readings);
        expect(refused.map(({ field }) => field)).toEqual(expected.refused);
        readings += read.length;
        if (read.length > 0 && refused.length > 0) partly += 1;
      }
    }),
    runs(1_500),
  );
  expect(readings).toBeGreaterThan(1_000);
  expect(partly).toBeGreaterThan(20);
});

const shard = { topic: topics.input, partition: 0 };

function batchOf(records: readonly ModelRecord[]): Uint8Array {
  return encodeRecordBatch(
    records.map(({ key, value, timestampMs }) => ({
      ...{ topic: shard.topic, key: key === null ? null : Buffer.from(key), value, timestampMs },
    })),
    { baseOffset: 0, timestampMs: 1 },
  );
}

function outbox(): ReturnType<typeof createOutbox> {
  const none = { topic: topics.output, key: null, value: null };
  return createOutbox({ featureRow: () => none, anomaly: () => undefined });
}

it(titled('a fold of declared records is that of their readings, wherever it stops'), async () => {
  let folded = 0;
  await holds(
    fc.property(
      declaredRecords,
      fc.array(fc.nat(12), { maxLength: 3 }),
      ({ declaration, records }, cuts) => {
        const semantics = { ...defaultSemantics, input: parsedOf(declaration) };
        const plain = createShardState(semantics, { watermark: 'own' });
        for (const [offset, record] of records.entries()) {
          for (const reading of expectedReadings(declaration, record, maxAheadMs).readings) {
            if (reading.device !== record.key) continue;
            const idBytes = Buffer.from(reading.sensor);
            const { timestampMs, value } = reading;
            const slot = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs, value };
            const reason = plain.fold(slot, record.timestampMs, offset, outbox());
            if (reason === null) folded += 1;
          }
        }

        const bytes = batchOf(records);
        let memory = emptyMemory('source', semantics, 0);
        for (const until of [...cuts].sort((a, b) => a - b).concat(Infinity)) {
          const parts = { shard, topics, semantics, outbox: outbox() };
          const cursor = recordCursor(bytes);
          cursor.next();
          createBatchFolder(parts).fold(memory, cursor, until);
          memory = restored(memory, semantics);
        }

        expect(Buffer.compare(memory.state.snapshot(), plain.snapshot())).toBe(0);
        expect(memory.position).toBe(records.length);
      },
    ),
    runs(700),
  );
  expect(folded).toBeGreaterThan(100);
});

/** Folds the records with the kernel or without, and returns what came of it. */
function folded(
  semantics: typeof defaultSemantics,
  records: readonly ModelRecord[],
  scans: boolean,
): { readonly state: Uint8Array; readonly outputs: unknown } {
  const whole = emptyMemory('source', semantics, 0);
  const memory = scans ? whole : { ...whole, scanner: undefined };
  const box = outbox();
  const cursor = recordCursor(batchOf(records));
  cursor.next();
  const parts = { shard, topics, semantics, sourcePartitions: 1, outbox: box };
  createBatchFolder(parts).fold(memory, cursor, Infinity);
  expect(memory.position).toBe(records.length);
  return { state: memory.state.snapshot(), outputs: outputsOf(box) };
}

/** Returns how many of the records the kernel reads. */
function readByKernel(semantics: typeof defaultSemantics, records: readonly ModelRecord[]): number {
  const { scanner } = emptyMemory('source', semantics, 0);
  if (scanner === undefined) return 0;
  const cursor = recordCursor(batchOf(records));
  cursor.next();
  const scan = scanRecords(cursor, scanner);
  const rows = Array.from({ length: scan?.count ?? 0 }, (_, row) => row);
  const read = rows.filter((row) => scan?.kinds[row] !== undecidedRecord);
  return new Set(read.map((row) => scan?.readings.offsets[row])).size;
}

it.each([
  ['flat', flatRecords, 40],
  ['steady', steadyRecords, 200],
  ['any', declaredRecords, 2],
] as const)(
  titled('the kernel folds declared records as the plain reader does, bit for bit: %s'),
  async (_kind, declared, readMin) => {
    let byKernel = 0;
    await holds(
      fc.property(declared, ({ declaration, records }) => {
        const semantics = { ...defaultSemantics, input: parsedOf(declaration) };
        byKernel += readByKernel(semantics, records);

        const [fast, plain] = [folded(semantics, records, true), folded(semantics, records, false)];

        expect(fast.outputs).toEqual(plain.outputs);
        expect(Buffer.compare(fast.state, plain.state)).toBe(0);
      }),
      runs(150),
    );
    expect(byKernel).toBeGreaterThan(readMin);
  },
);

function outputsOf(box: ReturnType<typeof outbox>): unknown {
  const { readings, records } = box.take();
  const plain = [...records].map(({ topic, key, value, headers }) => ({
    topic,
    key,
    value,
    headers,
  }));
  return { readings, records: structuredClone(plain) };
}

/** The memory after a crash: what a snapshot at its position holds. */
function restored(memory: ShardMemory, semantics: typeof defaultSemantics): ShardMemory {
  const state = restoreShardState(memory.state.snapshot(), semantics, { watermark: 'own' });
  return { ...memory, state, scanner: undefined };
}
