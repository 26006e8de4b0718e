// The bounds of a history folder; tests set small ones.

export interface HistoryLimits {
  /** Rows held in memory between two commits. */
  readonly rowsMax: number;
  /** Rows per row group of a day file; memory holds one to write and one of each file to read. */
  readonly dayGroupRows: number;
  readonly pieceGroupRows: number;
  /** Pieces of a day and level that are merged into one. */
  readonly piecesPerLevel: number;
  /** Least time between two rewrites of an open day. */
  readonly publishIntervalMs: number;
}

export const historyLimitDefaults: HistoryLimits = {
  rowsMax: 65_536,
  dayGroupRows: 32_768,
  pieceGroupRows: 4_096,
  piecesPerLevel: 32,
  publishIntervalMs: 60_000,
};
