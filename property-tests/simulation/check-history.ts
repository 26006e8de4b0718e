// Laws at the end of a history, compared with a sequential model of the whole pipeline over its
// input.
import { expect } from 'vitest';

import { anomalyDifferences } from '../models/anomaly-differences.ts';
import {
  expectedOutputs,
  isEvent,
  rowDifferences,
  type ActualRow,
  writtenEvents,
  type LoggedRecord,
} from '../models/pipeline-oracle.ts';
import type { PositionMetadata } from '../../src/actors/position-metadata.ts';
import { storeDifferences } from './check-store.ts';
import { decisionViolations } from './decision-violations.ts';
import { stateDifferences } from './fault-free-state.ts';
import { historySemantics, reachedMs, type HistoryPlan, type HistoryResult } from './history.ts';
import { simulatedFeatureTopics, simulatedTopics } from './simulated-process.ts';
import { sourceLaws } from './source-laws.ts';

/** Expects all laws of the simulation to hold of what the history left behind. */
export function checkHistory(plan: HistoryPlan, result: HistoryResult): void {
  const { broker, bugs, disk, store, unready, violations } = result;
  const semantics = historySemantics(plan);
  const partitionsOf = (topic: string): readonly number[] => [
    ...Array(broker.countOf(topic)).keys(),
  ];
  const logOf = (topic: string): Map<number, readonly LoggedRecord[]> =>
    new Map(partitionsOf(topic).map((each) => [each, logged(broker, topic, each)]));
  const expected = expectedOutputs(
    {
      source: logOf(simulatedTopics.input),
      rekeyed: logOf(simulatedTopics.rekeyed),
      journal: [...logOf(simulatedTopics.journal).values()].flat(),
    },
    { ...semantics, groupId: 'group', inputTopic: simulatedTopics.input },
  );
  const rowsOf = (topic: string): ActualRow[] =>
    [...logOf(topic).values()].flat().map(({ value }) => JSON.parse(value ?? '') as ActualRow);
  const featureTopics = simulatedFeatureTopics(semantics);
  const [baseTopic = '', ...largerTopics] = featureTopics.map(({ topic }) => topic);
  const left = { broker, disk, semantics };
  const states = [simulatedTopics.input, simulatedTopics.rekeyed].flatMap((topic) =>
    partitionsOf(topic).flatMap((partition) => stateDifferences(left, { topic, partition })),
  );

  expect(bugs).toEqual([]);
  expect(decisionViolations(result)).toEqual([]);
  expect(violations).toEqual([]);
  expect(unknownSnapshots(plan, result)).toEqual([]);
  expect(unready).toEqual([]);
  expect(rowDifferences(expected.rows, rowsOf(baseTopic), 1e-9)).toEqual([]);
  largerTopics.forEach((topic, index) => {
    const ofLength = expected.larger.filter((row) => row.length_index === index + 1);
    expect(rowDifferences(ofLength, rowsOf(topic), 1e-9)).toEqual([]);
  });
  expect(expected.open).toBe(0);
  expect(expected.clocksAhead).toEqual([]);
  expect(sourceLaws(plan, result)).toEqual([]);
  const flagged = [...logOf(simulatedTopics.anomalies).values()].flat();
  const anomalies = flagged.filter((record) => !isEvent(record));
  expect(anomalyDifferences(expected.anomalies, anomalies, 1e-9)).toEqual([]);
  expect(writtenEvents(flagged)).toEqual(expected.events);
  expect(expected.awaited.filter(({ dueMs }) => dueMs < reachedMs)).toEqual([]);
  expect(deadLetters(logged(broker, simulatedTopics.deadLetters, 0))).toEqual(expected.deadLetters);
  expect(forwards([...logOf(simulatedTopics.rekeyed).values()].flat())).toEqual(expected.forwards);
  expect(states).toEqual([]);
  expect(storeDifferences(broker, store.rows, featureTopics)).toEqual([]);
}

/**
 * Returns the snapshots that nobody will ever remove: no committed metadata lists them. A zombie
 * may write one after the next owner has removed it, which only a disk that lists its snapshots
 * shows.
 */
function unknownSnapshots(
  { callFaults, diskLists, events }: HistoryPlan,
  { broker, disk }: HistoryResult,
): readonly string[] {
  const zombies = callFaults > 0 || events.some(({ kind }) => !endsAtOnce.has(kind));
  if (zombies && !diskLists) return [];
  const known = new Set(
    [...broker.commits].flatMap(([key, { metadata }]) => {
      if (!key.startsWith('group|')) return [];
      const { snapshots, unnamed = [] } = JSON.parse(metadata) as PositionMetadata;
      return [...snapshots, ...unnamed].map(({ id }) => `${key.replace('|', '/')}/${id}`);
    }),
  );
  return [...disk.stored.keys()].filter((key) => !known.has(key));
}

const endsAtOnce: ReadonlySet<string> = new Set(['kill', 'drain', 'join']);

function logged(
  broker: HistoryResult['broker'],
  topic: string,
  partition: number,
): readonly LoggedRecord[] {
  const text = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString();
  return (broker.partitions.get(`${topic}/${partition}`) ?? []).map((record) => ({
    offset: record.offset,
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
      const [partition, offset] = ['partition', 'offset'].map(
        (name) => headers.get(`rekey.${name}`) ?? '',
      );
      return `${partition}/${offset} ${key ?? ''}`;
    })
    .sort();
}
