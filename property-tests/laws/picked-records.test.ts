// The picker of declared fields against the reader of whole records: the fold with it and the fold
// without it come to the same state and the same outputs, over any schema, declaration and bytes.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory } from '../../src/actors/shard-memory.ts';
import { encodeConfluent } from '../../src/codecs/confluent.ts';
import type { FieldPicker } from '../../src/codecs/picked-fields.ts';
import { writerSchema, type WriterSchema } from '../../src/codecs/writer-schema.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import type { Semantics } from '../../src/sensors/semantics.ts';
import { avroRecords } from '../arbitraries/avro-records.ts';
import { protobufRecords } from '../arbitraries/protobuf-records.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import type { ModelRecord, WrittenDeclaration } from '../models/input-model.ts';
import { runs, titled } from '../seed.ts';
import { simulatedTopics as topics } from '../simulation/simulated-process.ts';

const shard = { topic: topics.input, partition: 0 };

function semanticsOf(declaration: WrittenDeclaration): Semantics {
  const parsed = parseInputSchema(JSON.stringify({ ...declaration, format: 'registry' }));
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return { ...defaultSemantics, input: parsed.declaration };
}

function folded(
  semantics: Semantics,
  records: readonly ModelRecord[],
  schema: WriterSchema,
): { readonly state: Uint8Array; readonly readings: number; readonly records: unknown } {
  const memory = emptyMemory('source', semantics, 0);
  const outbox = createOutbox({
    featureRow: () => ({ topic: topics.output, key: null, value: null }),
    anomaly: () => undefined,
  });
  const bytes = encodeRecordBatch(
    records.map(({ key, value, timestampMs }) => ({
      ...{ topic: shard.topic, timestampMs, key: key === null ? null : Buffer.from(key) },
      value: encodeConfluent(1, value),
    })),
    { baseOffset: 0, timestampMs: 1 },
  );
  const cursor = recordCursor(bytes);
  cursor.next();
  const schemas = { find: () => schema };
  createBatchFolder({ shard, topics, semantics, outbox, schemas }).fold(memory, cursor, Infinity);
  const out = outbox.take();
  return { state: memory.state.snapshot(), readings: out.readings, records: [...out.records] };
}

it.each([
  { type: 'AVRO', anyRecords: avroRecords, count: 600 },
  // Its files are parsed as text.
  { type: 'PROTOBUF', anyRecords: protobufRecords, count: 400 },
])(titled('fields picked from $type bytes are those of the whole record'), async (given) => {
  const { anyRecords, count, type } = given;
  let picked = 0;
  let readings = 0;
  await fc.assert(
    fc.asyncProperty(anyRecords, async ({ declaration, records, schema: text }) => {
      const registered = { type, text, references: [] };
      const schema = await writerSchema(registered, declaration.time_unit ?? 'ms');
      const counted = (picker: FieldPicker | undefined): FieldPicker | undefined =>
        picker && {
          measurements: picker.measurements,
          pick(...parts) {
            picker.pick(...parts);
            picked += 1;
          },
        };
      const semantics = semanticsOf(declaration);
      const whole = folded(semantics, records, { ...schema, picker: () => undefined });
      const fields = folded(semantics, records, {
        ...schema,
        picker: (declared) => counted(schema.picker(declared)),
      });

      expect(fields).toEqual(whole);
      readings += whole.readings;
    }),
    runs(count),
  );
  expect(readings).toBeGreaterThan(50);
  expect(picked).toBeGreaterThan(50);
});
