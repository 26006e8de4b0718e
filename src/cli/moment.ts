// Strict parsing of offsets, times and partitions in options.
import { isoMs } from '../codecs/iso-time.ts';
import { ConfigError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import type { PastContext } from '../past/past-context.ts';

export interface Moment {
  readonly kind: 'offset' | 'time';
  /** An offset, or ms since 1970. */
  readonly value: number;
}

/**
 * Returns the moment in `text`: digits are an offset, digits with the suffix ms or ISO 8601 a time.
 * @throws ConfigError for any other text.
 */
export function parseMoment(text: string, option: string): Moment {
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', value: Number(text) };
  return { kind: 'time', value: parseTime(text, option, 'an offset (digits only) or ') };
}

/**
 * Returns ms since 1970 from ISO 8601 or <ms>ms. `alternative` names what else `option` accepts.
 * @throws ConfigError
 */
export function parseTime(text: string, option: string, alternative = ''): number {
  const ms = /^(-?\d{1,15})ms$/.exec(text)?.[1];
  const value = ms === undefined ? isoMs(text) : Number(ms);
  if (Number.isSafeInteger(value)) return value;
  throw new ConfigError(
    `${option} expected ${alternative}a time such as 2026-01-31T10:00:00Z or 1700000000000ms, ` +
      `got ${JSON.stringify(text)}`,
  );
}

/** Returns the bounds in ms; infinite where absent. @throws ConfigError where they hold nothing */
export function parseRange({ from, to }: { readonly from?: string; readonly to?: string }): {
  readonly fromMs: number;
  readonly toMs: number;
} {
  const fromMs = from === undefined ? -Infinity : parseTime(from, '--from');
  const toMs = to === undefined ? Infinity : parseTime(to, '--to');
  if (fromMs < toMs) return { fromMs, toMs };
  throw new ConfigError(`--from must be before --to, got ${from ?? ''} and ${to ?? ''}`);
}

/** Returns the shard for a partition of the input or TOPIC/PARTITION. @throws ConfigError */
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
