// The port of the online feature store: the newest feature row of each sensor in each view. Redis
// holds it in Feast's layout. A view has its Feast name; the default is the view of the base
// windows.
import type { FeatureRow } from '../codecs/feature-row.ts';

export interface OnlineFeatures {
  readonly eventTimeMs: number;
  /** By feature name; null where the store holds none. */
  readonly values: Readonly<Record<string, number | null>>;
  /** Derived data that a reader caches on the row; dropped together with it. */
  derived?: object;
}

export interface UpsertCounts {
  readonly written: number;
  /** Rows not newer than the stored one. */
  readonly skipped: number;
  /**
   * Rows the store cannot hold: a key of another type, a value out of range. Logged once per
   * sensor.
   */
  readonly refused?: number;
}

export interface RowsRead {
  /** Served from memory. */
  readonly cached: number;
  readonly stored: number;
  /** Memory of the rows that are cached now, as estimated. */
  readonly cachedBytes: number;
}

export interface FeatureStore {
  /**
   * Writes each row unless the view holds a row of the same sensor with the same or a later window
   * end. Atomic per sensor.
   * @throws UnavailableError when the store cannot be reached. Some rows may be written; writing
   * the batch again is harmless.
   */
  upsert(rows: readonly FeatureRow[], view?: string): Promise<UpsertCounts>;
  /**
   * Resolves with one entry per id, in order; undefined where the view has no row of the sensor.
   */
  read(
    sensorIds: readonly string[],
    view?: string,
  ): Promise<readonly (OnlineFeatures | undefined)[]>;
  /**
   * Returns the result of `read` if every row is in memory, else undefined. Absent in a store
   * without a cache.
   */
  readKept?(
    sensorIds: readonly string[],
    view?: string,
  ): readonly (OnlineFeatures | undefined)[] | undefined;
  /** Makes a round trip to the store. @throws UnavailableError */
  ping(): Promise<void>;
  /**
   * Returns how often the connection was lost since it was opened. Each loss may be a failover that
   * dropped recently acknowledged writes. Absent in a store that cannot lose any.
   */
  interruptions?(): number;
  /**
   * Returns the rows read since the store was opened, by source. Absent in a store without a cache.
   */
  rowsRead?(): RowsRead;
  close(): Promise<void>;
}
