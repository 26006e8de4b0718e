// Records of declared shapes against a plain model that shares no code: what is read of each, and
// what the fold of many of them comes to, wherever it pauses, stops or begins again.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory, type ShardMemory } from '../../src/actors/shard-memory.ts';
import { createInputReader } from '../../src/codecs/input-reader.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import type { InputDeclaration } from '../../src/sensors/input-declaration.ts';
import { createShardState, restoreShardState } from '../../src/sensors/shard-state.ts';
import { declaredRecords, flatRecords } from '../arbitraries/declared-records.ts';
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

it(titled('a declared record is read as the plain model reads it'), async () => {
  let readings = 0;
  let partly = 0;
  await holds(
    fc.property(declaredRecords, ({ declaration, records }) => {
      const reader = createInputReader(parsedOf(declaration), maxAheadMs);
      for (const record of records) {
        const expected = expectedReadings(declaration, record, maxAheadMs);
        const key = Buffer.from(record.key ?? '');
        const bytes = Buffer.concat([key, record.value]);
        const found = reader.read({
          bytes,
          keyStart: record.key === null ? -1 : 0,
          keyEnd: key.length,
          valueStart: key.length,
          valueEnd: bytes.length,
          timestampMs: record.timestampMs,
        });

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

it(
  titled('the kernel folds flat declared records as the plain reader does, bit for bit'),
  async () => {
    let byKernel = 0;
    await holds(
      fc.property(flatRecords, ({ declaration, records }) => {
        const semantics = { ...defaultSemantics, input: parsedOf(declaration) };
        const bytes = batchOf(records);
        const folded = (scans: boolean): { state: Uint8Array; outputs: unknown } => {
          const whole = emptyMemory('source', semantics, 0);
          const memory = scans ? whole : { ...whole, scanner: undefined };
          if (memory.scanner !== undefined) byKernel += 1;
          const box = outbox();
          const cursor = recordCursor(bytes);
          cursor.next();
          const parts = { shard, topics, semantics, sourcePartitions: 1, outbox: box };
          createBatchFolder(parts).fold(memory, cursor, Infinity);
          expect(memory.position).toBe(records.length);
          return { state: memory.state.snapshot(), outputs: outputsOf(box) };
        };

        const [fast, plain] = [folded(true), folded(false)];
        expect(fast.outputs).toEqual(plain.outputs);
        expect(Buffer.compare(fast.state, plain.state)).toBe(0);
      }),
      runs(400),
    );
    expect(byKernel).toBeGreaterThan(40);
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
