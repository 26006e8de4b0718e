// A setting as data, and the kinds of settings. The schema parses the text; `expected` describes
// the allowed values, so that every error and table uses the same words.
import { z } from 'zod';

export interface Setting<T> {
  /** The value when the variable is unset or empty. */
  readonly unset: T;
  /** That value as shown in help and docs. */
  readonly unsetText: string;
  /** The allowed values, as a noun phrase: "a whole number from 1 to 256". */
  readonly expected: string;
  readonly meaning: string;
  /** Kept out of every error and log line. */
  readonly secret: boolean;
  readonly schema: z.ZodType<T, string>;
}

const topicSuffixCharacters = '.anomalies'.length;

/** Returns a setting that is undefined if unset; `unsetText` describes the effect of that. */
export function optional<T>(
  [schema, expected]: Kind<T>,
  meaning: string,
  unsetText = '(none)',
): Setting<T | undefined> {
  return { unset: undefined, unsetText, expected, meaning, secret: false, schema };
}

/** Returns a setting with a default value. */
export function required<T>(
  unset: NoInfer<T>,
  [schema, expected]: Kind<T>,
  meaning: string,
): Setting<T> {
  return { unset, unsetText: String(unset) || '(none)', expected, meaning, secret: false, schema };
}

/** Returns `setting` marked as secret. */
export function secret<T>(setting: Setting<T>): Setting<T> {
  return { ...setting, secret: true };
}

/** A schema and the noun phrase for its allowed values. */
export type Kind<T> = readonly [schema: z.ZodType<T, string>, expected: string];

/** Whole numbers in plain digits; refuses "1e3", "60 000", "0x10" and "+5". */
export function whole(range: { readonly min: number; readonly max: number }): Kind<number> {
  const schema = z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/)
    .transform(Number)
    .pipe(z.number().min(range.min).max(range.max));
  return [schema, `a whole number from ${range.min} to ${range.max}, in plain digits`];
}

/** Numbers in plain digits with at most one point. */
export function decimal(range: { readonly min: number; readonly max: number }): Kind<number> {
  const schema = z
    .string()
    .regex(/^\d{1,15}(\.\d{1,15})?$/)
    .transform(Number)
    .pipe(z.number().min(range.min).max(range.max));
  return [schema, `a number from ${range.min} to ${range.max}, in plain digits such as 2.5`];
}

/** One of `values`, ignoring case. */
export function oneOf<const T extends string>(values: readonly [T, ...T[]]): Kind<T> {
  const schema = z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(values));
  return [schema, values.length === 2 ? values.join(' or ') : values.join(', ')];
}

/** true or false. */
export function truth(): Kind<boolean> {
  const [schema, expected] = oneOf(['true', 'false']);
  return [schema.transform((text) => text === 'true'), expected];
}

/** Any text without NUL characters; `expected` describes it. */
export function text(expected: string): Kind<string> {
  // A PEM holds line ends; NUL would end a path early.
  return [z.string().refine((value) => !value.includes('\0')), expected];
}

/** A name as Feast takes it for projects and columns. */
export function identifierText(): Kind<string> {
  const schema = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,99}$/);
  return [schema, 'a letter, then at most 99 letters, digits and underscores'];
}

/** One token, or two while one replaces the other. */
export function tokens(): Kind<readonly string[]> {
  const schema = z
    .string()
    .transform(split)
    .pipe(
      z
        .array(z.string().regex(/^[\x21-\x7e]+$/))
        .min(1)
        .max(2),
    );
  return [schema, 'a token, or two separated by a comma: visible ASCII characters'];
}

/** Values by name, `name=value` separated by commas, as SASL extensions take them. */
export function namedValues(): Kind<Readonly<Record<string, string>>> {
  const schema = list((item) => /^[A-Za-z]{1,100}=[\x21-\x7e]+$/.test(item)).transform((items) =>
    Object.fromEntries(
      items.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]),
    ),
  );
  return [schema, 'name=value, several separated by commas'];
}

/** Names of hosts; `*.example.org` for all below it, `*` for any. */
export function hostPatterns(): Kind<readonly string[]> {
  const schema = list((item) => /^(\*|(\*\.)?[A-Za-z0-9._:-]{1,253})$/.test(item));
  return [schema, 'host names, *.name for all below it or * for any, separated by commas'];
}

/** Topic names that Kafka accepts, short enough for our suffixes. */
export function topicName(): Kind<string> {
  return name(249 - topicSuffixCharacters);
}

/**
 * Letters, digits, dot, underscore and hyphen: valid in Kafka, in paths and in keys with slashes.
 */
export function name(charactersMax: number): Kind<string> {
  const schema = z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/)
    .max(charactersMax)
    .refine((value) => value !== '.' && value !== '..');
  return [schema, `1 to ${charactersMax} of the characters A–Z a–z 0–9 . _ -`];
}

/** `host:port` items separated by commas. */
export function addresses(): Kind<readonly string[]> {
  return [list(isAddress), 'host:port, several separated by commas'];
}

/** A Redis URL, optionally with the number of a database. */
export function redisUrl(): Kind<string> {
  const schema = z.string().refine((value) => isRedisUrl(value, /^\/?\d{0,9}$/));
  return [schema, 'redis[s]://[user:password@]host[:port][/number]'];
}

/** Redis nodes: `host:port` or redis URLs, separated by commas. A Cluster has only database 0. */
export function redisNodes(): Kind<readonly string[]> {
  const schema = list((item) => isAddress(item) || isRedisUrl(item, /^\/?0?$/));
  return [schema, 'host:port or redis[s]://[user:password@]host:port, separated by commas'];
}

/** An absolute URL of one of `protocols` with a host. */
export function url(protocols: readonly string[], expected: string): Kind<string> {
  return [z.string().refine((value) => isUrl(value, protocols)), expected];
}

/** A host name or an IP address. */
export function hostName(): Kind<string> {
  return [z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/), 'a host name or an IP address'];
}

/** Some of `known`, separated by commas, each once; the value is in the order of `known`. */
export function someOf(known: readonly string[]): Kind<readonly string[]> {
  const schema = z
    .string()
    .transform(split)
    .pipe(z.array(z.string()).min(1))
    .refine((items) => items.every((item) => known.includes(item)))
    .refine((items) => new Set(items).size === items.length)
    .transform((items) => known.filter((item) => items.includes(item)));
  return [schema, `names among ${known.join(', ')}, separated by commas, each once`];
}

function list(isItem: (item: string) => boolean): z.ZodType<readonly string[], string> {
  return z
    .string()
    .transform(split)
    .pipe(z.array(z.string().refine(isItem)).min(1));
}

function split(value: string): string[] {
  return value.split(',').map((item) => item.trim());
}

function isAddress(item: string): boolean {
  const match = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(item);
  const port = Number(match?.[1]);
  return port >= 1 && port <= 65_535;
}

/** The client would take a query as its own options and a path as a database. */
function isRedisUrl(value: string, path: RegExp): boolean {
  if (!isUrl(value, ['redis:', 'rediss:'])) return false;
  const { pathname, search, hash } = new URL(value);
  return path.test(pathname) && search === '' && hash === '';
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  return parsed !== undefined && protocols.includes(parsed.protocol) && parsed.hostname !== '';
}
