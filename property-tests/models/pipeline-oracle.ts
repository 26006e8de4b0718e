// Computes what the whole pipeline must have written, from what lies in its input, rekeyed and
// journal topics: every feature row, anomaly, dead letter and forward, each exactly once.
// Sequential, shares no code with src; used over the simulated log and over a real broker.
import type { AlarmMark, ExpectedAlarm } from './alarm-oracle.ts';
import type { AwaitedSilence, ExpectedEvent } from './presence-oracle.ts';
import type { ExpectedAnomaly } from './anomaly-oracle.ts';
import { expectedOverGaps, isUnread, type OracleGap } from './gap-oracle.ts';
import {
  eventTimeOf,
  expectedRows,
  type ExpectedRow,
  type OracleMark,
  type OracleReading,
  type OracleSettings,
} from './oracle.ts';

export interface LoggedRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: ReadonlyMap<string, string>;
}

export interface PipelineLogs {
  /** By partition. */
  readonly source: ReadonlyMap<number, readonly LoggedRecord[]>;
  readonly rekeyed: ReadonlyMap<number, readonly LoggedRecord[]>;
  readonly journal: readonly LoggedRecord[];
}

export interface PipelineSettings extends OracleSettings {
  readonly groupId: string;
  readonly inputTopic: string;
  readonly inputKeying: 'auto' | 'rekey';
}

export interface ExpectedOutputs {
  /** `<topic>/<partition>/<first>-<last>|<row as JSON>`, sorted. */
  readonly rows: readonly (ExpectedRow & { readonly topic: string })[];
  /** The same of larger windows, of every length. */
  readonly larger: readonly (ExpectedRow & { readonly topic: string })[];
  /** Windows of every length. */
  readonly open: number;
  readonly anomalies: readonly (ExpectedAnomaly & { readonly topic: string })[];
  /** Changes of presence and of alarms, as `eventText` and `alarmText` write them, sorted. */
  readonly events: readonly string[];
  /** Sensors that would still be told offline. */
  readonly awaited: readonly AwaitedSilence[];
  /** `<topic>/<partition>/<offset> <reason>`, sorted. */
  readonly deadLetters: readonly string[];
  /** `<source partition>/<offset> <sensor id>`, sorted. */
  readonly forwards: readonly string[];
  /** Forwards that tell of a time which no source has reached: none. */
  readonly clocksAhead: readonly string[];
}

interface Decoded {
  readonly sensorId: string;
  readonly timestampMs: number;
  readonly value: number;
}

/** Returns all that must have been written from `logs`. */
export function expectedOutputs(logs: PipelineLogs, settings: PipelineSettings): ExpectedOutputs {
  const sources = [...logs.source].map(([partition, records]) =>
    ofSource(partition, records, logs, settings),
  );
  const rekeyed = [...logs.rekeyed].map(([partition, records]) =>
    ofRekeyed(partition, records, logs, settings),
  );
  const all = [...sources, ...rekeyed];
  return {
    rows: all.flatMap(({ rows }) => rows),
    larger: all.flatMap(({ larger }) => larger),
    open: all.reduce((sum, { open }) => sum + open, 0),
    anomalies: all.flatMap(({ anomalies }) => anomalies),
    events: all.flatMap(({ events }) => events).sort(),
    awaited: all.flatMap(({ awaited }) => awaited),
    deadLetters: all.flatMap(({ deadLetters }) => deadLetters).sort(),
    forwards: sources.flatMap(({ forwards }) => forwards).sort(),
    clocksAhead: clocksAhead(logs.rekeyed, Math.max(...sources.map(({ maxMs }) => maxMs))),
  };
}

function clocksAhead(rekeyed: PipelineLogs['rekeyed'], newestMs: number): string[] {
  return [...rekeyed].flatMap(([partition, records]) =>
    records.flatMap(({ offset, headers }) => {
      const time = Number((headers.get('rekey.source') ?? '').split('/')[2]);
      return time > newestMs ? [`rekeyed/${partition}/${offset}: ${time} past ${newestMs}`] : [];
    }),
  );
}

