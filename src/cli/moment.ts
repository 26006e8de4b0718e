// Offsets, times and partitions as options: what a person types, read strictly.
import { ConfigError } from '../errors.ts';
import type { TopicPartition } from '../log/event-log.ts';
import type { PastContext } from '../past/past-context.ts';

export interface Moment {
  readonly kind: 'offset' | 'time';
  /** An offset, or ms since 1970. */
  readonly value: number;
}

/**
 * Returns the offset or time that `text` says: digits are an offset, with the suffix ms a time, anything else ISO 8601.
 * @throws ConfigError where it says neither.
 */
export function parseMoment(text: string, option: string): Moment {
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', value: Number(text) };
  return { kind: 'time', value: parseTime(text, `${option}: an offset is digits alone; else`) };
}

/** Returns the ms since 1970 that `text` says, ISO 8601 or <ms>ms. @throws ConfigError */
export function parseTime(text: string, option: string): number {
  const ms = /^(-?\d{1,15})ms$/.exec(text)?.[1];
  const value = ms === undefined ? isoMs(text) : Number(ms);
  if (Number.isSafeInteger(value)) return value;
  throw new ConfigError(
    `${option} expected a time as 2026-01-31T10:00:00Z, or 1700000000000ms, got ${JSON.stringify(text)}`,
  );
}

/** A text without a zone would mean another time on another machine. */
function isoMs(text: string): number {
  const date = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d))?$/.test(text);
  return date ? Date.parse(text) : NaN;
}

/** Returns the shard that `text` names: a partition of the input, or TOPIC/PARTITION. @throws ConfigError */
export function parsePartition(
  text: string,
  { topics, sourcePartitions, rekeyedPartitions }: PastContext,
): TopicPartition {
  const [, topic = topics.input, digits] = /^(?:(.+)\/)?(\d{1,9})$/.exec(text) ?? [];
  const partition = Number(digits ?? NaN);
  const counts = new Map([
    [topics.input, sourcePartitions],
    [topics.rekeyed, rekeyedPartitions],
  ]);
  const count = counts.get(topic);
  if (count !== undefined && partition < count) return { topic, partition };
  const known = [...counts].map(([name, partitions]) => `${name}/0 to ${partitions - 1}`);
  throw new ConfigError(`--partition: expected one of ${known.join(', ')}, got ${text}`);
}
