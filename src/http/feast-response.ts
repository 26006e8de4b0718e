// Feast's feature-server protocol (0.67.0) as pure functions: the request checked as FastAPI checks it, the answer in
// the server's column-wise shape, errors as it gives them (a JSON string that holds JSON).
import { feastJoinKey, feastProject } from '../codecs/feast.ts';
import type { OnlineFeatures } from '../stores/feature-store.ts';

export interface OnlineFeaturesRequest {
  readonly sensorIds: readonly string[];
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

/** Returns the request that `text` holds, or how Feast's server refuses it. */
export function parseOnlineFeaturesRequest(
  text: string,
  served: ServedFeatures,
): OnlineFeaturesRequest | FeastRefusal {
  const body = parseJson(text);
  if (body === undefined) return invalidJson();
  if (!isRecord(body)) return invalid('model_attributes_type', [], 'Input should be an object');
  const { entities, features, feature_service: service } = body;
  if (entities === undefined) return invalid('missing', ['entities'], 'Field required');
  if (!isRecord(entities)) return invalid('dict_type', ['entities'], 'Input should be an object');
  const ids = sensorIdsOf(entities);
  if ('status' in ids) return ids;
  const fullFeatureNames = body['full_feature_names'] === true;
  const asked = askedFeatures({ features, service, fullFeatureNames }, served);
  if ('status' in asked) return asked;
  return {
    sensorIds: ids.values,
    features: asked.values,
    fullFeatureNames,
    withViewMetadata: body['include_feature_view_version_metadata'] === true,
  };
}

/** Returns the views that `request` reads, each once. */
export function viewsOf({ features }: OnlineFeaturesRequest): readonly string[] {
  return [...new Set(features.map(({ view }) => view))];
}

/**
 * Returns the answer's body: `results[i]` belongs to `metadata.feature_names[i]`, the entity's column first. `stored` has
 * what each view holds of the sensors, in their order. The text is put together here, because JSON.stringify of the
 * columns would go through 100 sensors' statuses and times once per feature, which are the same in a view's columns.
 */
export function onlineFeaturesResponse(
  request: OnlineFeaturesRequest,
  stored: ReadonlyMap<string, readonly (OnlineFeatures | undefined)[]>,
): string {
  const { sensorIds, features } = request;
  // Only PRESENT is ever seen of Feast on Redis: for nulls, for unknown entities, for expired ones.
  const statuses = `"statuses":[${repeated('"PRESENT"', sensorIds.length)}]`;
  const timestamps = new Map<string, string>();
  for (const [view, rows] of stored) timestamps.set(view, timestampsOf(rows));
  let results =
    `{"values":${JSON.stringify(sensorIds)},${statuses},` +
    `"event_timestamps":[${repeated(`"${epoch}"`, sensorIds.length)}]}`;
  for (const { view, name } of features) {
    const values = valuesOf(name, stored.get(view) ?? []);
    results += `,{"values":${values},${statuses},"event_timestamps":[${timestamps.get(view) ?? ''}]}`;
  }
  const nameOf = ({ view, name }: FeatureReference): string =>
    request.fullFeatureNames ? `${view}__${name}` : name;
  const metadata = {
    feature_names: [feastJoinKey, ...features.map(nameOf)],
    ...(request.withViewMetadata
      ? { feature_view_metadata: viewsOf(request).map((name) => ({ name })) }
      : {}),
  };
  return `{"results":[${results}],"metadata":${JSON.stringify(metadata)}}`;
}

function repeated(item: string, count: number): string {
  return `${item},`.repeat(count - 1) + item;
}

function valuesOf(feature: string, stored: readonly (OnlineFeatures | undefined)[]): string {
  const values: (number | string | null)[] = [];
  for (let index = 0; index < stored.length; index += 1) {
    const value = stored[index]?.values[feature] ?? null;
    // JSON has no NaN and no infinities: Feast writes them as strings.
    values.push(value === null || Number.isFinite(value) ? value : String(value));
  }
  return JSON.stringify(values);
}

function timestampsOf(stored: readonly (OnlineFeatures | undefined)[]): string {
  let text = '';
  let timeMs = 0;
  let timestamp = epoch;
  for (let index = 0; index < stored.length; index += 1) {
    const rowTimeMs = stored[index]?.eventTimeMs ?? 0;
    // The rows of one request mostly end at the same time.
    if (rowTimeMs !== timeMs) timestamp = rfc3339(rowTimeMs);
    timeMs = rowTimeMs;
    text += index > 0 ? `,"${timestamp}"` : `"${timestamp}"`;
  }
  return text;
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

interface Asked {
  readonly features: unknown;
  readonly service: unknown;
  readonly fullFeatureNames: boolean;
}

function askedFeatures(
  { features, service, fullFeatureNames }: Asked,
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
