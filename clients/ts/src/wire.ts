// The feature server's protocol: `POST /get-online-features`, column-wise both ways. Feast 0.67 and
// Sensorium speak it alike.
//
//   request   {"features": ["view:name", …], "entities": {"sensor_id": ["a", "b"]}}
//   response  {"metadata": {"feature_names": ["sensor_id", "name", …]},
//              "results": [{"values": […], "statuses": […], "event_timestamps": […]}, …]}
//
// `results[i]` belongs to `feature_names[i]`. Feast returns features in an order of its own, so
// columns are always found by name.

export type EntityValue = string | number;

/** Entity columns of equal length: row i is made of the i-th value of each. */
export type EntityColumns = Readonly<Record<string, readonly EntityValue[]>>;

/** A value as JSON carries it. Not-a-number and the infinities arrive as numbers, not as strings. */
export type FeatureValue =
  number | string | boolean | null | readonly (number | string | boolean | null)[];

export type FeatureStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE' | 'INVALID';

export interface WireRequest {
  /** References `view:name`; either these or a feature service. */
  readonly features?: readonly string[];
  readonly feature_service?: string;
  readonly entities: EntityColumns;
  readonly full_feature_names?: boolean;
}

export interface WireColumn {
  readonly name: string;
  readonly values: readonly FeatureValue[];
  readonly statuses: readonly FeatureStatus[];
  /** ms since epoch; undefined where the store holds no row. */
  readonly eventTimesMs: readonly (number | undefined)[];
}

/**
 * Returns the columns of an answer's text, entity columns first.
 * @throws SyntaxError when it is not JSON; TypeError that names the first part which is not as expected.
 */
export function parseResponse(text: string, rows: number): readonly WireColumn[] {
  const body = record(JSON.parse(text) as unknown, 'the answer');
  const names = list(record(body['metadata'], 'metadata')['feature_names'], 'feature_names');
  const results = list(body['results'], 'results');
  if (results.length !== names.length) {
    throw new TypeError(
      `expected ${names.length} results, one a feature name, got ${results.length}`,
    );
  }
  return results.map((result, index) => {
    const name = String(names[index]);
    const column = record(result, `the result of ${name}`);
    const part = (key: string): readonly unknown[] => {
      const items = list(column[key], `${key} of ${name}`);
      if (items.length === rows) return items;
      throw new TypeError(`expected ${rows} ${key} of ${name}, one a row, got ${items.length}`);
    };
    return {
      name,
      values: part('values').map(valueOf),
      statuses: part('statuses') as readonly FeatureStatus[],
      eventTimesMs: part('event_timestamps').map(timeOf),
    };
  });
}

/** Returns an error answer's words: FastAPI's `detail`, or Feast's JSON inside a JSON string. */
export function errorMessage(text: string): string {
  const body = parsed(text);
  const inner = typeof body === 'string' ? (parsed(body) ?? body) : body;
  if (typeof inner === 'string') return inner;
  if (typeof inner !== 'object' || inner === null) return text.slice(0, 500);
  const { message, detail } = inner as { readonly message?: unknown; readonly detail?: unknown };
  if (typeof message === 'string') return message;
  if (typeof detail === 'string') return detail;
  if (!Array.isArray(detail)) return text.slice(0, 500);
  return (detail as readonly { readonly msg?: unknown; readonly loc?: unknown }[])
    .map(({ msg, loc }) => `${Array.isArray(loc) ? loc.join('.') : 'body'}: ${String(msg)}`)
    .join('; ');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** JSON has no NaN and no infinities: the servers write them as these strings. */
const numbersAsText: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

function valueOf(value: unknown): FeatureValue {
  return numbersAsText.get(value) ?? (value as FeatureValue);
}

/** The servers report the epoch where the store holds no row. */
function timeOf(value: unknown): number | undefined {
  const timeMs = Date.parse(String(value));
  return Number.isNaN(timeMs) || timeMs === 0 ? undefined : timeMs;
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new TypeError(`expected ${what} to be an object, got ${JSON.stringify(value)}`);
}

function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new TypeError(`expected ${what} to be a list, got ${JSON.stringify(value)}`);
}
