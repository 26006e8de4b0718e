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

export interface HistoryProgress {
  /** Next offset to read, by partition; the earliest where there is none. */
  readonly positions: readonly (number | undefined)[];
  /** Newest window end read, by partition. */
  readonly newestMs: readonly (number | undefined)[];
  readonly gaps: readonly HistoryGap[];
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