/** Returns everything that an event says, and where in the input its reading was. */
export function eventText(
  topic: string,
  partition: number | string,
  { kind, sensor_id, timestamp, since, silent_after, readings, value, offset }: ExpectedEvent,
): string {
  const what = [kind, sensor_id, timestamp, since, silent_after, readings, value];
  return `${topic}/${partition}/${offset ?? ''} ${JSON.stringify(what)}`;
}

/** Returns the same of a change of an alarm; its score to nine digits. */
export function alarmText(
  topic: string,
  partition: number | string,
  { offset, score, ...alarm }: ExpectedAlarm,
): string {
  const { alarm_id, cause, channel, opened_at, acknowledged, muted_until } = alarm;
  const scored = score === null ? null : Number(score.toPrecision(9));
  const what = [alarm.kind, alarm.sensor_id, alarm.timestamp, alarm_id, cause, channel];
  const state = [opened_at, scored, acknowledged, muted_until];
  return `${topic}/${partition}/${offset ?? ''} ${JSON.stringify([...what, ...state])}`;
}

/** Returns whether a record of the anomaly topic is an event, not a flagged reading. */
export function isEvent({ value }: LoggedRecord): boolean {
  return value?.includes('"kind":') === true;
}

/** Returns the events among the records of the anomaly topic, as ExpectedOutputs has them. */
export function writtenEvents(records: readonly LoggedRecord[]): string[] {
  return records
    .filter(isEvent)
    .map(({ headers, key, value }) => {
      const event = JSON.parse(value ?? '') as ExpectedEvent | ExpectedAlarm;
      const [topic = '', partition = '', offset] = ['topic', 'partition', 'offset'].map((name) =>
        headers.get(`lineage.${name}`),
      );
      const read = offset === undefined ? null : Number(offset);
      const text =
        'alarm_id' in event
          ? alarmText(topic, partition, { ...event, offset: read })
          : eventText(topic, partition, { ...event, offset: read });
      return key === event.sensor_id ? text : `${text} under the key ${key ?? 'none'}`;
    })
    .sort();
}

interface OfShard {
  readonly rows: (ExpectedRow & { topic: string })[];
  readonly larger: (ExpectedRow & { topic: string })[];
  readonly open: number;
  readonly anomalies: (ExpectedAnomaly & { topic: string })[];
  readonly events: readonly string[];
  readonly awaited: readonly AwaitedSilence[];
  readonly deadLetters: string[];
}

const isLarger = (row: ExpectedRow): boolean => row.length_index > 0;
const isBase = (row: ExpectedRow): boolean => row.length_index === 0;

function ofSource(
  partition: number,
  records: readonly LoggedRecord[],
  logs: PipelineLogs,
  settings: PipelineSettings,
): OfShard & { forwards: string[]; maxMs: number } {
  const topic = settings.inputTopic;
  const shardKey = `${settings.groupId}/${topic}/${partition}`;
  const gaps = acceptedGaps(logs.journal, shardKey);
  const readings: OracleReading[] = [];
  const deadLetters: string[] = [];
  const forwards: string[] = [];
  let maxMs = -Infinity;
  for (const record of records) {
    const { offset } = record;
    const decoded = decode(record.value);
    if (isUnread(offset, gaps)) continue;
    if (decoded === undefined) {
      deadLetters.push(`${topic}/${partition}/${offset} json_syntax`);
      continue;
    }
    const ahead = decoded.timestampMs > record.timestampMs + settings.maxAheadMs;
    const keyed = settings.inputKeying === 'auto' && record.key === decoded.sensorId;
    if (keyed) readings.push({ offset, recordTimestampMs: record.timestampMs, ...decoded });
    else if (ahead) deadLetters.push(`${topic}/${partition}/${offset} timestamp_ahead`);
    if (ahead) continue;
    const times = { ...decoded, recordTimestampMs: record.timestampMs };
    maxMs = Math.max(maxMs, eventTimeOf(times, settings));
    if (!keyed) forwards.push(`${partition}/${offset} ${decoded.sensorId}`);
  }
  const marks = journalMarks(logs.journal, shardKey);
  const shard = expectedOverGaps({ partition, readings, marks }, gaps, settings);
  const refused = shard.refused.map(
    ({ offset, code }) => `${topic}/${partition}/${offset} ${code}`,
  );
  return {
    rows: shard.closed.filter(isBase).map((row) => ({ ...row, topic })),
    larger: shard.closed.filter(isLarger).map((row) => ({ ...row, topic })),
    open: shard.unclosed.length,
    anomalies: shard.anomalies.map((anomaly) => ({ ...anomaly, topic })),
    events: [
      ...shard.events.map((event) => eventText(topic, partition, event)),
      ...shard.alarms.map((alarm) => alarmText(topic, partition, alarm)),
    ],
    awaited: shard.awaited,
    deadLetters: [...deadLetters, ...refused],
    forwards,
    maxMs,
  };
}

