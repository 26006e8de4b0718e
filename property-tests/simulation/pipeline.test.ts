// The whole worker over simulated log, clock and disk: whatever is killed, drained, lost or fenced, and whenever, what
// is committed equals what a sequential model computes from the input, each row once and in order.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  expectedOutputs,
  rowDifferences,
  type ActualRow,
  type LoggedRecord,
} from '../models/pipeline-oracle.ts';
import { runs, seed, titled } from '../seed.ts';
import { historySemantics, runHistory, type HistoryPlan, type HistoryResult } from './history.ts';
import { simulatedTopics } from './simulated-process.ts';

const plans: fc.Arbitrary<HistoryPlan> = fc.record({
  seed: fc.nat(0x7fffffff),
  partitions: fc.integer({ min: 1, max: 3 }),
  sensors: fc.integer({ min: 1, max: 6 }),
  readings: fc.integer({ min: 0, max: 400 }),
  unkeyed: fc.constantFrom(0, 0, 0.3, 1),
  bad: fc.constantFrom(0, 0.05),
  late: fc.constantFrom(0, 0.1),
  callFaults: fc.constantFrom(0, 0, 0.01, 0.05),
  processes: fc.integer({ min: 1, max: 3 }),
  events: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      process: fc.nat(3),
      kind: fc.constantFrom('kill' as const, 'kill' as const, 'drain' as const, 'join' as const),
    }),
    { maxLength: 6 },
  ),
  inputKeying: fc.constantFrom('auto' as const, 'auto' as const, 'rekey' as const),
  baseline: fc.constantFrom('cumulative' as const, 'adaptive' as const),
});

describe('the pipeline under faults', () => {
  it(
    titled('commits what the sequential model computes, each row once and in window order'),
    async () => {
      await fc.assert(
        fc.asyncProperty(plans, async (plan) => {
          const result = await runHistory(plan);

          checkHistory(plan, result);
        }),
        { ...runs(60), seed },
      );
    },
    110_000,
  );
});

function checkHistory(plan: HistoryPlan, { broker, failures }: HistoryResult): void {
  const partitions = Array.from({ length: plan.partitions }, (_, partition) => partition);
  const logOf = (topic: string): Map<number, readonly LoggedRecord[]> =>
    new Map(partitions.map((partition) => [partition, logged(broker, topic, partition)]));
  const expected = expectedOutputs(
    {
      source: logOf(simulatedTopics.input),
      rekeyed: logOf(simulatedTopics.rekeyed),
      journal: logged(broker, simulatedTopics.journal, 0),
    },
    { ...historySemantics(plan), groupId: 'group', inputTopic: simulatedTopics.input },
  );
  const rows = partitions
    .flatMap((partition) => logged(broker, simulatedTopics.output, partition))
    .map(({ value }) => JSON.parse(value ?? '') as ActualRow);

  expect(failures).toEqual([]);
  expect(rowDifferences(expected.rows, rows, 1e-9)).toEqual([]);
  expect(expected.open).toBe(0);
  expect(deadLetters(logged(broker, simulatedTopics.deadLetters, 0))).toEqual(expected.deadLetters);
  expect(forwards([...logOf(simulatedTopics.rekeyed).values()].flat())).toEqual(expected.forwards);
}

function logged(
  broker: HistoryResult['broker'],
  topic: string,
  partition: number,
): readonly LoggedRecord[] {
  const text = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString();
  return (broker.partitions.get(`${topic}/${partition}`) ?? []).map((record, offset) => ({
    offset,
    timestampMs: record.timestampMs,
    key: text(record.key),
    value: text(record.value),
    headers: new Map(record.headers.map(({ key, value }) => [key, text(value) ?? ''])),
  }));
}

function deadLetters(records: readonly LoggedRecord[]): string[] {
  return records
    .map(({ headers }) => {
      const [topic, partition, offset, reason] = ['topic', 'partition', 'offset', 'reason'].map(
        (name) => headers.get(`dlq.${name}`) ?? '',
      );
      return `${topic}/${partition}/${offset} ${reason}`;
    })
    .sort();
}

function forwards(records: readonly LoggedRecord[]): string[] {
  return records
    .filter(({ value }) => value !== null)
    .map(({ headers, key }) => {
      const [partition, offset, clock] = ['partition', 'offset', 'source'].map(
        (name) => headers.get(`rekey.${name}`) ?? '',
      );
      return `${partition}/${offset} ${key ?? ''} ${clock}`;
    })
    .sort();
}
