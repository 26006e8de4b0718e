// The protocol of Feast's feature server (0.67.0) as pure functions: requests are validated as
// FastAPI does, responses are column-wise, errors look like Feast's (a JSON string holding JSON).
import { feastJoinKey, feastProject } from '../codecs/feast.ts';
import type { OnlineFeatures } from '../stores/feature-store.ts';

export interface OnlineFeaturesRequest {
  readonly sensorIds: readonly string[];
  readonly selection: Selection;
}

/** The requested features and everything derived from them; reused, as many requests are alike. */
export interface Selection {
  /** Each requested view once, with the names of its requested features. */
  readonly views: readonly { readonly name: string; readonly features: readonly string[] }[];
  /** In request order: index of the view, and of the feature in that view. */
  readonly columns: readonly { readonly view: number; readonly feature: number }[];
  /** The response's metadata as JSON. */
  readonly metadata: string;
}

export interface RequestedFeatures {
  /** In request order. */
  readonly features: readonly FeatureReference[];
  readonly fullFeatureNames: boolean;
  readonly withViewMetadata: boolean;
}

export interface FeatureReference {
  readonly view: string;
  readonly name: string;
}

/** The views and features on offer: every view has every feature. */
export interface ServedFeatures {
  readonly views: readonly string[];
  readonly features: readonly string[];
}

export interface FeastRefusal {
  readonly status: 404 | 422 | 500;
  /** Sent as JSON, so a string is encoded twice, as in Feast. */
  readonly body: string | { readonly detail: readonly object[] };
}

/** Feast reports the Unix epoch for entity values and for sensors without a stored row. */
const epoch = '1970-01-01T00:00:00Z';
const sensorIdsMax = 10_000;
/**
 * Bound of the cache of selections; a client that varies its requests endlessly only slows itself.
 */
const selectionsMax = 1_000;

/** Returns a parser from the body's text to a request, or to the refusal of Feast's server. */
export function onlineFeaturesParser(
  served: ServedFeatures,
): (text: string) => OnlineFeaturesRequest | FeastRefusal {
  const selections = new Map<string, Selection>();
  return (text) => {
    const body = parseJson(text);
    if (body === undefined) return invalidJson();
    if (!isRecord(body)) return invalid('model_attributes_type', [], 'Input should be an object');
    const { entities, features, feature_service: service } = body;
    if (entities === undefined) return invalid('missing', ['entities'], 'Field required');
    if (!isRecord(entities)) return invalid('dict_type', ['entities'], 'Input should be an object');
    const ids = sensorIdsOf(entities);
    if ('status' in ids) return ids;
    const fullFeatureNames = body['full_feature_names'] === true;
    const withViewMetadata = body['include_feature_view_version_metadata'] === true;
    const key = keyOf(features, service, `${fullFeatureNames}${withViewMetadata}`);
    const known = key === undefined ? undefined : selections.get(key);
    if (known !== undefined) return { sensorIds: ids.values, selection: known };
    const requested = requestedFeatures({ features, service, fullFeatureNames }, served);
    if ('status' in requested) return requested;
    const { values } = requested;
    const selection = selectionOf({ features: values, fullFeatureNames, withViewMetadata });
    if (selections.size >= selectionsMax) selections.clear();
    if (key !== undefined) selections.set(key, selection);
    return { sensorIds: ids.values, selection };
  };
}

/**
 * Returns the cache key of a selection; undefined if the request is malformed. A newline separates
 * names: no served name has one.
 */
function keyOf(features: unknown, service: unknown, flags: string): string | undefined {
  if (typeof service === 'string' && service !== '') return `${flags}@${service}`;
  if (!Array.isArray(features)) return undefined;
  for (const feature of features) if (typeof feature !== 'string') return undefined;
  return `${flags}${features.length}\n${features.join('\n')}`;
}

/** Returns the selection for the requested features. */
export function selectionOf(requested: RequestedFeatures): Selection {
  const { features, fullFeatureNames, withViewMetadata } = requested;
  const names = [...new Set(features.map(({ view }) => view))];
  const views = names.map((name) => ({
    name,
    features: features.filter(({ view }) => view === name).map((feature) => feature.name),
  }));
  const nameOf = ({ view, name }: FeatureReference): string =>
    fullFeatureNames ? `${view}__${name}` : name;
  return {
    views,
    columns: features.map(({ view, name }) => {
      const index = names.indexOf(view);
      return { view: index, feature: views[index]?.features.indexOf(name) ?? 0 };
    }),
    metadata: JSON.stringify({
      feature_names: [feastJoinKey, ...features.map(nameOf)],
      ...(withViewMetadata ? { feature_view_metadata: names.map((name) => ({ name })) } : {}),
    }),
  };
}

