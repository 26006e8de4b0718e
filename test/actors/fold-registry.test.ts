import avro from 'avsc';
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { simulatedTopics as topics } from '../../property-tests/simulation/simulated-process.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { applyJournalEntry, JournaledFold } from '../../src/actors/journaled-fold.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import {
  decodeShardSnapshot,
  emptyMemory,
  encodeShardSnapshot,
  type ShardMemory,
} from '../../src/actors/shard-memory.ts';
import { unknownSchemasMax } from '../../src/actors/unknown-schemas.ts';
import { encodeConfluent } from '../../src/codecs/confluent.ts';
import { writerSchema, type WriterSchema } from '../../src/codecs/writer-schema.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import type { FetchedBatch } from '../../src/log/event-log.ts';
import type { Semantics } from '../../src/sensors/semantics.ts';

const startMs = Date.UTC(2026, 0, 31);
const shard = { topic: topics.input, partition: 0 };
const type = avro.Type.forSchema({
  ...{ type: 'record', name: 'R' },
  fields: [
    { name: 'd', type: 'string' },
    { name: 't', type: 'long' },
    { name: 'v', type: 'double' },
  ],
});
const text = JSON.stringify(type.schema());
const schema = await writerSchema({ type: 'AVRO', text, references: [] }, 'ms');

const semantics = ((): Semantics => {
  const parsed = parseInputSchema('format: registry\nid: d\ntime: t\nvalue: v');
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return { ...defaultSemantics, input: parsed.declaration };
})();

const record = (schemaId: number, v: number): Uint8Array =>
  encodeConfluent(schemaId, type.toBuffer({ d: 'x', t: startMs, v }));

function batchOf(values: readonly Uint8Array[]): FetchedBatch {
  const bytes = encodeRecordBatch(
    values.map((value) => ({
      ...{ topic: shard.topic, timestampMs: startMs, key: Buffer.from('x'), value },
    })),
    { baseOffset: 0, timestampMs: startMs },
  );
  return {
    ...{ ...shard, fetchOffset: 0, nextOffset: values.length, highWatermark: values.length },
    bytes: bytes.length,
    records: () => recordCursor(bytes),
  };
}

function world(loaded: readonly number[]): {
  readonly schemas: Map<number, WriterSchema>;
  readonly memory: ShardMemory;
  readonly folder: ReturnType<typeof createBatchFolder>;
  readonly outbox: ReturnType<typeof createOutbox>;
  readonly replay: JournaledFold;
} {
  const schemas = new Map(loaded.map((id) => [id, schema]));
  const outbox = createOutbox({
    featureRow: () => ({ topic: topics.output, key: null, value: null }),
    anomaly: () => undefined,
  });
  const memory = emptyMemory('source', semantics, 0);
  const find = (id: number): WriterSchema | undefined => schemas.get(id);
  const folder = createBatchFolder({ shard, topics, semantics, outbox, schemas: { find } });
  const replay = new JournaledFold({ memory, folder, closed: outbox, entries: [], end: 0 });
  replay.begin();
  return { schemas, memory, folder, outbox, replay };
}

const journaled = (
  { memory, outbox }: ReturnType<typeof world>,
  entry: { readonly schema_id: number; readonly known: boolean },
): void => {
  const place = { version: 1, sequence: memory.journalSequence + 1, offset: memory.position };
  applyJournalEntry(memory, { ...place, kind: 'schema', ...entry } as never, outbox);
};

const reasons = ({ outbox }: ReturnType<typeof world>): readonly string[] =>
  [...outbox.take().records].map(({ headers = [] }) => {
    const reason = headers.find(({ key }) => key === 'dlq.reason');
    return Buffer.from(reason?.value ?? []).toString();
  });

describe('a fold of registered records', () => {
  it('stops before a record whose schema it lacks, and goes on once it has it', () => {
    const at = world([1]);
    const batch = batchOf([record(1, 1), record(2, 2), record(1, 3)]);

    expect(at.replay.fold(batch)).toBe('paused');
    expect(at.folder.missingSchema).toBe(2);
    expect(at.memory.position).toBe(1);
    at.schemas.set(2, schema);

    expect(at.replay.fold(batch)).toBe('folded');
    expect(at.memory.position).toBe(3);
    expect(at.outbox.take().readings).toBe(3);
  });

  it('refuses an id that the journal says is unknown until it says that it is known', () => {
    const at = world([]);
    const batch = batchOf([record(2, 1), record(2, 2), record(2, 3)]);
    at.replay.fold(batch);
    journaled(at, { schema_id: 2, known: false });
    // Another shard of the thread may have loaded it: the journal counts, not the cache.
    at.schemas.set(2, schema);

    expect(at.replay.fold(batch)).toBe('folded');
    expect(reasons(at)).toEqual(['schema_unknown', 'schema_unknown', 'schema_unknown']);

    journaled(at, { schema_id: 2, known: true });
    const later = batchOf([record(2, 1), record(2, 2), record(2, 3), record(2, 4)]);
    expect(at.replay.fold(later)).toBe('folded');
    expect(at.outbox.take().readings).toBe(1);
  });

  it('keeps what it knows to be unknown in snapshots, and a bounded number of them', () => {
    const at = world([]);
    for (let id = 0; id <= unknownSchemasMax; id += 1) {
      journaled(at, { schema_id: id, known: false });
    }

    const bytes = encodeShardSnapshot(at.memory, shard, 0);
    const { memory } = decodeShardSnapshot(bytes, shard, 'source', semantics);

    expect([...memory.unknownSchemas]).toEqual([...at.memory.unknownSchemas]);
    expect(memory.unknownSchemas.size).toBe(unknownSchemasMax);
    expect(memory.unknownSchemas.has(0)).toBe(false);
  });

  it('reads plain JSON objects too, and refuses anything else', () => {
    const at = world([1]);
    const json = Buffer.from(JSON.stringify({ d: 'x', t: startMs, v: 7 }));
    const values = [json, Buffer.from('text'), Buffer.from([0, 0, 1]), record(1, 1).subarray(0, 9)];

    expect(at.replay.fold(batchOf(values))).toBe('folded');

    const outgoing = [...at.outbox.take().records];
    expect(outgoing).toHaveLength(3);
    expect(at.memory.state.inspect('x')).toBeDefined();
  });
});
