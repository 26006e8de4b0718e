import { expect, it } from 'vitest';

import { ShardTraces } from '../../src/actors/shard-traces.ts';
import type { ShardMemory } from '../../src/actors/shard-memory.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import type { FetchedBatch } from '../../src/log/event-log.ts';
import type { RecordCursor, RecordHeader } from '../../src/records/record.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';
import type { Tracer } from '../../src/tracing/tracer.ts';

const shard = { topic: 'raw_readings', partition: 3 };
const sampled = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const unsampled = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`;
const ofCommit = `00-${'e'.repeat(32)}-${'f'.repeat(16)}-01`;
const row = { topic: 'sensor_features', key: null, value: null };
const folder = {
  sensorOf: (_: ShardMemory, { bytes, keyStart, keyEnd }: RecordCursor) =>
    Buffer.from(bytes.subarray(keyStart, keyEnd)).toString(),
};

function batchOf(
  readings: readonly (readonly [sensor: string, traceparent?: string])[],
  bytes?: number,
): FetchedBatch {
  const encoded = encodeRecordBatch(
    readings.map(([sensor, traceparent]) => ({
      ...{ topic: shard.topic, key: Buffer.from(sensor), value: Buffer.from('{}') },
      headers: traceparent === undefined ? [] : [header(traceparent)],
    })),
    { baseOffset: 0, timestampMs: 0 },
  );
  return {
    ...{ ...shard, fetchOffset: 0, nextOffset: readings.length, highWatermark: 0 },
    ...{ bytes: bytes ?? encoded.length, records: () => recordCursor(encoded) },
  };
}

function header(traceparent: string): RecordHeader {
  return { key: 'traceparent', value: Buffer.from(traceparent) };
}

function windowOf(sensor: string, firstOffset: number, lastOffset: number): ClosedWindow {
  const idBytes = Buffer.from(sensor);
  return {
    ...{ idBytes, idStart: 0, idEnd: idBytes.length },
    firstOffset,
    lastOffset,
  } as unknown as ClosedWindow;
}

function tracing(): { readonly traces: ShardTraces; readonly begun: (readonly string[])[] } {
  const begun: (readonly string[])[] = [];
  const tracer: Tracer = {
    begin(_, links) {
      begun.push(links);
      const logFields = { traceId: 'e', spanId: 'f' };
      return { traceparent: ofCommit, logFields, end: () => undefined, fail: () => undefined };
    },
    close: () => Promise.resolve(),
  };
  return { traces: new ShardTraces(tracer, shard), begun };
}

const memoryAt = (position: number): ShardMemory => ({ position }) as ShardMemory;

it('a row carries the traceparent of the sampled reading in its window, and of no other', () => {
  const { traces } = tracing();
  traces.look(batchOf([['a'], ['a', sampled], ['b', unsampled]]), memoryAt(0), folder);

  expect(traces.onRow(windowOf('a', 0, 1), row).headers).toEqual([header(sampled)]);
  expect(traces.onRow(windowOf('a', 2, 9), row)).toEqual(row);
  expect(traces.onRow(windowOf('b', 0, 2), row)).toEqual(row);
});

it('a commit is linked to the sampled readings since the one before, each batch looked at once', () => {
  const { begun, traces } = tracing();
  const batch = batchOf([
    ['a', sampled],
    ['b', unsampled],
  ]);
  traces.look(batch, memoryAt(0), folder);
  traces.look(batch, memoryAt(0), folder);

  traces.begin(2);
  traces.begin(3);

  expect(begun).toEqual([[sampled], []]);
});

it('records before the position are not looked at again', () => {
  const { begun, traces } = tracing();
  traces.look(
    batchOf([
      ['a', sampled],
      ['b', unsampled],
    ]),
    memoryAt(1),
    folder,
  );

  traces.begin(2);

  expect(begun).toEqual([[]]);
});

it('the first row of a commit that has no sampled reading carries the commit', () => {
  const { traces } = tracing();
  traces.begin(2);

  const rows = [0, 1].map(() => traces.onRow(windowOf('a', 0, 1), row).headers);

  expect(rows).toEqual([[header(ofCommit)], undefined]);
});

it('a large batch whose first record has no header is left alone', () => {
  const { begun, traces } = tracing();
  traces.look(batchOf([['a'], ['a', sampled]], 1_000_000), memoryAt(0), folder);

  traces.begin(2);

  expect(begun).toEqual([[]]);
});

it('sensors wait in bounded number, the newest of them', () => {
  const { traces } = tracing();
  const sensors = Array.from({ length: 1_001 }, (_, index) => [`s${index}`, sampled] as const);
  traces.look(batchOf(sensors), memoryAt(0), folder);

  expect(traces.onRow(windowOf('s0', 0, 2_000), row)).toEqual(row);
  expect(traces.onRow(windowOf('s1000', 0, 2_000), row).headers).toEqual([header(sampled)]);
});