function ofRekeyed(
  partition: number,
  records: readonly LoggedRecord[],
  logs: PipelineLogs,
  settings: PipelineSettings,
): OfShard {
  const topic = `${settings.inputTopic}.rekeyed`;
  const readings: OracleReading[] = [];
  const origins = new Map<number, string>();
  const marks: OracleMark[] = [];
  const clocks = new Map<number, string>();
  for (const record of records) {
    const { offset, headers } = record;
    const decoded = record.value === null ? undefined : decode(record.value);
    if (decoded !== undefined) {
      readings.push({ offset, recordTimestampMs: record.timestampMs, ...decoded });
      const origin = ['topic', 'partition', 'offset'].map((name) => headers.get(`rekey.${name}`));
      origins.set(offset, origin.join('/'));
    }
    const [source, count, time] = (headers.get('rekey.source') ?? '').split('/');
    clocks.set(Number(source), time ?? '');
    const speaking = [...clocks.values()].filter((clock) => clock !== 'idle');
    if (clocks.size === Number(count) && speaking.length > 0) {
      const least = Math.min(...speaking.map(Number));
      marks.push({ offset: offset + 1, toMs: least - settings.watermarkDelayMs });
    }
  }
  const journaled = journalMarks(logs.journal, `${settings.groupId}/${topic}/${partition}`);
  // At one offset the record's own clock, pushed at offset + 1, came before what was journaled
  // there.
  const all = [...marks, ...journaled].sort((a, b) => a.offset - b.offset);
  const external = { ...settings, watermark: 'external' as const };
  const shard = expectedRows([{ partition, readings, marks: all }], external);
  return {
    rows: shard.rows.map((row) => ({ ...row, topic })),
    larger: shard.closed.filter(isLarger).map((row) => ({ ...row, topic })),
    open: shard.unclosed.length,
    anomalies: shard.anomalies.map((anomaly) => ({ ...anomaly, topic })),
    events: [
      ...shard.events.map((event) => eventText(topic, partition, event)),
      ...shard.alarms.map((alarm) => alarmText(topic, partition, alarm)),
    ],
    awaited: shard.awaited,
    deadLetters: shard.refused.map(({ offset, code }) => `${origins.get(offset) ?? ''} ${code}`),
  };
}

function journalMarks(journal: readonly LoggedRecord[], shardKey: string): OracleMark[] {
  return entriesOf(journal, shardKey).flatMap((entry) => {
    const { offset, kind } = entry;
    if (kind === 'gap') return [];
    if (kind === 'idle') return { offset, toMs: entry.watermark_ms };
    if (kind === 'acknowledge' || kind === 'mute' || kind === 'tune') {
      return { offset, ...alarmMark(entry) };
    }
    return { offset, command: kind, sensorId: entry.sensor_id };
  });
}

function alarmMark(entry: JournaledAlarms): AlarmMark {
  const about = { sensorId: entry.sensor_id, decidedMs: entry.decided_ms };
  if (entry.kind === 'acknowledge') return { ...about, command: entry.kind };
  if (entry.kind === 'mute') return { ...about, command: entry.kind, untilMs: entry.until_ms };
  const { sensitivity, direction } = entry;
  const told = { sensitivity: sensitivity ?? undefined, direction: direction ?? undefined };
  return { ...about, command: entry.kind, ...told };
}

function acceptedGaps(journal: readonly LoggedRecord[], shardKey: string): OracleGap[] {
  return entriesOf(journal, shardKey).flatMap((entry) => {
    if (entry.kind !== 'gap') return [];
    const { offset, from_offset: from, to_offset: to, watermark_ms: watermarkMs } = entry;
    return { offset, from, to, watermarkMs: watermarkMs ?? -Infinity };
  });
}

