// The online feature store in Redis, in Feast's layout: the unmodified Feast SDK and feature server
// read it. Invariant: a sensor's hash never goes back to an older window, however often a row is
// written and by how many writers.
import type { FeatureRow } from '../../codecs/feature-row.ts';
import {
  decodeFeastValue,
  feastEntityKey,
  feastFields,
  feastNames,
  feastTimeField,
  feastTimestampBytesMax,
  feastTimestampMs,
  feastValueBytesMax,
  feastView,
  sensorIdOfFeastKey,
  writeFeastTimestamp,
  writeFeastValue,
  type FeastNames,
  type FeastType,
} from '../../codecs/feast.ts';
import type { RedisConfig } from '../../config/redis-config.ts';
import { assert, DecodeError, isSensoriumError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { FeatureStore, OnlineFeatures, UpsertCounts } from '../feature-store.ts';
import {
  cachedRowBytes,
  CachedReads,
  rowsReadOf,
  type CacheBounds,
  type Freshness,
} from './cached-reads.ts';
import { gathered, type Read } from './gathered-reads.ts';
import { namesOnce, type NameOnce } from './name-once.ts';
import type { Pipeline } from './owner-marker.ts';
import { PackedRows, readScript } from './read-script.ts';
import { openRedisConnection, type RedisConnection } from './redis-connection.ts';
import { writeGuard } from './store-owner.ts';
import { upsertResult, upsertScript } from './upsert-script.ts';

export interface OnlineFeature {
  readonly name: string;
  readonly type: FeastType;
}

/** Rows per script call: 100 block Redis for under a millisecond. */
const rowsPerCall = 100;
/** Rows sent and not yet acknowledged. */
const rowsInFlightMax = 1_000;
const otherTypeProblem = 'its key holds another type than a hash: delete the key';

/**
 * Returns the store over the Redis of `options` without waiting for it: calls fail with
 * UnavailableError until it is up. Features of a row that `options.features` does not name are not
 * written; missing ones are written as null.
 * @throws ConfigError when the address is malformed; InvariantError when two features share a
 * field.
 */
export function openRedisFeatureStore(
  options: RedisConfig & {
    readonly features: readonly OnlineFeature[];
    /** Default: those of feature_repo. */
    readonly names?: FeastNames;
    /** Default: the view of the base windows. */
    readonly views?: readonly string[];
    /** Rows of each view to cache, and the bytes of all. Default: none. A Cluster caches none. */
    readonly cached?: CacheBounds;
    /** The pipeline that writes: rows are refused while another one owns the store. */
    readonly writer?: Pipeline | undefined;
    readonly logger: Logger;
  },
): FeatureStore {
  const layouts = layoutsOf(options.views ?? [feastView], options);
  const connection = openRedisConnection(options, options.logger);
  const { names = feastNames } = options;
  const nameOnce = namesOnce(options.logger, names);
  const views = new Map<string, View>();
  const caches: CachedReads<Found>[] = [];
  const { bytesMax, rowsMax } = options.cached ?? { bytesMax: 0, rowsMax: 0 };
  const freshness = followChanges(connection, caches, { names, rowsMax });
  for (const [name, layout] of layouts) {
    const readNow: Read<Found> = (ids) => read(connection, layout, ids, nameOnce);
    const readGathered = gathered(readNow, rowsPerCall);
    if (freshness === undefined) {
      views.set(name, { layout, read: readGathered });
      continue;
    }
    const rowBytes = cachedRowBytes(layout.features.length);
    const share = { rowsMax, bytesMax: bytesMax / layouts.size, rowBytes };
    const cache = new CachedReads(readGathered, freshness, share);
    caches.push(cache);
    views.set(name, cachedView(layout, cache));
  }
  const viewNamed = (name?: string): View => viewIn(views, name);
  const mayWrite = writeGuard(connection, { names, pipeline: options.writer });
  return {
    async upsert(rows, view) {
      await mayWrite();
      const counts = await upsert(connection, viewNamed(view).layout, rows, nameOnce);
      // Read your own writes: do not wait for Redis to report them.
      for (const cache of caches) for (const row of rows) cache.changed(wellFormed(row.sensor_id));
      return counts;
    },
    read: async (sensorIds, view) => viewNamed(view).read(sensorIds),
    ping: () => connection.ping().then(mayWrite),
    interruptions: () => connection.interruptions(),
    ...(freshness === undefined
      ? {}
      : {
          readKept: (ids, view) => viewNamed(view).readKept?.(ids),
          rowsRead: () => rowsReadOf(caches),
        }),
    close: async () => connection.close(),
  };
}

function viewIn(views: ReadonlyMap<string, View>, name: string = feastView): View {
  const view = views.get(name);
  assert(view !== undefined, 'the store was not opened with this view', { view: name });
  return view;
}

/**
 * Drops changed rows from `caches`. Returns undefined without a cache or without change reports.
 */
function followChanges(
  connection: RedisConnection,
  caches: readonly CachedReads<Found>[],
  { names, rowsMax }: { readonly names: FeastNames; readonly rowsMax: number },
): Freshness | undefined {
  if (rowsMax === 0) return undefined;
  return connection.track({
    changed(key) {
      const sensorId = sensorIdOfFeastKey(key, names);
      if (sensorId !== undefined) for (const cache of caches) cache.changed(sensorId);
    },
    allChanged() {
      for (const cache of caches) cache.clear();
    },
  });
}

/** Returns the id as Redis stores it: UTF-8 cannot hold half a surrogate pair. */
const wellFormed = (sensorId: string): string => sensorId.toWellFormed();

interface Layout {
  readonly names: FeastNames;
  readonly features: readonly OnlineFeature[];
  readonly timeField: Buffer;
  /** Hash fields of `features`, in the same order. */
  readonly fields: readonly Buffer[];
  readonly ttl: string;
}

/** All views of a sensor share one hash, so no two of their fields may be equal. */
function layoutsOf(
  views: readonly string[],
  {
    features,
    names = feastNames,
    onlineTtlS,
  }: RedisConfig & { readonly features: readonly OnlineFeature[]; readonly names?: FeastNames },
): ReadonlyMap<string, Layout> {
  const featureNames = features.map((feature) => feature.name);
  const owners = new Map<string, string>();
  return new Map(
    views.map((view) => {
      const fields = feastFields(featureNames, view);
      for (const field of fields.map((bytes) => bytes.toString('hex'))) {
        const owner = owners.get(field);
        assert(owner === undefined, 'two views share one field of the Feast layout', {
          view,
          other: owner,
        });
        owners.set(field, view);
      }
      const ttl = String(onlineTtlS ?? 0);
      return [view, { names, features, timeField: feastTimeField(view), fields, ttl }];
    }),
  );
}

/** A view's row of a sensor; undefined if it has none. */
type Found = OnlineFeatures | undefined;

interface View {
  readonly layout: Layout;
  readonly read: Read<Found>;
  readonly readKept?: (ids: readonly string[]) => readonly Found[] | undefined;
}

function cachedView(layout: Layout, cache: CachedReads<Found>): View {
  return {
    layout,
    read: (ids) => cache.read(ids.map(wellFormed)),
    readKept: (ids) => cache.readKept(ids.map(wellFormed)),
  };
}

async function upsert(
  connection: RedisConnection,
  layout: Layout,
  rows: readonly FeatureRow[],
  nameOnce: NameOnce,
): Promise<UpsertCounts> {
  const totals = { written: 0, skipped: 0, refused: 0 };
  const step = connection.clustered ? 1 : rowsPerCall;
  for (let from = 0; from < rows.length; from += rowsInFlightMax) {
    const until = Math.min(from + rowsInFlightMax, rows.length);
    const calls: Promise<void>[] = [];
    for (let at = from; at < until; at += step) {
      const chunk = rows.slice(at, Math.min(at + step, until));
      calls.push(upsertChunk(connection, layout, chunk, totals, nameOnce));
    }
    await Promise.all(calls);
  }
  const { written, skipped, refused } = totals;
  return refused === 0 ? { written, skipped } : { written, skipped, refused };
}

async function upsertChunk(
  connection: RedisConnection,
  layout: Layout,
  rows: readonly FeatureRow[],
  totals: { written: number; skipped: number; refused: number },
  nameOnce: NameOnce,
): Promise<void> {
  const packed = packRows(layout, rows, nameOnce);
  totals.refused += rows.length - packed.rows.length;
  if (packed.rows.length === 0) return;
  const keys = packed.rows.map((row) => feastEntityKey(row.sensor_id, layout.names));
  const reply = await connection.evaluate(upsertScript, keys, [
    layout.timeField,
    layout.ttl,
    packed.bytes,
    ...layout.fields,
  ]);
  assert(Array.isArray(reply), 'the upsert script answers with an array');
  assert(reply.length === keys.length, 'the upsert script answers once per row', {
    expected: keys.length,
    came: reply.length,
  });
  packed.rows.forEach((row, index) => {
    if (reply[index] === upsertResult.written) totals.written += 1;
    else if (reply[index] === upsertResult.skipped) totals.skipped += 1;
    else {
      totals.refused += 1;
      nameOnce(row.sensor_id, otherTypeProblem);
    }
  });
}

/**
 * Packs the cells of each row as length-prefixed bytes; rows that cannot be encoded are left out.
 */
function packRows(
  layout: Layout,
  rows: readonly FeatureRow[],
  nameOnce: NameOnce,
): { readonly rows: readonly FeatureRow[]; readonly bytes: Buffer } {
  const rowBytesMax =
    1 + feastTimestampBytesMax + layout.features.length * (1 + feastValueBytesMax);
  const bytes = Buffer.allocUnsafe(rows.length * rowBytesMax);
  const packedRows: FeatureRow[] = [];
  let at = 0;
  for (const row of rows) {
    try {
      at = packRow(layout, row, bytes, at);
      packedRows.push(row);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      nameOnce(row.sensor_id, error.message);
    }
  }
  return { rows: packedRows, bytes: bytes.subarray(0, at) };
}

function packRow(layout: Layout, row: FeatureRow, bytes: Buffer, at: number): number {
  let end = writeFeastTimestamp(bytes, at + 1, row.window_end);
  bytes[at] = end - at - 1;
  for (const { name, type } of layout.features) {
    const start = end;
    end = writeFeastValue(bytes, start + 1, type, row.features[name] ?? null);
    bytes[start] = end - start - 1;
  }
  return end;
}

async function read(
  connection: RedisConnection,
  layout: Layout,
  sensorIds: readonly string[],
  nameOnce: NameOnce,
): Promise<readonly Found[]> {
  const step = connection.clustered ? 1 : rowsPerCall;
  if (sensorIds.length <= step) return readChunk(connection, layout, sensorIds, nameOnce);
  const chunks: Promise<readonly Found[]>[] = [];
  for (let from = 0; from < sensorIds.length; from += step) {
    chunks.push(readChunk(connection, layout, sensorIds.slice(from, from + step), nameOnce));
  }
  return (await Promise.all(chunks)).flat();
}

async function readChunk(
  connection: RedisConnection,
  layout: Layout,
  sensorIds: readonly string[],
  nameOnce: NameOnce,
): Promise<readonly Found[]> {
  if (sensorIds.length === 0) return [];
  const keys = sensorIds.map((id) => feastEntityKey(id, layout.names));
  const reply = await connection.evaluate(readScript, keys, [layout.timeField, ...layout.fields]);
  assert(Buffer.isBuffer(reply), 'the read script answers with one string');
  const rows = new PackedRows(reply);
  const found = sensorIds.map((id) => unpackRow(layout, id, rows, nameOnce));
  assert(rows.ended(), 'the read script answers with as many cells as were asked for');
  return found;
}

function unpackRow(layout: Layout, sensorId: string, rows: PackedRows, nameOnce: NameOnce): Found {
  if (rows.wrongType()) {
    nameOnce(sensorId, otherTypeProblem);
    return undefined;
  }
  let stored = rows.next();
  const eventTimeMs = stored ? decoded(feastTimestampMs, rows, sensorId, nameOnce) : null;
  const values: Record<string, number | null> = {};
  for (const { name } of layout.features) {
    const present = rows.next();
    stored ||= present;
    values[name] = present ? decoded(decodeFeastValue, rows, sensorId, nameOnce) : null;
  }
  return stored ? { eventTimeMs: eventTimeMs ?? 0, values } : undefined;
}

/** Returns null for a cell that cannot be decoded, and names the sensor in the log. */
function decoded(
  decode: (bytes: Uint8Array, start: number, end: number) => number | null,
  rows: PackedRows,
  sensorId: string,
  nameOnce: NameOnce,
): number | null {
  try {
    return decode(rows.bytes, rows.start, rows.end);
  } catch (error) {
    if (!isSensoriumError(error)) throw error;
    nameOnce(sensorId, error.message);
    return null;
  }
}
