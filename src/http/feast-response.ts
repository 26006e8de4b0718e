// Feast's feature-server protocol (0.67.0) as pure functions: the request checked as FastAPI checks it, the answer in
// the server's column-wise shape, errors as it gives them (a JSON string that holds JSON).
import { feastJoinKey, feastProject, feastView } from '../codecs/feast.ts';
import type { OnlineFeatures } from '../stores/feature-store.ts';

export interface OnlineFeaturesRequest {
  readonly sensorIds: readonly string[];
  /** Names without their view, in the order asked for. */
  readonly features: readonly string[];
  readonly fullFeatureNames: boolean;
  readonly withViewMetadata: boolean;
}

export interface FeastRefusal {
  readonly status: 404 | 422 | 500;
  /** Sent as JSON: a string is therefore doubly encoded, as Feast's are. */
  readonly body: string | { readonly detail: readonly object[] };
}

/** `unix epoch`: what Feast reports for an entity value and for a sensor that is not stored. */
const epoch = '1970-01-01T00:00:00Z';
const sensorIdsMax = 10_000;

/** Returns the request that `text` holds, or how Feast's server refuses it. `known` are the view's features. */
export function parseOnlineFeaturesRequest(
  text: string,
  known: readonly string[],
): OnlineFeaturesRequest | FeastRefusal {
  const body = parseJson(text);
  if (body === undefined) return invalidJson();
  if (!isRecord(body)) return invalid('model_attributes_type', [], 'Input should be an object');
  const { entities, features, feature_service: service } = body;
  if (entities === undefined) return invalid('missing', ['entities'], 'Field required');
  if (!isRecord(entities)) return invalid('dict_type', ['entities'], 'Input should be an object');
  const ids = sensorIdsOf(entities);
  if ('status' in ids) return ids;
  const names = featureNames(features, service, known);
  if ('status' in names) return names;
  return {
    sensorIds: ids.values,
    features: names.values,
    fullFeatureNames: body['full_feature_names'] === true,
    withViewMetadata: body['include_feature_view_version_metadata'] === true,
  };
}

/** Returns the answer body: `results[i]` belongs to `metadata.feature_names[i]`, the entity's column first. */
export function onlineFeaturesResponse(
  request: OnlineFeaturesRequest,
  stored: readonly (OnlineFeatures | undefined)[],
): object {
  // Only PRESENT is ever seen of Feast on Redis: for nulls, for unknown entities, for expired ones.
  const statuses = request.sensorIds.map(() => 'PRESENT');
  const timestamps = stored.map((row) => (row === undefined ? epoch : rfc3339(row.eventTimeMs)));
  const prefix = request.fullFeatureNames ? `${feastView}__` : '';
  return {
    results: [
      { values: request.sensorIds, statuses, event_timestamps: statuses.map(() => epoch) },
      ...request.features.map((feature) => ({
        values: stored.map((row) => jsonNumber(row?.values[feature] ?? null)),
        statuses,
        event_timestamps: timestamps,
      })),
    ],
    metadata: {
      feature_names: [feastJoinKey, ...request.features.map((feature) => prefix + feature)],
      ...(request.withViewMetadata ? { feature_view_metadata: [{ name: feastView }] } : {}),
    },
  };
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

function featureNames(
  features: unknown,
  service: unknown,
  known: readonly string[],
): { readonly values: readonly string[] } | FeastRefusal {
  if (typeof service === 'string' && service !== '') {
    if (service === feastView) return { values: known };
    return notFound('FeatureServiceNotFoundException', `Feature service ${service}`);
  }
  if (!Array.isArray(features) || features.some((feature) => typeof feature !== 'string')) {
    return invalid('list_type', ['features'], 'Input should be a valid list of strings');
  }
  const names: string[] = [];
  for (const reference of features as string[]) {
    const colon = reference.indexOf(':');
    const view = reference.slice(0, Math.max(colon, 0));
    const name = reference.slice(colon + 1);
    if (colon < 0) return failed(`Invalid feature reference ${reference}: expected view:feature`);
    if (view !== feastView) return notFound('FeatureViewNotFoundException', `Feature view ${view}`);
    if (!known.includes(name)) return failed(`Feature ${name} does not exist in view ${view}`);
    if (names.includes(name)) return failed(`Duplicate features named ${name} found.`);
    names.push(name);
  }
  if (names.length === 0) return failed('No features were requested');
  return { values: names };
}

function jsonNumber(value: number | null): number | string | null {
  if (value === null || Number.isFinite(value)) return value;
  return String(value);
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
