// The port of the online feature store: the newest feature row of each sensor in each view, in Feast's layout where it
// is Redis. A view is named as Feast names it; left out, it is the one of the base windows.
import type { FeatureRow } from '../codecs/feature-row.ts';

export interface OnlineFeatures {
  readonly eventTimeMs: number;
  /** By feature name; null where the store holds none. */
  readonly values: Readonly<Record<string, number | null>>;
  /** Of who answers with it, as `alone`: a row that a store keeps is answered with many times. */
  text?: RowText;
  /** What it looks like in an answer about its sensor alone; `selection` is compared by identity. */
  alone?: { readonly selection: object; readonly text: string };
}

/** What a row looks like in JSON, each part behind a comma. */
export interface RowText {
  /** Whose values, in this order; compared by identity. */
  readonly names: readonly string[];
  readonly cells: readonly string[];
  readonly timestamp: string;
}

export interface UpsertCounts {
  readonly written: number;
  /** As old as what is stored, or older. */
  readonly skipped: number;
  /** Rows the store cannot hold (another type at the key, a value outside its type); logged by sensor once. */
  readonly refused?: number;
}

export interface RowsRead {
  /** In memory. */
  readonly cached: number;
  readonly stored: number;
}

export interface FeatureStore {
  /**
   * Writes each row unless the view holds one of the same sensor that is as new or newer (by window end);
   * atomic per sensor. @throws UnavailableError when the store cannot be reached: nothing is known of the batch,
   * writing it again is harmless.
   */
  upsert(rows: readonly FeatureRow[], view?: string): Promise<UpsertCounts>;
  /** One entry per id, in order; undefined for a sensor that is not stored in the view. */
  read(
    sensorIds: readonly string[],
    view?: string,
  ): Promise<readonly (OnlineFeatures | undefined)[]>;
  /** Returns what `read` would resolve to where all of it is in memory, else undefined; left out by a store that keeps none. */
  readKept?(
    sensorIds: readonly string[],
    view?: string,
  ): readonly (OnlineFeatures | undefined)[] | undefined;
  /** Round trip to the store; throws UnavailableError. */
  ping(): Promise<void>;
  /**
   * How often the connection to the store was lost since it was opened: each time, writes answered shortly before may
   * be lost too. Left out by a store that cannot lose any.
   */
  interruptions?(): number;
  /** Rows read since it was opened, by where they were. Left out by a store that keeps none in memory. */
  rowsRead?(): RowsRead;
  close(): Promise<void>;
}