/**
 * Returns the response body: `results[i]` belongs to `metadata.feature_names[i]`, the entity's
 * column first. `stored` holds one list per view of the selection, with one row per sensor. The
 * body is joined from text cached on the rows: JSON.stringify would format every number on each
 * request, and the statuses and times of all sensors once per feature.
 */
export function onlineFeaturesResponse(
  { sensorIds, selection }: OnlineFeaturesRequest,
  stored: readonly (readonly (OnlineFeatures | undefined)[])[],
): string {
  const count = sensorIds.length;
  // Feast on Redis reports PRESENT for everything: nulls, unknown entities, expired rows.
  const statuses = `],"statuses":[${repeated('"PRESENT"', count)}],"event_timestamps":[`;
  const ids = JSON.stringify(sensorIds).slice(0, -1);
  const head = `{"results":[{"values":${ids}${statuses}${repeated(quotedEpoch, count)}]}`;
  if (count === 1 && stored.length === 1) {
    return head + restAlone(selection, stored[0]?.[0] ?? nothingStored, statuses);
  }
  const rows = selection.views.map(({ features }, view) => textsOf(stored[view] ?? [], features));
  return head + restOf(selection, rows, statuses);
}

const quotedEpoch = `"${epoch}"`;
const nothingStored: OnlineFeatures = { eventTimeMs: 0, values: {} };

/** The JSON text of a row's parts, each preceded by a comma; cached on the row. */
class RowText {
  /**
   * Features in the order of `cells`. Each selection has a list of its own, compared by identity.
   */
  readonly names: readonly string[];
  readonly cells: readonly string[];
  readonly timestamp: string;
  /** The rest of the response about this sensor alone. */
  alone: string | undefined;

  constructor(row: OnlineFeatures, names: readonly string[]) {
    this.names = names;
    this.cells = names.map((name) => {
      const value = row.values[name] ?? null;
      // JSON has no NaN and no infinities: Feast writes them as strings.
      return value === null || Number.isFinite(value) ? `,${value}` : `,"${value}"`;
    });
    this.timestamp = `,"${rfc3339(row.eventTimeMs)}"`;
    this.alone = undefined;
  }
}

/** Returns the text of `row` with the features `names`, from the row where it is cached. */
function textOf(row: OnlineFeatures, names: readonly string[]): RowText {
  const cached = row.derived;
  if (cached instanceof RowText && cached.names === names) return cached;
  const text = new RowText(row, names);
  row.derived = text;
  return text;
}

/** Returns the response after the entity's column for one sensor, cached with its row. */
function restAlone(selection: Selection, row: OnlineFeatures, statuses: string): string {
  const text = textOf(row, selection.views[0]?.features ?? []);
  return (text.alone ??= restOf(selection, [[text]], statuses));
}

/** Returns the response after the entity's column; `rows` holds one list per view. */
function restOf(
  { columns, metadata }: Selection,
  rows: readonly (readonly (RowText | undefined)[])[],
  statuses: string,
): string {
  const timestamps = rows.map(timestampsOf);
  const parts = columns.map(({ view, feature }) => {
    const values = columnOf(rows[view] ?? [], feature);
    return `,{"values":[${values}${statuses}${timestamps[view] ?? ''}]}`;
  });
  return `${parts.join('')}],"metadata":${metadata}}`;
}

/** Returns `count` items. Built with `join`, since V8 re-walks a concatenated rope on every use. */
function repeated(item: string, count: number): string {
  return new Array<string>(count).fill(item).join(',');
}

function textsOf(
  stored: readonly (OnlineFeatures | undefined)[],
  names: readonly string[],
): readonly (RowText | undefined)[] {
  const texts = new Array<RowText | undefined>(stored.length);
  for (let index = 0; index < stored.length; index += 1) {
    const row = stored[index];
    if (row === undefined) continue;
    texts[index] = textOf(row, names);
  }
  return texts;
}

