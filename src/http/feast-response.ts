// Feast's feature-server protocol (0.67.0) as pure functions: the request checked as FastAPI checks it, the answer in
// the server's column-wise shape, errors as it gives them (a JSON string that holds JSON).
import { feastJoinKey, feastProject } from '../codecs/feast.ts';
import type { OnlineFeatures, RowText } from '../stores/feature-store.ts';

export interface OnlineFeaturesRequest {
  readonly sensorIds: readonly string[];
  readonly selection: Selection;
}

/** The features asked for, and what follows from them alone: many requests ask for the same ones. */
export interface Selection {
  /** Each view that they are of, once, with the names of its features. */
  readonly views: readonly { readonly name: string; readonly features: readonly string[] }[];
  /** In the order asked for: which of the views, and which of its features. */
  readonly columns: readonly { readonly view: number; readonly feature: number }[];
  /** The answer's metadata as JSON. */
  readonly metadata: string;
}

export interface Asked {
  /** In the order asked for. */
  readonly features: readonly FeatureReference[];
  readonly fullFeatureNames: boolean;
  readonly withViewMetadata: boolean;
}

export interface FeatureReference {
  readonly view: string;
  readonly name: string;
}

/** What there is to ask for: every view has every feature. */
export interface ServedFeatures {
  readonly views: readonly string[];
  readonly features: readonly string[];
}

export interface FeastRefusal {
  readonly status: 404 | 422 | 500;
  /** Sent as JSON: a string is therefore doubly encoded, as Feast's are. */
  readonly body: string | { readonly detail: readonly object[] };
}

/** `unix epoch`: what Feast reports for an entity value and for a sensor that is not stored. */
const epoch = '1970-01-01T00:00:00Z';
const sensorIdsMax = 10_000;
/** Of a client each; one that makes up others all the time only loses what they save. */
const selectionsMax = 1_000;

/** Returns the parser of requests for what is served: from a body's text the request, or how Feast's server refuses it. */
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
    const asked = askedFeatures({ features, service, fullFeatureNames }, served);
    if ('status' in asked) return asked;
    const selection = selectionOf({ features: asked.values, fullFeatureNames, withViewMetadata });
    if (selections.size >= selectionsMax) selections.clear();
    if (key !== undefined) selections.set(key, selection);
    return { sensorIds: ids.values, selection };
  };
}

/** Returns what tells one selection from another; undefined where it may be none. No name that is served has a newline. */
function keyOf(features: unknown, service: unknown, flags: string): string | undefined {
  if (typeof service === 'string' && service !== '') return `${flags}@${service}`;
  if (!Array.isArray(features)) return undefined;
  for (const feature of features) if (typeof feature !== 'string') return undefined;
  return `${flags}${features.length}\n${features.join('\n')}`;
}

/** Returns what follows from the features asked for. */
export function selectionOf({ features, fullFeatureNames, withViewMetadata }: Asked): Selection {
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
 * Returns the answer's body: `results[i]` belongs to `metadata.feature_names[i]`, the entity's column first. `stored` has
 * what each of the selection's views holds of the sensors, in their order. The text is put together here from the text of
 * rows, which stays with them: JSON.stringify of the columns would write every number anew, and 100 sensors' statuses and
 * times once per feature.
 */
export function onlineFeaturesResponse(
  { sensorIds, selection }: OnlineFeaturesRequest,
  stored: readonly (readonly (OnlineFeatures | undefined)[])[],
): string {
  const count = sensorIds.length;
  // Only PRESENT is ever seen of Feast on Redis: for nulls, for unknown entities, for expired ones.
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

/** What follows the entity's column in an answer about one sensor: it stays with the row, to be gathered once. */
function restAlone(selection: Selection, row: OnlineFeatures, statuses: string): string {
  if (row.alone?.selection !== selection) {
    const text = textOf(row, selection.views[0]?.features ?? []);
    row.alone = { selection, text: restOf(selection, [[text]], statuses) };
  }
  return row.alone.text;
}

/** What follows the entity's column; `rows` are those of the selection's views. */
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

/** Flat, as all that stands in the answer more than once: V8 would walk a string of many parts once for each time. */
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
    if (row.text?.names !== names) row.text = textOf(row, names);
    texts[index] = row.text;
  }
  return texts;
}

function textOf(row: OnlineFeatures, names: readonly string[]): RowText {
  const cells = names.map((name) => {
    const value = row.values[name] ?? null;
    // JSON has no NaN and no infinities: Feast writes them as strings.
    return value === null || Number.isFinite(value) ? `,${value}` : `,"${value}"`;
  });
  return { names, cells, timestamp: `,"${rfc3339(row.eventTimeMs)}"` };
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

/** Returns `timeMs` in UTC with no fraction or three digits, as protobuf's JSON writes a Timestamp. */
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

function askedFeatures(
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
    const isAgain = (other: FeatureReference): boolean =>
      other.name === name && (other.view === view || !fullFeatureNames);
    if (values.some(isAgain)) return failed(duplicate(name, fullFeatureNames));
    values.push({ view, name });
  }
  return values.length === 0 ? failed('No features were requested') : { values };
}

function duplicate(name: string, fullFeatureNames: boolean): string {
  const cure = "full_feature_names tells the views' features apart";
  return `Duplicate features named ${name} found.${fullFeatureNames ? '' : ` ${cure}.`}`;
}

function notFound(className: string, what: string): FeastRefusal {
  const message = `${what} does not exist in project ${feastProject}`;
  // Python's json.dumps writes a space after ':' and ','; clients compare such strings.
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
