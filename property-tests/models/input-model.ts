// Reads a record of a declared shape the plain way: JSON.parse and a look at each field.
// Shares no code with src.

/** A declaration as it is written, paths of plain names and indexes. */
export interface WrittenDeclaration {
  readonly id: string | readonly string[];
  readonly time: string;
  readonly time_unit?: 'ms' | 's' | 'us' | 'ns' | 'iso';
  readonly time_zone?: string;
  readonly value?: string;
  readonly metric?: string;
  readonly values?: string | readonly string[] | Readonly<Record<string, string>>;
  readonly value_types?: readonly string[];
}

export interface ModelRecord {
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly timestampMs: number;
}

export interface ModelReading {
  readonly device: string;
  readonly sensor: string;
  readonly timestampMs: number;
  readonly value: number;
}

export interface ModelOutcome {
  readonly readings: readonly ModelReading[];
  /** Fields that are no readings; `''` where it is the record. */
  readonly refused: readonly string[];
}

const whole: ModelOutcome = { readings: [], refused: [''] };

/** Returns the readings that `declaration` finds in `record`. */
export function expectedReadings(
  declaration: WrittenDeclaration,
  record: ModelRecord,
  maxAheadMs: number,
): ModelOutcome {
  const parsed = parse(record.value);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return whole;
  const device = deviceOf(declaration, parsed, record);
  const timestampMs = timeOf(declaration, parsed, record, maxAheadMs);
  if (device === undefined || timestampMs === undefined) return whole;
  const types = declaration.value_types ?? ['number'];
  const readings: ModelReading[] = [];
  const refused: string[] = [];
  for (const [name, field, found] of measured(declaration, parsed, types)) {
    const sensor = name === undefined ? device : `${device}/${escape(name)}`;
    const value = numeric(found, types);
    const fits = Buffer.byteLength(sensor) <= 256 && name !== '';
    if (fits && value !== undefined && Math.abs(value) <= 1e150) {
      readings.push({ device, sensor, timestampMs, value });
    } else refused.push(field);
  }
  return readings.length + refused.length === 0 ? whole : { readings, refused };
}

function parse(value: Uint8Array): unknown {
  let bytes = Buffer.from(value);
  if (bytes.length > 3 && bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) {
    bytes = bytes.subarray(3);
  } else if (bytes.length > 5 && bytes[0] === 0) bytes = bytes.subarray(5);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const step of path.match(/\[\d+\]|[^.[\]]+/g) ?? []) {
    const isIndex = step.startsWith('[');
    if (typeof found !== 'object' || found === null) return undefined;
    if (Array.isArray(found) !== isIndex) return undefined;
    const name = isIndex ? step.slice(1, -1) : step;
    const own = Object.entries(found).find(([key]) => key === name);
    if (own === undefined) return undefined;
    found = own[1];
  }
  return found;
}

const escape = (part: string): string => part.replaceAll('%', '%25').replaceAll('/', '%2F');

function idText(found: unknown): string | undefined {
  if (typeof found === 'number') return Number.isSafeInteger(found) ? `${found || 0}` : undefined;
  if (typeof found !== 'string' || found === '') return undefined;
  return Buffer.from(found).toString() === found ? found : undefined;
}

function deviceOf(
  { id }: WrittenDeclaration,
  value: unknown,
  { key }: ModelRecord,
): string | undefined {
  const parts = id === '$key' ? [key ?? undefined] : [id].flat().map((p) => idText(at(value, p)));
  if (parts.some((part) => part === undefined)) return undefined;
  const [first = '', ...others] = parts as string[];
  const device = [first, ...others.map(escape)].join('/');
  return device !== '' && Buffer.byteLength(device) <= 256 ? device : undefined;
}

function timeOf(
  { time, time_unit: unit = 'ms', time_zone: zone, value_types: types = [] }: WrittenDeclaration,
  value: unknown,
  record: ModelRecord,
  maxAheadMs: number,
): number | undefined {
  if (time === '$time') return record.timestampMs > 0 ? record.timestampMs : undefined;
  const found = at(value, time);
  const digits = unit === 'ns' ? digitsAt(record.value, time) : undefined;
  if (unit === 'iso') return typeof found === 'string' ? isoMs(found, zone) : undefined;
  const isText = typeof found === 'string' && types.includes('text');
  const number = isText ? numeric(found, ['text']) : found;
  if (typeof number !== 'number' || (unit !== 's' && !Number.isInteger(number))) return undefined;
  const isDigits = isText ? /^-?\d+$/.test(found) : digits !== undefined;
  const ns = isDigits && unit === 'ns' ? BigInt(isText ? found : (digits ?? '')) : null;
  const ms = ns === null ? inUnit(number, unit) : Number(floored(ns));
  if (!Number.isSafeInteger(ms)) return undefined;
  const earliest = record.timestampMs - 30 * 366 * 24 * 3_600_000;
  const latest = record.timestampMs + maxAheadMs;
  const strange = (ms > 0 && ms < 1e10) || ms > latest;
  const others = (['s', 'ms', 'us', 'ns'] as const).filter((other) => other !== unit);
  const fitsOther = others.some((other) => {
    const otherMs = inUnit(number, other);
    return otherMs >= earliest && otherMs <= latest;
  });
  return record.timestampMs >= 1e11 && strange && fitsOther ? undefined : ms + 0;
}

