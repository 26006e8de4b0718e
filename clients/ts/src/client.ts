// The client: typed references in, typed rows out. It keeps no state but the reads of the current turn.
import { Batcher } from './batcher.ts';
import { FeatureError } from './errors.ts';
import { rowsOf, type OnlineRow } from './rows.ts';
import { post, type TransportOptions } from './transport.ts';
import { parseResponse, type EntityColumns, type EntityValue, type FeatureValue } from './wire.ts';

/** The features there are, by reference: `{ 'sensor_features:avg_value': number }`. */
export type FeatureTypes = Readonly<Record<string, FeatureValue>>;

/** The name of a feature in a row: `avg_value`, with full names `sensor_features__avg_value`. */
export type FeatureName<
  Reference extends string,
  Full extends boolean,
> = Reference extends `${infer View}:${infer Name}`
  ? Full extends true
    ? `${View}__${Name}`
    : Name
  : Reference;

export type FeatureValues<F, Reference extends keyof F & string, Full extends boolean> = {
  readonly [R in Reference as FeatureName<R, Full>]: F[R] | null;
};

export interface ClientOptions extends TransportOptions {
  /** Gathers the reads of one turn into one request. `false` sends each by itself. */
  readonly batch?: false | { readonly rowsMax?: number; readonly delayMs?: number };
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

export interface FeatureRequest<Reference extends string, Full extends boolean> {
  readonly features: readonly Reference[];
  readonly entities: EntityColumns;
  /** Names in rows become `view__name`; needed where two views have a feature of the same name. */
  readonly fullFeatureNames?: Full;
}

export interface ServiceRequest {
  readonly featureService: string;
  readonly entities: EntityColumns;
  readonly fullFeatureNames?: boolean;
}

export interface FeatureClient<F extends FeatureTypes = FeatureTypes> {
  /**
   * Resolves with a row for each entity, in the order given.
   * @throws FeatureError whose `kind` says what went wrong; the signal's reason when it aborts.
   */
  getOnlineFeatures<Reference extends keyof F & string, Full extends boolean = false>(
    request: FeatureRequest<Reference, Full>,
    options?: ReadOptions,
  ): Promise<readonly OnlineRow<FeatureValues<F, Reference, Full>>[]>;
  /** The same for a feature service, whose features only the server knows. */
  getFeatureService(request: ServiceRequest, options?: ReadOptions): Promise<readonly OnlineRow[]>;
}

const path = 'get-online-features';
const rowsMaxDefault = 1_000;

type Entity = Readonly<Record<string, EntityValue>>;
interface Selection {
  readonly features?: readonly string[];
  readonly feature_service?: string;
  readonly full_feature_names: boolean;
}

/** Returns a client of the feature server at `options.url`; nothing is sent before the first read. */
export function createFeatureClient<F extends FeatureTypes = FeatureTypes>(
  options: ClientOptions,
): FeatureClient<F> {
  const read = reader(options);
  return {
    async getOnlineFeatures({ features, entities, fullFeatureNames }, { signal } = {}) {
      const selection = { features, full_feature_names: fullFeatureNames === true };
      // The one cast: the server was asked for exactly these features.
      return (await read(selection, rowEntities(entities), signal)) as never;
    },
    getFeatureService({ featureService, entities, fullFeatureNames }, { signal } = {}) {
      const selection = {
        feature_service: featureService,
        full_feature_names: fullFeatureNames === true,
      };
      return read(selection, rowEntities(entities), signal);
    },
  };
}

function reader(
  options: ClientOptions,
): (
  selection: Selection,
  entities: readonly Entity[],
  signal?: AbortSignal,
) => Promise<readonly OnlineRow[]> {
  const { batch = {} } = options;
  const batchers = new Map<string, Batcher<OnlineRow>>();
  return async (selection, entities, signal) => {
    if (entities.length === 0) return [];
    if (batch === false) return send(options, selection, entities, signal);
    // Only reads of the same features and the same entity columns can share a request.
    const key = JSON.stringify([selection, Object.keys(entities[0] ?? {})]);
    let batcher = batchers.get(key);
    if (batcher === undefined) {
      batcher = new Batcher<OnlineRow>({
        rowsMax: batch.rowsMax ?? rowsMaxDefault,
        delayMs: batch.delayMs ?? 0,
        send: (items, shared) => send(options, selection, items as readonly Entity[], shared),
        idle: () => batchers.delete(key),
      });
      batchers.set(key, batcher);
    }
    return batcher.read(entities, signal);
  };
}

async function send(
  options: ClientOptions,
  selection: Selection,
  entities: readonly Entity[],
  signal?: AbortSignal,
): Promise<readonly OnlineRow[]> {
  const body = JSON.stringify({ ...selection, entities: columnsOf(entities) });
  const text = await post(options, path, body, signal);
  try {
    return rowsOf(parseResponse(text, entities.length), entities, Date.now());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${options.url} does not answer as a feature server: ${reason}`;
    throw new FeatureError('protocol', message, { status: 200, attempts: 1, cause });
  }
}

function rowEntities(columns: EntityColumns): readonly Entity[] {
  const keys = Object.keys(columns);
  const count = columns[keys[0] ?? '']?.length ?? 0;
  for (const key of keys) {
    if (columns[key]?.length === count) continue;
    throw new TypeError(
      `entity columns must be equally long: ${keys[0]} has ${count} values, ${key} ${columns[key]?.length}`,
    );
  }
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(keys.map((key) => [key, columns[key]?.[row] ?? ''])),
  );
}

function columnsOf(entities: readonly Entity[]): EntityColumns {
  const keys = Object.keys(entities[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, entities.map((entity) => entity[key] ?? '')]));
}
