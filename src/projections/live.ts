// The sample of feature rows that the page shows: the newest few, a few times a second, whatever
// the rate of the stream.
import type { Clock, Timer } from '../clock.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';

const postIntervalMs = 250;
const rowsMax = 200;

export interface LiveRows {
  /** Adds rows in projection order; the oldest are dropped when there are too many. */
  offer(rows: readonly FeatureRow[]): void;
  /** Drops the rows not yet posted. Idempotent. */
  close(): void;
}

/**
 * Returns a tail that posts at most 200 rows at a time: at once after a pause, then every 250 ms at
 * most.
 */
export function createLiveRows(
  clock: Clock,
  post: (rows: readonly FeatureRow[]) => void,
): LiveRows {
  let waiting: FeatureRow[] = [];
  let timer: Timer | undefined;
  let closed = false;
  const flush = (): void => {
    timer = undefined;
    if (waiting.length === 0) return;
    const rows = waiting;
    waiting = [];
    post(rows);
    timer = clock.after(postIntervalMs, flush);
  };
  return {
    offer(rows) {
      if (closed || rows.length === 0) return;
      waiting.push(...rows.slice(-rowsMax));
      if (waiting.length > rowsMax) waiting = waiting.slice(-rowsMax);
      if (timer === undefined) flush();
    },
    close() {
      closed = true;
      timer?.cancel();
      timer = undefined;
      waiting = [];
    },
  };
}
