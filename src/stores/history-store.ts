// The port of a view's history: every feature row of its topic once, kept in files by UTC day, with
// the positions up to which the topic is in them. Rows and positions change together.
import type { FeatureRow } from '../codecs/feature-row.ts';

/** A feature row as history keeps it; times in ms since 1970. */
export interface HistoryEntry {
  readonly row: FeatureRow;
  /** When the row was committed. */
  readonly createdMs: number;
  /** From when on the row counts as readable (ADR 19). */
  readonly availableMs: number;
}

/** Offsets [from, to) that the topic lost before they were read. */
export interface HistoryGap {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** How far a backfill of files is in a history; it changes together with the rows. */
export interface BackfillMark {
  /** A hash of files, range and settings: the same backfill has the same id again. */
  readonly id: string;
  /** Wall clock at its first start, ms. */
  readonly startedMs: number;
  readonly phase: 'removing' | 'adding' | 'done';
  /** How many of its rows the history holds: the first ones, in the order they are made. */
  readonly rows: number;
}

/** Rows of some sensors whose windows end in (fromMs, toMs]. */
export interface SensorRange {
  readonly sensorIds: ReadonlySet<string>;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface HistoryProgress {
  /** Next offset to read, by partition; undefined stands for the earliest. */
  readonly positions: readonly (number | undefined)[];
  /** Newest window end read, by partition. */
  readonly newestMs: readonly (number | undefined)[];
  readonly gaps: readonly HistoryGap[];
  /** Id of the topic that `positions` are in, if known. A commit keeps a known one. */
  readonly topicId?: string | undefined;
  /** A commit without it leaves it as it is. */
  readonly backfill?: BackfillMark;
}

export interface PublishOptions {
  readonly closedMs: number;
  readonly when: 'due' | 'now';
  /** Gives up a merge under way, with an UnavailableError; nothing is lost by it. */
  readonly signal?: AbortSignal;
}

export interface HistoryStore {
  /** As of the last `commit`, or of the opening. */
  progress(): HistoryProgress;
  /** Rows added since the last `commit`. */
  pendingRows(): number;
  /** Whether `commit` must come before the next `add`. */
  readonly isFull: boolean;
  /** Holds `entry` in memory until the next `commit`. */
  add(entry: HistoryEntry): void;
  /**
   * Makes the rows added and `progress` durable, both or neither. After an error the store is of no
   * use any more: close it and open it again.
   * @throws FencedError when another process has taken the folder over.
   */
  commit(progress: HistoryProgress): Promise<void>;
  /**
   * Merges rows into the day files that readers see: of days that ended by `closedMs`, and of all
   * days where `when` is `now`. `when` = `due` bounds how often an open day is rewritten.
   */
  publish(options: PublishOptions): Promise<void>;
  /** Shows others that this process lives, where nothing is committed for a while. */
  beat(): Promise<void>;
  /** Gives the folder up for others. Idempotent. */
  close(): Promise<void>;
}

/** A history that a backfill may change, too. */
export interface BackfilledHistory extends HistoryStore {
  /** Returns the window end of some row in `range`, or undefined if the history has no such row. */
  firstRowIn(range: SensorRange): Promise<number | undefined>;
  /** Removes the committed rows of `range`. After a kill, call it again. */
  removeRows(range: SensorRange): Promise<void>;
}

/** One feature row; times in ms since 1970. */
export interface SensorRow {
  readonly window_start: number;
  readonly window_end: number;
  /** When the row was committed. */
  readonly created: number;
  /** From when on the row counts as readable (ADR 19). */
  readonly available_at: number;
  /** null for a feature that the row lacks. */
  readonly features: Readonly<Record<string, number | null>>;
}

export interface WantedRows {
  readonly sensorId: string;
  /** Lower bound of the window end, exclusive. */
  readonly fromMs: number;
  /** Upper bound, inclusive. */
  readonly toMs: number;
  /** The number of rows wanted: the newest of the range. */
  readonly rowsMax: number;
}

export interface StoredSensorRows {
  /** The newest rows wanted, unordered; older ones of the same day may be among them. */
  readonly rows: readonly SensorRow[];
  /** Next offset of the topic that is not in the files, by partition. */
  readonly positions: readonly (number | null)[];
}
