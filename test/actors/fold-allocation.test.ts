// The guard of the fold's speed, in bytes and not in seconds: no reading of a flat object makes an object or a string,
// whatever its fields, their order and their spacing. A reading for the strict parser shows what the guard would see.
import { describe, expect, it } from 'vitest';

import type { BaselineMethod } from '../../src/sensors/create-baseline.ts';
import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory } from '../../src/actors/shard-memory.ts';
import { encodeReadingAvro } from '../../src/codecs/reading-encoder.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';

const topics = simulatedTopics;
const shard = { topic: topics.input, partition: 0 };
const [sensors, readingsPerBatch, batchCount] = [50, 1_000, 400];
/** V8 boxes a handful of numbers of 16 bytes each, more before it has compiled all of it. */
const boxedBytesMax = 150;
const objectBytesMin = 500;

type Text = (id: string, timestampMs: number, value: number) => string | Uint8Array;
const flat: Readonly<Record<string, Text>> = {
  'the fields of a reading': (id, timestampMs, value) =>
    JSON.stringify({ sensor_id: id, timestamp: timestampMs, value }),
  'more fields, of every flat kind': (id, timestampMs, value) =>
    JSON.stringify({
      unit: 'celsius',
      ok: true,
      site: null,
      sensor_id: id,
      n: -1e-3,
      timestamp: timestampMs,
      value,
    }),
  'another order, with spaces': (id, timestampMs, value) =>
    `{ "value" : ${value},\n "timestamp" : ${timestampMs} , "sensor_id" : "${id}" }`,
  'text outside ASCII, exponents': (id, timestampMs, value) =>
    `{"site":"Zürich","sensor_id":"${id}","timestamp":${timestampMs / 1e3}e3,"value":${value * 1e5}e-5}`,
  'a reading in Avro': (id, timestampMs, value) =>
    encodeReadingAvro({ sensor_id: id, timestamp: timestampMs, value }),
};
const escaped: Text = (id, timestampMs, value) =>
  `{"sensor_id":"${id}","timestamp":${timestampMs},"value":${value},"unit":"\\u00b0C"}`;

/** Returns the median, over batches, of the bytes allocated a reading once the fold is compiled. */
function allocatedBytes(text: Text, baseline: BaselineMethod): number {
  const batches = Array.from({ length: batchCount }, (_, batch) =>
    encodeRecordBatch(
      Array.from({ length: readingsPerBatch }, (_, index) => {
        const step = Math.floor((batch * readingsPerBatch + index) / sensors);
        const id = `sensor_${String(index % sensors).padStart(3, '0')}`;
        const timestampMs = 1_700_000_000_000 + step;
        const value = 20 + Math.sin(step / 70 + index);
        return {
          topic: topics.input,
          key: Buffer.from(id),
          value: Buffer.from(text(id, timestampMs, value) as string),
          timestampMs,
        };
      }),
      { baseOffset: batch * readingsPerBatch, timestampMs: 0 },
    ),
  );
  const outbox = createOutbox({
    featureRow: () => ({ topic: topics.output, key: null, value: null }),
    anomaly: () => undefined,
  });
  const semantics = { ...defaultSemantics, baseline };
  const folder = createBatchFolder({
    shard,
    topics,
    semantics,
    forwarding: { partitions: 1, clock: '0/1/0' },
    outbox,
  });
  const memory = emptyMemory('source', semantics, 0);
  const bytes: number[] = [];
  for (const batch of batches) {
    const records = recordCursor(batch);
    records.next();
    const before = process.memoryUsage().heapUsed;
    folder.fold(memory, records, Infinity);
    bytes.push((process.memoryUsage().heapUsed - before) / readingsPerBatch);
  }
  expect(memory.position).toBe(batchCount * readingsPerBatch);
  // A batch during which garbage was collected is below zero; half of them are enough for V8 to compile.
  const late = bytes.slice(batchCount / 2).filter((count) => count >= 0);
  return late.sort((left, right) => left - right)[Math.floor(late.length / 2)] ?? NaN;
}

describe.each(['cumulative', 'adaptive', 'robust'] as const)(
  'what a fold allocates, %s',
  (baseline) => {
    it.each(Object.keys(flat))('is no object a reading: %s', (name) => {
      const bytes = allocatedBytes(flat[name] as Text, baseline);
      expect(bytes).toBeLessThan(boxedBytesMax);
    });

    it('is an object a reading where the strict parser reads it', () => {
      expect(allocatedBytes(escaped, baseline)).toBeGreaterThan(objectBytesMin);
    });
  },
);
