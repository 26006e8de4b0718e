// The tail of feature rows that the page shows: the newest few, a few times a second, whatever the rate of the stream.
import type { Clock, Timer } from '../clock.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';

const postIntervalMs = 250;
const rowsMax = 200;

export interface LiveRows {
  /** Takes rows in the order they were projected; those that do not fit push the oldest out. */
  offer(rows: readonly FeatureRow[]): void;
  /** Drops what was not posted. Idempotent. */
  close(): void;
}

/** Returns a tail that calls `post` with at most 200 rows, at once when it was quiet and then every 250 ms at most. */
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
