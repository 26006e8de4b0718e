// How long a fetch waits at the broker, by what came of late. Live load is dear if fetches are tiny
// (trap 20), so while records flow a fetch waits for enough of them; when they have stopped, one
// long fetch that the first record ends.

import type { Delivery } from '../event-log.ts';

export interface FetchPace {
  /** A broker answers once it has this many bytes, or after `waitMs`. */
  readonly bytesMin: number;
  readonly waitMs: number;
}

export const flowingPace: FetchPace = { bytesMin: 16_384, waitMs: 100 };
/** Not longer: a partition that is started or resumed joins the next fetch only. */
export const quietPace: FetchPace = { bytesMin: 1, waitMs: 500 };
/** Without records for this long, nothing flows. */
export const quietAfterMs = 1_000;

/** Returns the pace of the next fetch, `sinceRecordsMs` after the last one that brought records. */
export function fetchPace(sinceRecordsMs: number, delivery: Delivery): FetchPace {
  return delivery === 'gathered' && sinceRecordsMs < quietAfterMs ? flowingPace : quietPace;
}