const floored = (ns: bigint): bigint =>
  (ns - (((ns % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n;

/** The digits at a path where an integer stands there: its quotes are put around it. */
function digitsAt(bytes: Uint8Array, path: string): string | undefined {
  const text = Buffer.from(bytes).toString();
  let quoted = '';
  let isString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (isString && character === '\\') {
      quoted += character + (text[(index += 1)] ?? '');
      continue;
    }
    if (character === '"') isString = !isString;
    const number = isString ? null : /^-?\d[\d.eE+-]*/.exec(text.slice(index, index + 400));
    if (number === null || character === '"') {
      quoted += character;
      continue;
    }
    quoted += `"@${number[0]}"`;
    index += number[0].length - 1;
  }
  const found = at(parse(Buffer.from(quoted)), path);
  return typeof found === 'string' ? /^@(-?\d{1,300})$/.exec(found)?.[1] : undefined;
}

function inUnit(number: number, unit: 'ms' | 's' | 'us' | 'ns'): number {
  if (unit === 's') return Math.floor(Math.round(number * 1e6) / 1e3);
  return Math.floor(number / { ms: 1, us: 1e3, ns: 1e6 }[unit]);
}

function isoMs(text: string, zone: string | undefined): number | undefined {
  const match =
    /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?([.,]\d{1,9})?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?$/.exec(
      text,
    );
  if (match === null || (match[3] === undefined && match[4] !== undefined)) return undefined;
  const [, date = '', minutes = '', seconds = ':00', fraction = '.0', own = zone] = match;
  if (own === undefined) return undefined;
  const utc = `${date}T${minutes}${seconds}.${fraction.slice(1, 4).padEnd(3, '0')}Z`;
  const ms = Date.parse(utc);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== utc) return undefined;
  if (/^(UTC|[Zz])$/.test(own)) return ms;
  const hours = Number(own.slice(1, 3));
  const rest = Number(own.slice(3).replace(':', '') || '0');
  if (hours > 18 || rest > 59) return undefined;
  return ms - (own.startsWith('-') ? -1 : 1) * (hours * 60 + rest) * 60_000;
}

function numeric(found: unknown, types: readonly string[]): number | undefined {
  if (typeof found === 'number') return types.includes('number') ? found : undefined;
  if (typeof found === 'boolean') return types.includes('boolean') ? (found ? 1 : 0) : undefined;
  if (typeof found !== 'string') return undefined;
  if (types.includes('text') && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(found)) {
    return found.length > 400 ? undefined : (JSON.parse(found) as number);
  }
  const words: Readonly<Record<string, number>> = { true: 1, on: 1, false: 0, off: 0 };
  const word = found.toLowerCase();
  return types.includes('boolean') && Object.hasOwn(words, word) ? words[word] : undefined;
}

type Found = readonly [name: string | undefined, field: string, found: unknown];

function measured(
  { id, time, value, metric, values }: WrittenDeclaration,
  record: object,
  types: readonly string[],
): Found[] {
  const isThere = ([, , found]: Found): boolean => found !== undefined && found !== null;
  if (value !== undefined && metric !== undefined) {
    const name = at(record, metric);
    const found: Found = [idText(name) ?? '', name == null ? metric : value, at(record, value)];
    return [found].filter(isThere);
  }
  if (value !== undefined) {
    return [[undefined, value, at(record, value)] satisfies Found].filter(isThere);
  }
  if (typeof values === 'string') {
    const under = values.slice(0, -2);
    const object = under === '' ? record : at(record, under);
    if (typeof object !== 'object' || object === null || Array.isArray(object)) return [];
    const taken = [...[id].flat(), time];
    return Object.entries(object)
      .filter(([name]) => !taken.includes(under === '' ? name : `${under}.${name}`))
      .filter(([, found]) => numeric(found, types) !== undefined)
      .map(([name, found]): Found => [name, under === '' ? name : `${under}.${name}`, found]);
  }
  const named: readonly (readonly [string, string])[] = Array.isArray(values)
    ? (values as string[]).map((path) => [path, path] as const)
    : Object.entries(values as Readonly<Record<string, string>>);
  return named.map(([name, path]): Found => [name, path, at(record, path)]).filter(isThere);
}
