// A record that the journal marks as skipped: a replay neither folds it nor reports it as folded.
import { expect, it } from 'vitest';

import { quietHistory } from '../../property-tests/simulation/fixed-histories.ts';
import { historySemantics, runHistory } from '../../property-tests/simulation/history.ts';
import { replayContextOf } from '../../property-tests/simulation/left-behind.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { explainReading } from '../../src/past/explanation.ts';
import { findReading } from '../../src/past/find-sensor.ts';
import { shardAt } from '../../src/past/past-shard.ts';

it('explains a skipped record as a dead letter fold_failed, and its sensor learns nothing from it', async () => {
  const plan = { ...quietHistory, partitions: 1, sensors: 1, unkeyed: 0 };
  const result = await runHistory(plan);
  const { broker } = result;
  const shard = { topic: simulatedTopics.input, partition: 0 };
  const offset = broker.end(shard);
  const [last] = broker.partitions.get('raw_readings/0') ?? [];
  if (last === undefined) throw new Error('the history has records');
  broker.append([{ ...last, topic: shard.topic, partition: 0 }]);
  const committed = broker.commits.get('group|raw_readings/0');
  const metadata = JSON.parse(committed?.metadata ?? '') as { journal: { sequence: number } };
  const sequence = metadata.journal.sequence + 1;
  const entry = { version: 1, sequence, offset, kind: 'skip', message: 'RangeError: x' };
  broker.append([
    {
      topic: simulatedTopics.journal,
      key: Buffer.from('group/raw_readings/0'),
      value: Buffer.from(JSON.stringify({ ...entry, decided_ms: 5 })),
    },
  ]);
  metadata.journal.sequence = sequence;
  broker.commits.set('group|raw_readings/0', {
    nextOffset: offset + 1,
    metadata: JSON.stringify(metadata),
  });

  const context = replayContextOf(result, historySemantics(plan), plan.partitions);
  const past = await shardAt(context, shard, offset);
  const before = past.memory.state.inspect('s0');
  const reading = { offset, timestampMs: 0, recordTimestampMs: 0, value: 1 };
  const explained = await explainReading(context, past, 's0', reading);
  const after = await shardAt(context, shard, offset + 1);

  expect(explained).toMatchObject({
    outcome: 'dead_letter',
    reason: { code: 'fold_failed', message: 'folding it threw RangeError: x' },
  });
  expect(explained.sentence).toMatch(/^Refused as a dead letter \(fold_failed\)/);
  expect(after.memory.state.inspect('s0')).toEqual(before);
  expect(after.memory.journalSequence).toBe(sequence);
});

it('says of a sensor that comes back after SENSOR_TTL that it was forgotten, and begins anew', async () => {
  const plan = { ...quietHistory, sensorTtlMs: 15_000 };
  const result = await runHistory(plan);
  const { broker } = result;
  const shard = { topic: simulatedTopics.input, partition: 0 };
  const records = [...(broker.partitions.get('raw_readings/0') ?? [])];
  const lastMs = Math.max(...records.map((record) => record.timestampMs));
  const append = (id: string, timestampMs: number): void => {
    const value = JSON.stringify({ sensor_id: id, timestamp: timestampMs, value: 5 });
    const [key, bytes] = [Buffer.from(id), Buffer.from(value)];
    broker.append([{ ...shard, key, value: bytes, timestampMs }]);
  };
  append('another', lastMs + 600_000);
  const offset = broker.end(shard);
  append('s0', lastMs + 600_000);

  const context = replayContextOf(result, historySemantics(plan), plan.partitions);
  const reading = await findReading(context, shard, 's0', { from: offset });
  const known = await shardAt(context, shard, records.at(-1)?.offset ?? 0);
  const past = await shardAt(context, shard, offset);
  const explained = await explainReading(context, past, 's0', reading ?? unread);

  expect(known.memory.state.inspect('s0')?.baseline.n).toBeGreaterThan(0);
  expect(explained).toMatchObject({ sensor_before: null, forgotten_reading: 0 });
  expect(explained.sentence).toContain('since it was forgotten after SENSOR_TTL');
});

const unread = { offset: NaN, timestampMs: NaN, recordTimestampMs: NaN, value: NaN };
