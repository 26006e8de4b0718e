// Requests of Feast's feature server (0.67.0), validated as FastAPI does; errors look like Feast's
// (a JSON string that holds JSON).
import { feastNames, type FeastNames } from '../codecs/feast.ts';
import { parsedJson } from '../codecs/bounded-json.ts';
import { lengthMs, type MaxAges } from '../config/window-list.ts';

export interface OnlineFeaturesRequest {
  readonly sensorIds: readonly string[];
  readonly selection: Selection;
  /** The greatest age of a row by view of the selection; undefined where no view has one. */
  readonly maxAgesMs?: readonly number[];
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
  /** Default: those of feature_repo. */
  readonly names?: FeastNames;
  /** Default: none. */
  readonly maxAges?: MaxAges | undefined;
}

export interface FeastRefusal {
  readonly status: 404 | 422 | 500;
  /** Sent as JSON, so a string is encoded twice, as in Feast. */
  readonly body: string | { readonly detail: readonly object[] };
}

const sensorIdsMax = 10_000;
const shownCharactersMax = 200;
/**
 * Bound of the cache of selections; a client that varies its requests endlessly only slows itself.
 */
const selectionsMax = 1_000;

/** Returns a parser from the body's text to a request, or to the refusal of Feast's server. */
export function onlineFeaturesParser(
  served: ServedFeatures,
): (text: string) => OnlineFeaturesRequest | FeastRefusal {
  const selections = new Map<string, Selection>();
  const { joinKey } = served.names ?? feastNames;
  return (text) => {
    const body = parsedJson(text);
    if (body === undefined) return invalidJson();
    if (!isRecord(body)) return invalid('model_attributes_type', [], 'Input should be an object');
    const { entities, features, feature_service: service } = body;
    if (entities === undefined) return invalid('missing', ['entities'], 'Field required');
    if (!isRecord(entities)) return invalid('dict_type', ['entities'], 'Input should be an object');
    const ids = sensorIdsOf(entities, joinKey);
    if ('status' in ids) return ids;
    const maxAges = maxAgesOf(body['max_age'], served.maxAges);
    if (maxAges !== undefined && 'status' in maxAges) return maxAges;
    const fullFeatureNames = flagOf(body, 'full_feature_names');
    if (typeof fullFeatureNames === 'object') return fullFeatureNames;
    const withViewMetadata = flagOf(body, 'include_feature_view_version_metadata');
    if (typeof withViewMetadata === 'object') return withViewMetadata;
    const key = keyOf(features, service, `${fullFeatureNames}${withViewMetadata}`);
    const known = key === undefined ? undefined : selections.get(key);
    if (known !== undefined) return requestOf(ids.values, known, maxAges);
    const requested = requestedFeatures({ features, service, fullFeatureNames }, served);
    if ('status' in requested) return requested;
    const { values } = requested;
    const selection = selectionOf(
      { features: values, fullFeatureNames, withViewMetadata },
      joinKey,
    );
    if (selections.size >= selectionsMax) selections.clear();
    if (key !== undefined) selections.set(key, selection);
    return requestOf(ids.values, selection, maxAges);
  };
}

function requestOf(
  sensorIds: readonly string[],
  selection: Selection,
  maxAges: MaxAges | undefined,
): OnlineFeaturesRequest {
  if (maxAges === undefined) return { sensorIds, selection };
  const { byView, defaultMs } = maxAges;
  const maxAgesMs = selection.views.map(({ name }) => byView[name] ?? defaultMs);
  return { sensorIds, selection, maxAgesMs };
}

const truths = new Set(['true', '1', 'yes', 'on', 't', 'y']);
const untruths = new Set(['false', '0', 'no', 'off', 'f', 'n']);

/** Returns a boolean of the body as pydantic takes it, false where it is left out. */
function flagOf(body: Readonly<Record<string, unknown>>, key: string): boolean | FeastRefusal {
  const { [key]: value = false } = body;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' && typeof value !== 'number') {
    return invalid('bool_type', [key], 'Input should be a valid boolean');
  }
  const text = String(value).toLowerCase();
  if (truths.has(text)) return true;
  if (untruths.has(text)) return false;
  return invalid('bool_parsing', [key], 'Input should be a valid boolean');
}

/** Returns the ages that hold for a request: its own `max_age` for all views, else MAX_AGE. */
function maxAgesOf(
  asked: unknown,
  configured: MaxAges | undefined,
): MaxAges | undefined | FeastRefusal {
  if (asked === undefined || asked === null) return configured;
  const defaultMs = typeof asked === 'string' ? lengthMs(asked) : undefined;
  if (defaultMs !== undefined) return { defaultMs, byView: {} };
  return invalid('string_type', ['max_age'], 'Input should be a length of time such as 90s or 2h');
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
export function selectionOf(
  requested: RequestedFeatures,
  joinKey: string = feastNames.joinKey,
): Selection {
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
      feature_names: [joinKey, ...features.map(nameOf)],
      ...(withViewMetadata ? { feature_view_metadata: names.map((name) => ({ name })) } : {}),
    }),
  };
}

function sensorIdsOf(
  entities: Readonly<Record<string, unknown>>,
  joinKey: string,
): { readonly values: readonly string[] } | FeastRefusal {
  const keys = Object.keys(entities);
  for (const key of keys) {
    if (!Array.isArray(entities[key])) {
      return invalid('list_type', ['entities', key], 'Input should be a valid list');
    }
  }
  const values: unknown = entities[joinKey];
  if (!Array.isArray(values) || values.length === 0) {
    return failed(`Expected values of the entity ${joinKey}, got ${keys.join(', ')}`);
  }
  // Columns of other entities are passed over, as Feast does.
  for (const key of keys) {
    const { length } = entities[key] as unknown[];
    if (length !== values.length) return failed(`Expected ${values.length} values of ${key}`);
  }
  if (values.length > sensorIdsMax) return failed(`At most ${sensorIdsMax} sensors in a request`);
  const ids: string[] = [];
  for (const value of values as unknown[]) {
    if (typeof value === 'string') ids.push(value);
    // The entity is declared a string; Feast's SDK turns 42 into "42".
    else if (typeof value === 'number') ids.push(String(value));
    else return failed(`Expected strings for ${joinKey}, got ${shown(value)}`);
  }
  return { values: ids };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text;
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
      return notFound('FeatureServiceNotFoundException', `Feature service ${service}`, served);
    }
    return { values: served.features.map((name) => ({ view: service, name })) };
  }
  const isServiceGiven = service !== undefined && service !== null && service !== '';
  if (features === undefined && !isServiceGiven) return failed('No features were requested');
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
      return notFound('FeatureViewNotFoundException', `Feature view ${view}`, served);
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
  const message = `Duplicate features named ${name} found.${fullFeatureNames ? '' : ` ${cure}.`}`;
  return feastError('FeatureNameCollisionError', message);
}

function notFound(className: string, subject: string, { names }: ServedFeatures): FeastRefusal {
  const { project } = names ?? feastNames;
  const message = `${subject} does not exist in project ${project}`;
  return { status: 404, body: feastError(className, message) };
}

/** Returns an error with its class, spaced as Python's json.dumps does: clients compare it. */
function feastError(className: string, message: string): string {
  return `{"module": "feast.errors", "class": "${className}", "message": ${JSON.stringify(message)}}`;
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

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
