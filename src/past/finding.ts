// The findings of an audit, and the comparison of two rows.
import type { FeatureRow } from '../codecs/feature-row.ts';
import { visible } from '../visible.ts';

export type FindingKind =
  /** A row of the topic has another value than the recomputed one. */
  | 'mismatch'
  /** A recomputed row is not in the topic. */
  | 'missing'
  /** The topic holds a row more than once. */
  | 'doubled'
  /** The topic holds a row that the log does not explain. */
  | 'extra'
  /** A record of the topic is not a feature row. */
  | 'unreadable'
  /** The store holds the right window with another value. */
  | 'store_mismatch'
  /** The store holds an older window than the topic, or none. */
  | 'store_older'
  /** The store holds a window that was never committed. */
  | 'store_newer'
  /** A stored snapshot differs from the recomputed state at its offset. */
  | 'snapshot_mismatch';

/** Printed as it is by `audit --json`, hence the snake case. */
export interface Finding {
  readonly kind: FindingKind;
  readonly sensor_id?: string;
  readonly window_start?: number;
  readonly window_end?: number;
  /** Dotted, as `features.avg_value`. */
  readonly field?: string;
  readonly expected?: number | string | null;
  readonly found?: number | string | null;
  /** `<topic>/<partition>@<offset>` of the row. */
  readonly row?: string;
  /** `<topic>/<partition>@<first offset>..<last>` of its readings. */
  readonly readings?: string;
}

export interface FieldDifference {
  readonly field: string;
  readonly expected: number | string | null;
  readonly found: number | string | null;
}

/** Returns every field in which the rows differ; numbers are compared bit for bit. */
export function rowDifferences(expected: FeatureRow, found: FeatureRow): FieldDifference[] {
  const { features, lineage, ...plain } = expected;
  const { features: foundFeatures, lineage: foundLineage, ...foundPlain } = found;
  return [
    ...differences('', plain, foundPlain),
    ...differences('features.', features, foundFeatures),
    ...differences('lineage.', lineage, foundLineage),
  ];
}

/** Returns the features in which the values differ. */
export function featureDifferences(
  expected: FeatureRow['features'],
  found: Readonly<Record<string, number | null>>,
): FieldDifference[] {
  return differences('features.', expected, found);
}

type Values = Readonly<Record<string, number | string | null>>;

function differences(prefix: string, expected: Values, found: Values): FieldDifference[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names].flatMap((name) => {
    const [wanted, actual] = [expected[name] ?? null, found[name] ?? null];
    if (Object.is(wanted, actual)) return [];
    return [{ field: `${prefix}${name}`, expected: wanted, found: actual }];
  });
}

/** Returns the offset range of a row's readings. */
export function readingsOf({ lineage }: FeatureRow): string {
  const { topic, partition, first_offset: first, last_offset: last } = lineage;
  return `${topic}/${partition}@${first}..${last}`;
}

/** Returns a finding as one printable line. */
export function findingLine(finding: Finding): string {
  const { kind, sensor_id: sensor, window_start: start, window_end: end } = finding;
  const { field, expected, found, row, readings } = finding;
  const text = (value: number | string | null | undefined): string => String(value ?? 'nothing');
  const parts = [
    kind.padEnd(14),
    ...(sensor === undefined ? [] : [`sensor ${sensor}`]),
    ...(start === undefined || end === undefined ? [] : [`window [${iso(start)}, ${iso(end)})`]),
    ...(field === undefined ? [] : [`${field}: expected ${text(expected)}, found ${text(found)}`]),
    ...(row === undefined ? [] : [`row ${row}`]),
    ...(readings === undefined ? [] : [`readings ${readings}`]),
  ];
  return visible(parts.join('  '));
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
