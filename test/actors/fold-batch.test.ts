import { expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { emptyMemory, type ShardMemory } from '../../src/actors/shard-memory.ts';
import { forwardGroupHeader } from '../../src/codecs/forward-group.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';

const topics = simulatedTopics;
const shard = { topic: topics.input, partition: 0 };

function foldOf(records: readonly OutputRecord[]): {
  readonly bytes: Uint8Array;
  readonly outputs: readonly OutputRecord[];
  readonly memory: ShardMemory;
} {
  const bytes = encodeRecordBatch(records, { baseOffset: 0, timestampMs: 1_000 });
  const outbox = createOutbox({
    featureRow: () => ({ topic: topics.output, key: null, value: null }),
    anomaly: () => undefined,
  });
  const semantics = { ...defaultSemantics, inputKeying: 'rekey' as const };
  const folder = createBatchFolder({
    shard,
    topics,
    semantics,
    forwarding: { partitions: 4, clock: '0/1/17' },
    outbox,
  });
  const cursor = recordCursor(bytes);
  cursor.next();
  const memory = emptyMemory('source', semantics, 0);
  folder.fold(memory, cursor, Infinity);
  return { bytes, outputs: [...outbox.take().records], memory };
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

it('a fast clock moves no source to a time that the log has not reached', () => {
  const record = (timestampMs: number, recordTimestampMs: number): OutputRecord => ({
    topic: topics.input,
    key: null,
    value: Buffer.from(`{"sensor_id":"a","timestamp":${timestampMs},"value":1}`),
    timestampMs: recordTimestampMs,
  });

  const { memory } = foldOf([record(1_000, 1_200), record(90_000, 2_000), record(1_900, 2_900)]);

  expect(memory.sourceMaxMs).toBe(2_000);
});

it('a forward lies in the partition that the group gives its sensor, and says how far the sources are', () => {
  const value = Buffer.from('{"sensor_id":"pump/7","timestamp":1000,"value":1}');

  const { outputs } = foldOf([{ topic: topics.input, key: null, value }]);

  const [forward] = outputs;
  expect(forward?.partition).toBe(partitionForKey(Buffer.from('pump/7'), 4));
  const header = forward?.headers?.find(({ key }) => key === 'rekey.source');
  expect(Buffer.from(header?.value ?? []).toString()).toBe('0/1/17');
});

it.each(['', 'id: sensor_id\ntime: timestamp\nvalues: [value]'])(
  'a forward of another group is counted and not folded, and in a replay not even counted: %o',
  (schema) => {
    const parsed = schema === '' ? { declaration: undefined } : parseInputSchema(schema);
    const input = 'declaration' in parsed ? parsed.declaration : undefined;
    const semantics = { ...defaultSemantics, ...(input === undefined ? {} : { input }) };
    const outbox = createOutbox({
      featureRow: () => ({ topic: topics.output, key: null, value: null }),
      anomaly: () => undefined,
    });
    const rekeyed = { topic: topics.rekeyed, partition: 0 };
    const settings = { groupId: 'ours' };
    const folder = createBatchFolder({ shard: rekeyed, topics, semantics, settings, outbox });
    const forwardOf = (groupId: string): OutputRecord => ({
      topic: topics.rekeyed,
      key: Buffer.from('a'),
      value: Buffer.from('{"sensor_id":"a","timestamp":1000,"value":1}'),
      headers: [
        { key: 'rekey.topic', value: Buffer.from(topics.input) },
        forwardGroupHeader(groupId),
        { key: 'rekey.source', value: Buffer.from('0/1/17') },
      ],
    });
    const records = [forwardOf('ours'), forwardOf('theirs'), forwardOf('ours')];
    const foldAll = (): ShardMemory => {
      const cursor = recordCursor(
        encodeRecordBatch(records, { baseOffset: 0, timestampMs: 1_000 }),
      );
      cursor.next();
      const memory = emptyMemory('rekeyed', semantics, 0);
      folder.fold(memory, cursor, Infinity);
      return memory;
    };

    outbox.muted = true;
    foldAll();
    expect(outbox.leftOut).toBe(0);
    outbox.open();
    const { position, state } = foldAll();

    expect([position, state.sensorCount, outbox.leftOut]).toEqual([3, 1, 1]);
    expect(outbox.take().readings).toBe(2);
  },
);
