import { expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory } from '../../src/actors/shard-memory.ts';
import type { OutputRecord } from '../../src/log/event-log.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';

const topics = simulatedTopics;
const shard = { topic: topics.input, partition: 0 };

function foldOf(records: readonly OutputRecord[]): {
  readonly bytes: Uint8Array;
  readonly outputs: readonly OutputRecord[];
} {
  const bytes = encodeRecordBatch(records, { baseOffset: 0, timestampMs: 1_000 });
  const outbox = createOutbox({
    featureRow: () => ({ topic: topics.output, key: null, value: null }),
    anomaly: () => undefined,
  });
  const semantics = { ...defaultSemantics, inputKeying: 'rekey' as const };
  const folder = createBatchFolder({ shard, topics, semantics, sourcePartitions: 1, outbox });
  const cursor = recordCursor(bytes);
  cursor.next();
  folder.fold(emptyMemory('source', semantics, 0), cursor, Infinity);
  return { bytes, outputs: [...outbox.take().records] };
}

it('forwards and dead letters are as they were once the bytes they came from are written over', () => {
  const headers = [{ key: 'trace', value: Buffer.from('abc') }];
  const key = Buffer.from('k');
  const reading = Buffer.from('{"sensor_id":"a","timestamp":1000,"value":1}');
  const { bytes, outputs } = foldOf([
    { topic: topics.input, key, value: reading, headers },
    { topic: topics.input, key, value: Buffer.from('no reading'), headers },
  ]);
  const before = structuredClone(outputs);

  bytes.fill(0xff);

  expect(before.map(({ topic }) => topic)).toEqual([topics.rekeyed, topics.deadLetters]);
  expect(structuredClone(outputs)).toEqual(before);
});

it('a fast clock tells the rekeyed shards no time that the log has not reached', () => {
  const record = (timestampMs: number, recordTimestampMs: number): OutputRecord => ({
    topic: topics.input,
    key: null,
    value: Buffer.from(`{"sensor_id":"a","timestamp":${timestampMs},"value":1}`),
    timestampMs: recordTimestampMs,
  });

  const { outputs } = foldOf([record(1_000, 1_200), record(90_000, 2_000), record(2_500, 2_900)]);

  const clocks = outputs.map(({ headers = [] }) =>
    Buffer.from(headers.find(({ key }) => key === 'rekey.source')?.value ?? []).toString(),
  );
  expect(clocks).toEqual(['0/1/1000', '0/1/2000', '0/1/2500']);
});
