// Topics of one integration test on the real broker: fresh names, their content read back, and the model over it.
import type { Admin } from 'kafkajs';
import { expect } from 'vitest';

import { featureTopics, topicNames, topicSpecs, type TopicNames } from '../../src/log/topics.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import type { LargerWindow } from '../../src/sensors/larger-window.ts';
import { anomalyDifferences } from '../../property-tests/models/anomaly-differences.ts';
import {
  expectedOutputs,
  isEvent,
  rowDifferences,
  writtenEvents,
  type ActualRow,
  type ExpectedOutputs,
  type LoggedRecord,
  type PipelineSettings,
} from '../../property-tests/models/pipeline-oracle.ts';
import { eventually } from './program.ts';

export interface TestTopics extends TopicNames {
  readonly groupId: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Creates fresh topics and returns their names with the settings a program needs to use them. */
export async function createTestTopics(
  log: EventLog,
  brokers: string,
  partitions: number,
): Promise<TestTopics> {
  const unique = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
  const inputTopic = `readings-${unique}`;
  const outputTopic = `features-${unique}`;
  const anomalyTopic = `${outputTopic}.anomalies`;
  const names = topicNames({ inputTopic, outputTopic, anomalyTopic });
  const process = {
    ...{ inputTopic, outputTopic, anomalyTopic },
    ...({
      anomalyEvents: 'all',
      snapshotStore: 'kafka',
      mqttPayload: 'json',
      outputRetentionMs: 86_400_000,
    } as const),
  };
  // The program creates those of larger windows itself.
  const features = featureTopics({ process, semantics: { windows: [] } });
  const specs = topicSpecs(process, { partitions }, features);
  await log.ensureTopics(specs);
  const groupId = `group-${unique}`;
  const env = {
    KAFKA_BROKERS: brokers,
    INPUT_TOPIC: inputTopic,
    OUTPUT_TOPIC: outputTopic,
    GROUP_ID: groupId,
  };
  return { ...names, groupId, env };
}

/**
 * Returns the committed records of a partition. By default no transaction that a kill left open is
 * waited for, since whoever compares looks again.
 */
export async function readRecords(
  log: EventLog,
  partition: TopicPartition,
  { settledOnly = true }: { readonly settledOnly?: boolean } = {},
): Promise<readonly LoggedRecord[]> {
  const text = (bytes: Uint8Array, start: number, end: number): string | null =>
    start < 0 ? null : Buffer.from(bytes.subarray(start, end)).toString();
  const found: LoggedRecord[] = [];
  const { earliest } = await log.offsets(partition);
  for await (const batch of log.read({ ...partition, from: earliest, settledOnly })) {
    const r = batch.records();
    while (r.next()) {
      if (r.offset < earliest) continue;
      found.push({
        offset: r.offset,
        timestampMs: r.timestampMs,
        key: text(r.bytes, r.keyStart, r.keyEnd),
        value: text(r.bytes, r.valueStart, r.valueEnd),
        headers: new Map(
          r.headers().map(({ key, value }) => [key, Buffer.from(value ?? []).toString()]),
        ),
      });
    }
  }
  return found;
}

/** The same topics with another input, whose dead-letter and rekeyed topics the program makes itself. */
export function nextTo(topics: TestTopics, input: string): TestTopics {
  const names = topicNames({
    inputTopic: input,
    outputTopic: topics.output,
    anomalyTopic: topics.anomalies,
  });
  return { ...topics, ...names, env: { ...topics.env, INPUT_TOPIC: input } };
}

/** Deletes the records below an offset of one partition of the topic, as retention does. */
export async function deleteRecords(
  brokers: string,
  topic: string,
  below: number,
  partition: number = 0,
): Promise<void> {
  await administer(brokers, async (admin) => {
    await admin.fetchTopicOffsets(topic); // kafkajs: its metadata first
    const partitions = [{ partition, offset: String(below) }];
    await admin.deleteTopicRecords({ topic, partitions });
  });
}

/** Deletes the topic; resolves once another one of its name is there, and empty. */
export async function makeAgain(
  log: EventLog,
  brokers: string,
  { topic, partitions }: { readonly topic: string; readonly partitions: number },
): Promise<void> {
  const before = (await log.topicIds([topic])).get(topic);
  await administer(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  await eventually(
    async () => {
      await log.ensureTopics([{ topic, partitions }]);
      expect((await log.topicIds([topic])).get(topic)).not.toBe(before);
      expect((await log.offsets({ topic, partition: 0 })).end).toBe(0);
    },
    { timeoutMs: 60_000 },
  );
}

/** Does what only an operator does to a broker. */
export async function administer(
  brokers: string,
  work: (admin: Admin) => Promise<unknown>,
): Promise<void> {
  // Not before the log has loaded it: the fetch seam must come first.
  const { Kafka, logLevel } = await import('kafkajs');
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Returns the records of all partitions of a topic. */
export async function readTopic(
  log: EventLog,
  topic: string,
  options: { readonly settledOnly?: boolean } = {},
): Promise<ReadonlyMap<number, readonly LoggedRecord[]>> {
  const description = await log.describeTopic(topic);
  const found = new Map<number, readonly LoggedRecord[]>();
  for (let partition = 0; partition < (description?.partitions ?? 0); partition += 1) {
    found.set(partition, await readRecords(log, { topic, partition }, options));
  }
  return found;
}

export interface Outcome {
  readonly expected: ExpectedOutputs;
  readonly rows: readonly ActualRow[];
  /** By length, in the order of the settings' windows. */
  readonly larger: readonly (readonly ActualRow[])[];
  readonly anomalies: readonly LoggedRecord[];
  /** `<topic>/<partition>/<offset> <reason>`, sorted. */
  readonly deadLetters: readonly string[];
  readonly forwards: readonly string[];
}

/** The model's settings, with larger windows by name. */
export interface TestSettings extends Omit<PipelineSettings, 'groupId' | 'inputTopic'> {
  readonly windows?: readonly LargerWindow[];
}

/**
 * Returns what the topics hold and what a sequential model says they must hold; `trimmed` are records of the input that were
 * deleted from it, by partition, in their order.
 */
export async function readOutcome(
  log: EventLog,
  topics: TestTopics,
  settings: TestSettings,
  trimmed: ReadonlyMap<number, readonly LoggedRecord[]> = new Map(),
): Promise<Outcome> {
  const [source, rekeyed, journal, output, anomalies, letters] = [
    withTrimmed(await readTopic(log, topics.input), trimmed),
    await readTopic(log, topics.rekeyed),
    await readTopic(log, topics.journal),
    await readTopic(log, topics.output),
    await readTopic(log, topics.anomalies),
    await readTopic(log, topics.deadLetters),
  ];
  const expected = expectedOutputs(
    { source, rekeyed, journal: [...journal.values()].flat() },
    { ...settings, groupId: topics.groupId, inputTopic: topics.input },
  );
  const larger: ActualRow[][] = [];
  for (const { name } of settings.windows ?? []) {
    const rows = await readTopic(log, `${topics.output}_${name.replace('/', '_')}`);
    larger.push([...rows.values()].flat().map(({ value }) => JSON.parse(value ?? '') as ActualRow));
  }
  const header = ({ headers }: LoggedRecord, name: string): string => headers.get(name) ?? '';
  const place = (record: LoggedRecord, prefix: string): string =>
    ['topic', 'partition', 'offset'].map((name) => header(record, `${prefix}.${name}`)).join('/');
  return {
    expected,
    rows: [...output.values()].flat().map(({ value }) => JSON.parse(value ?? '') as ActualRow),
    larger,
    anomalies: [...anomalies.values()].flat(),
    deadLetters: [...letters.values()]
      .flat()
      .map((record) => `${place(record, 'dlq')} ${header(record, 'dlq.reason')}`)
      .sort(),
    forwards: [...rekeyed.values()]
      .flat()
      .filter(({ value }) => value !== null)
      .map((record) => {
        const at = `${header(record, 'rekey.partition')}/${header(record, 'rekey.offset')}`;
        return `${at} ${record.key ?? ''}`;
      })
      .sort(),
  };
}

function withTrimmed(
  left: ReadonlyMap<number, readonly LoggedRecord[]>,
  trimmed: ReadonlyMap<number, readonly LoggedRecord[]>,
): ReadonlyMap<number, readonly LoggedRecord[]> {
  return new Map(
    [...left].map(([partition, records]) => {
      const first = records[0]?.offset ?? Infinity;
      const before = (trimmed.get(partition) ?? []).filter(({ offset }) => offset < first);
      return [partition, [...before, ...records]];
    }),
  );
}

/** Returns all in which the outcome is not what the model says; empty when all is right and every window is closed. */
export function outcomeDifferences(outcome: Outcome): string[] {
  const { expected, rows, anomalies, deadLetters, forwards } = outcome;
  const differences = [...expected.clocksAhead, ...rowDifferences(expected.rows, rows, 1e-9)];
  outcome.larger.forEach((ofLength, index) => {
    const wanted = expected.larger.filter((row) => row.length_index === index + 1);
    differences.push(...rowDifferences(wanted, ofLength, 1e-9));
  });
  if (expected.open > 0) differences.push(`${expected.open} windows still open`);
  const flagged = anomalies.filter((record) => !isEvent(record));
  differences.push(...anomalyDifferences(expected.anomalies, flagged, 1e-9));
  differences.push(...listDifferences('event', expected.events, writtenEvents(anomalies)));
  differences.push(...listDifferences('dead letter', expected.deadLetters, deadLetters));
  differences.push(...listDifferences('forward', expected.forwards, forwards));
  return differences;
}

function listDifferences(
  what: string,
  expected: readonly string[],
  actual: readonly string[],
): string[] {
  const counts = new Map<string, number>();
  for (const item of expected) counts.set(item, (counts.get(item) ?? 0) + 1);
  for (const item of actual) counts.set(item, (counts.get(item) ?? 0) - 1);
  return [...counts].flatMap(([item, count]) => {
    if (count === 0) return [];
    return [count > 0 ? `missing ${what}: ${item}` : `unexpected or doubled ${what}: ${item}`];
  });
}
