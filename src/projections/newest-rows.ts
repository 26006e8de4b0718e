// A batch of the feature topic as rows: decoded, the newest one per sensor. Older rows of the batch need not reach
// the store, which would refuse them anyway.
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import { DecodeError } from '../errors.ts';
import type { FetchedBatch } from '../log/event-log.ts';

export interface RowObserver {
  /** Every row of the batch, in log order. */
  row?(row: FeatureRow): void;
  /** A record that is no feature row; it is left out. */
  badRow(offset: number, error: DecodeError): void;
}

/** Puts the rows at or after `fromOffset` of `batch` into `newest`, keeping the later window of each sensor. */
export function collectNewest(
  batch: FetchedBatch,
  fromOffset: number,
  newest: Map<string, FeatureRow>,
  observer: RowObserver,
): void {
  const records = batch.records();
  while (records.next()) {
    if (records.offset < fromOffset) continue;
    try {
      const { bytes, valueStart, valueEnd } = records;
      if (valueStart < 0) throw new DecodeError('expected a feature row, came a null value');
      const row = decodeFeatureRow(bytes, valueStart, valueEnd);
      observer.row?.(row);
      const known = newest.get(row.sensor_id);
      if (known === undefined || known.window_end < row.window_end) newest.set(row.sensor_id, row);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      observer.badRow(records.offset, error);
    }
  }
}
