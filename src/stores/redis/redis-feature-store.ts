// The online feature store in Redis, in Feast's layout: the unmodified Feast SDK and feature server
// read it. Invariant: a sensor's hash never goes back to an older window, however often a row is
// written and by how many writers.
import type { FeatureRow } from '../../codecs/feature-row.ts';
import {
  decodeFeastValue,
  feastEntityKey,
  feastFields,
  feastTimeField,
  feastTimestampBytesMax,
  feastTimestampMs,
  feastValueBytesMax,
  feastView,
  sensorIdOfFeastKey,
  writeFeastTimestamp,
  writeFeastValue,
  type FeastType,
} from '../../codecs/feast.ts';
import type { RedisConfig } from '../../config/config.ts';
import { assert, DecodeError, isSensoriumError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { FeatureStore, OnlineFeatures, RowsRead, UpsertCounts } from '../feature-store.ts';
import { CachedReads, type Freshness } from './cached-reads.ts';
import { gathered, type Read } from './gathered-reads.ts';
import { PackedRows, readScript } from './read-script.ts';
import { openRedisConnection, type RedisConnection } from './redis-connection.ts';
import { upsertResult, upsertScript } from './upsert-script.ts';

export interface OnlineFeature {
  readonly name: string;
  readonly type: FeastType;
}

/** Rows per script call: 100 block Redis for under a millisecond. */
const rowsPerCall = 100;
/** Rows sent and not yet acknowledged. */
const rowsInFlightMax = 1_000;
/**
 * Sensors named in the log because Redis cannot hold or return their row; further ones are only
 * counted.
 */
const namedSensorsMax = 1_000;
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
    /** Default: the view of the base windows. */
    readonly views?: readonly string[];
    /** Rows of each view to cache. Default: none. A Cluster caches none. */
    readonly cachedRowsMax?: number;
    readonly logger: Logger;
  },
): FeatureStore {
  const layouts = layoutsOf(options.views ?? [feastView], options);
  const connection = openRedisConnection(options, options.logger);
  const nameOnce = namesOnce(options.logger);
  const views = new Map<string, View>();
  const caches: CachedReads<Found>[] = [];
  const freshness = followChanges(connection, caches, options.cachedRowsMax ?? 0);
  for (const [name, layout] of layouts) {
    const readNow: Read<Found> = (ids) => read(connection, layout, ids, nameOnce);
    const readGathered = gathered(readNow, rowsPerCall);
    if (freshness === undefined) {
      views.set(name, { layout, read: readGathered });
      continue;
    }
    const cache = new CachedReads(readGathered, freshness, options.cachedRowsMax ?? 0);
    caches.push(cache);
    views.set(name, {
      layout,
      read: (ids) => cache.read(ids.map(wellFormed)),
      readKept: (ids) => cache.readKept(ids.map(wellFormed)),
    });
  }
  const viewNamed = (name = feastView): View => {
    const view = views.get(name);
    assert(view !== undefined, 'the store was not opened with this view', { view: name });
    return view;
  };
  const ofCaches: Pick<FeatureStore, 'readKept' | 'rowsRead'> = {
    readKept: (sensorIds, view) => viewNamed(view).readKept?.(sensorIds),
    rowsRead: () => rowsReadOf(caches),
  };
  return {
    async upsert(rows, view) {
      const counts = await upsert(connection, viewNamed(view).layout, rows, nameOnce);
      // Read your own writes: do not wait for Redis to report them.
      for (const cache of caches) for (const row of rows) cache.changed(wellFormed(row.sensor_id));
      return counts;
    },
    read: async (sensorIds, view) => viewNamed(view).read(sensorIds),
    ping: () => connection.ping(),
    interruptions: () => connection.interruptions(),
    ...(freshness === undefined ? {} : ofCaches),
    close: async () => connection.close(),
  };
}

/**
 * Drops changed rows from `caches`. Returns undefined without a cache or without change reports.
 */
function followChanges(
  connection: RedisConnection,
  caches: readonly CachedReads<Found>[],
  rowsMax: number,
): Freshness | undefined {
  if (rowsMax === 0) return undefined;
  return connection.track({
    changed(key) {
      const sensorId = sensorIdOfFeastKey(key);
      if (sensorId !== undefined) for (const cache of caches) cache.changed(sensorId);
    },
    allChanged() {
      for (const cache of caches) cache.clear();
    },
  });
}

function rowsReadOf(caches: readonly CachedReads<Found>[]): RowsRead {
  const read = caches.map(({ rowsRead }) => rowsRead);
  return {
    cached: read.reduce((sum, { cached }) => sum + cached, 0),
    stored: read.reduce((sum, { stored }) => sum + stored, 0),
  };
}

/** Returns the id as Redis stores it: UTF-8 cannot hold half a surrogate pair. */
const wellFormed = (sensorId: string): string => sensorId.toWellFormed();

interface Layout {
  readonly features: readonly OnlineFeature[];
  readonly timeField: Buffer;
  /** Hash fields of `features`, in the same order. */
  readonly fields: readonly Buffer[];
  readonly ttl: string;
}

/** All views of a sensor share one hash, so no two of their fields may be equal. */
function layoutsOf(
  views: readonly string[],
  { features, onlineTtlS }: RedisConfig & { readonly features: readonly OnlineFeature[] },
): ReadonlyMap<string, Layout> {
  const names = features.map((feature) => feature.name);
  const owners = new Map<string, string>();
  return new Map(
    views.map((view) => {
      const fields = feastFields(names, view);
      for (const field of fields.map((bytes) => bytes.toString('hex'))) {
        const owner = owners.get(field);
        assert(owner === undefined, 'two views share one field of the Feast layout', {
          view,
          other: owner,
        });
        owners.set(field, view);
      }
      const ttl = String(onlineTtlS ?? 0);
      return [view, { features, timeField: feastTimeField(view), fields, ttl }];
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

type NameOnce = (sensorId: string, problem: string) => void;

function namesOnce(logger: Logger): NameOnce {
  const named = new Set<string>();
  return (sensorId, problem) => {
    if (named.size >= namedSensorsMax || named.has(sensorId)) return;
    named.add(sensorId);
    logger.error(
      { sensor: sensorId, key: feastEntityKey(sensorId).toString('hex'), problem },
      'Redis does not serve this sensor',
    );
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
  const keys = packed.rows.map((row) => feastEntityKey(row.sensor_id));
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
  const keys = sensorIds.map((id) => feastEntityKey(id));
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