function entriesOf(journal: readonly LoggedRecord[], shardKey: string): JournaledEntry[] {
  return journal
    .filter(({ key }) => key === shardKey)
    .map(({ value }) => JSON.parse(value ?? '') as JournaledEntry);
}

type JournaledAlarms = { readonly sensor_id: string; readonly decided_ms: number } & (
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'mute'; readonly until_ms: number }
  | {
      readonly kind: 'tune';
      readonly sensitivity: number | null;
      readonly direction: 'both' | 'high' | 'low' | null;
    }
);

type JournaledEntry = { readonly offset: number } & (
  | { readonly kind: 'idle'; readonly watermark_ms: number }
  | { readonly kind: 'quarantine' | 'release' | 'reset'; readonly sensor_id: string }
  | JournaledAlarms
  | {
      readonly kind: 'gap';
      readonly from_offset: number;
      readonly to_offset: number;
      readonly watermark_ms: number | null;
    }
);

/** Shape of a test's own readings; anything else is bad. */
function decode(text: string | null): Decoded | undefined {
  try {
    const value = JSON.parse(text ?? '') as Record<string, unknown>;
    const { sensor_id: sensorId, timestamp: timestampMs, value: number } = value;
    if (typeof sensorId !== 'string' || typeof timestampMs !== 'number') return undefined;
    return typeof number === 'number' ? { sensorId, timestampMs, value: number } : undefined;
  } catch {
    return undefined;
  }
}

export interface ActualRow {
  readonly sensor_id: string;
  readonly window_start: number;
  readonly window_end: number;
  readonly features: Readonly<Record<string, number>>;
  readonly lineage: {
    readonly topic: string;
    readonly partition: number;
    readonly first_offset: number;
    readonly last_offset: number;
  };
}

/**
 * Returns every way in which the rows written differ from the rows expected: missing, twice, wrong,
 * or out of window order within a sensor. Empty = equal. Floats may differ by `tolerance`, relative
 * to the larger of 1 and themselves.
 */
export function rowDifferences(
  expected: ExpectedOutputs['rows'],
  actual: readonly ActualRow[],
  tolerance: number,
): string[] {
  const keyOf = (row: { sensor_id: string; window_start: number }, topic: string): string =>
    `${topic} ${row.sensor_id} ${row.window_start}`;
  const differences: string[] = [];
  const wanted = new Map(expected.map((row) => [keyOf(row, row.topic), row]));
  const seen = new Set<string>();
  const lastStart = new Map<string, number>();
  for (const row of actual) {
    const key = keyOf(row, row.lineage.topic);
    if (seen.has(key)) differences.push(`twice: ${key}`);
    seen.add(key);
    const owner = `${row.lineage.topic} ${row.sensor_id}`;
    if ((lastStart.get(owner) ?? -Infinity) >= row.window_start) differences.push(`order: ${key}`);
    lastStart.set(owner, row.window_start);
    const want = wanted.get(key);
    if (want === undefined) differences.push(`unexpected: ${key}`);
    else differences.push(...rowDifference(key, want, row, tolerance));
  }
  for (const key of wanted.keys()) if (!seen.has(key)) differences.push(`missing: ${key}`);
  return differences;
}

function rowDifference(
  key: string,
  want: ExpectedRow,
  row: ActualRow,
  tolerance: number,
): string[] {
  const differences: string[] = [];
  const { first_offset, last_offset, partition } = row.lineage;
  if (row.window_end !== want.window_end) differences.push(`window_end of ${key}`);
  if (partition !== want.partition) differences.push(`partition of ${key}`);
  if (first_offset !== want.first_offset || last_offset !== want.last_offset) {
    differences.push(`lineage of ${key}: ${first_offset}..${last_offset}`);
  }
  for (const [name, value] of Object.entries(want.features)) {
    const got = row.features[name] ?? NaN;
    const close = Math.abs(got - value) <= tolerance * Math.max(1, Math.abs(value));
    if (!close) differences.push(`${name} of ${key}: expected ${value}, got ${got}`);
  }
  return differences;
}