function columnOf(rows: readonly (RowText | undefined)[], feature: number): string {
  let text = '';
  for (let index = 0; index < rows.length; index += 1) {
    text += rows[index]?.cells[feature] ?? ',null';
  }
  return text.slice(1);
}

function timestampsOf(rows: readonly (RowText | undefined)[]): string {
  let text = '';
  for (let index = 0; index < rows.length; index += 1) {
    text += rows[index]?.timestamp ?? `,${quotedEpoch}`;
  }
  return text.slice(1);
}

/**
 * Returns `timeMs` in UTC with no fraction or three digits, as protobuf's JSON writes a Timestamp.
 */
export function rfc3339(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z');
}

function sensorIdsOf(
  entities: Readonly<Record<string, unknown>>,
): { readonly values: readonly string[] } | FeastRefusal {
  const keys = Object.keys(entities);
  for (const key of keys) {
    if (!Array.isArray(entities[key])) {
      return invalid('list_type', ['entities', key], 'Input should be a valid list');
    }
  }
  const values: unknown = entities[feastJoinKey];
  if (keys.length !== 1 || !Array.isArray(values) || values.length === 0) {
    return failed(`Expected values of the entity ${feastJoinKey} alone, got ${keys.join(', ')}`);
  }
  if (values.length > sensorIdsMax) return failed(`At most ${sensorIdsMax} sensors in a request`);
  const ids: string[] = [];
  for (const value of values as unknown[]) {
    if (typeof value === 'string') ids.push(value);
    // The entity is declared a string; Feast's SDK turns 42 into "42".
    else if (typeof value === 'number') ids.push(String(value));
    else return failed(`Expected strings for ${feastJoinKey}, got ${JSON.stringify(value)}`);
  }
  return { values: ids };
}

interface Unchecked {
  readonly features: unknown;
  readonly service: unknown;
  readonly fullFeatureNames: boolean;
}

function requestedFeatures(
  { features, service, fullFeatureNames }: Unchecked,
  served: ServedFeatures,
): { readonly values: readonly FeatureReference[] } | FeastRefusal {
  if (typeof service === 'string' && service !== '') {
    if (!served.views.includes(service)) {
      return notFound('FeatureServiceNotFoundException', `Feature service ${service}`);
    }
    return { values: served.features.map((name) => ({ view: service, name })) };
  }
  if (!Array.isArray(features) || features.some((feature) => typeof feature !== 'string')) {
    return invalid('list_type', ['features'], 'Input should be a valid list of strings');
  }
  const values: FeatureReference[] = [];
  for (const reference of features as string[]) {
    const colon = reference.indexOf(':');
    const view = reference.slice(0, Math.max(colon, 0));
    const name = reference.slice(colon + 1);
    if (colon < 0) return failed(`Invalid feature reference ${reference}: expected view:feature`);
    if (!served.views.includes(view)) {
      return notFound('FeatureViewNotFoundException', `Feature view ${view}`);
    }
    if (!served.features.includes(name)) {
      return failed(`Feature ${name} does not exist in view ${view}`);
    }
    const isDuplicate = (other: FeatureReference): boolean =>
      other.name === name && (other.view === view || !fullFeatureNames);
    if (values.some(isDuplicate)) return failed(duplicate(name, fullFeatureNames));
    values.push({ view, name });
  }
  return values.length === 0 ? failed('No features were requested') : { values };
}

function duplicate(name: string, fullFeatureNames: boolean): string {
  const cure = 'Set full_feature_names to request features of the same name from several views';
  return `Duplicate features named ${name} found.${fullFeatureNames ? '' : ` ${cure}.`}`;
}

function notFound(className: string, subject: string): FeastRefusal {
  const message = `${subject} does not exist in project ${feastProject}`;
  // With the spaces of Python's json.dumps: clients compare such strings.
  const body = `{"module": "feast.errors", "class": "${className}", "message": ${JSON.stringify(message)}}`;
  return { status: 404, body };
}

function failed(message: string): FeastRefusal {
  return { status: 500, body: message };
}

function invalid(type: string, path: readonly string[], msg: string): FeastRefusal {
  return { status: 422, body: { detail: [{ type, loc: ['body', ...path], msg }] } };
}

function invalidJson(): FeastRefusal {
  return invalid('json_invalid', [], 'JSON decode error');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
