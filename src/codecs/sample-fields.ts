// The fields of a sample of JSON records, and what stands in each: for the proposal of a
// declaration.
import { pathText, type FieldPath, type TimeUnit } from '../sensors/input-declaration.ts';
import { inMs } from '../sensors/time-unit.ts';
import { numberOf, readTime, timeSlot } from './input-time.ts';

export interface FieldFacts {
  readonly path: FieldPath;
  /** Entries that have it, not null, and their share of all. */
  readonly count: number;
  readonly share: number;
  readonly numbers: number;
  readonly texts: number;
  readonly numericTexts: number;
  readonly booleans: number;
  /** Different values; counted up to a thousand. */
  readonly distinct: number;
  /** Share of its values that may be an id: a text, or a whole number. */
  readonly ids: number;
  /** Share of the entries in which it is the key of the record. */
  readonly equalsKey: number;
  /** The unit in which nearly all its values are times about the records' own. */
  readonly timeUnit: TimeUnit | undefined;
  /** How far the records' timestamps are past it, ms. */
  readonly lagMs: number;
  /** ISO texts without a zone. */
  readonly zoneless: number;
}

export interface SampledEntry {
  readonly key: string | null;
  readonly timestampMs: number;
  readonly value: unknown;
}

interface Found {
  readonly entry: SampledEntry;
  readonly leaf: unknown;
}

const depthMax = 6;
const indexMax = 4;
const fieldsMax = 2_000;
const distinctMax = 1_000;
const historyMs = 30 * 366 * 86_400_000;
const aheadMs = 86_400_000;
const timeShareMin = 0.9;

/** Returns the leaves of the entries, in the order in which they first come. */
export function fieldsOfSample(entries: readonly SampledEntry[]): readonly FieldFacts[] {
  const fields = new Map<string, { readonly path: FieldPath; readonly found: Found[] }>();
  const visit = (entry: SampledEntry, node: unknown, path: FieldPath): void => {
    if (typeof node === 'object' && node !== null) {
      if (path.length === depthMax) return;
      const members: readonly (readonly [string | number, unknown])[] = Array.isArray(node)
        ? node.slice(0, indexMax).map((item: unknown, index) => [index, item] as const)
        : Object.entries(node);
      for (const [step, member] of members) visit(entry, member, [...path, step]);
      return;
    }
    if (node === null || node === undefined || path.length === 0) return;
    const name = pathText(path);
    const field = fields.get(name) ?? { path, found: [] };
    if (field.found.length === 0 && fields.size < fieldsMax) fields.set(name, field);
    field.found.push({ entry, leaf: node });
  };
  for (const entry of entries) visit(entry, entry.value, []);
  return [...fields.values()].map(({ path, found }) => factsOf(path, found, entries.length));
}

function factsOf(path: FieldPath, found: readonly Found[], entries: number): FieldFacts {
  const of = (isOne: (one: Found) => boolean): number => found.filter(isOne).length;
  const distinct = new Set(found.slice(0, distinctMax).map(({ leaf }) => leaf)).size;
  const timeUnit = unitOf(found);
  const lags =
    timeUnit === undefined ? [] : found.map((one) => one.entry.timestampMs - msOf(one, timeUnit));
  return {
    path,
    count: found.length,
    share: found.length / entries,
    numbers: of(({ leaf }) => typeof leaf === 'number'),
    texts: of(({ leaf }) => typeof leaf === 'string'),
    numericTexts: of(({ leaf }) => typeof leaf === 'string' && numberOf(leaf) !== undefined),
    booleans: of(({ leaf }) => typeof leaf === 'boolean' || isSwitch(leaf)),
    distinct,
    ids:
      of(({ leaf }) => (typeof leaf === 'string' ? leaf !== '' : Number.isSafeInteger(leaf))) /
      found.length,
    equalsKey: of(({ entry, leaf }) => entry.key !== null && String(leaf) === entry.key) / entries,
    timeUnit,
    lagMs: lags.sort((a, b) => a - b)[lags.length >> 1] ?? 0,
    zoneless:
      timeUnit === 'iso' ? of(({ leaf }) => !/(?:[Zz]|[+-]\d\d:?\d\d)$/.test(String(leaf))) : 0,
  };
}

function isSwitch(leaf: unknown): boolean {
  return typeof leaf === 'string' && /^(on|off|true|false)$/i.test(leaf);
}

function unitOf(found: readonly Found[]): TimeUnit | undefined {
  return (['s', 'ms', 'us', 'ns', 'iso'] as const).find((unit) => {
    const fitting = found.filter((one) => {
      const ms = msOf(one, unit);
      const { timestampMs } = one.entry;
      return ms >= timestampMs - historyMs && ms <= timestampMs + aheadMs;
    });
    return fitting.length >= timeShareMin * found.length;
  });
}

/** NaN where it is no time in the unit. */
function msOf({ leaf }: Found, unit: TimeUnit): number {
  if (unit !== 'iso') return typeof leaf === 'number' ? inMs(leaf, unit) : NaN;
  const rule = { field: '', unit, zoneMinutes: 0, acceptsText: false };
  return readTime(leaf, rule) === null ? (timeSlot[0] as number) : NaN;
}
