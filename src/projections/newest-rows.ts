// Decodes a batch of the feature topic and keeps the newest row of each sensor. The store would
// refuse the older ones anyway.
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import { DecodeError } from '../errors.ts';
import type { FetchedBatch } from '../log/event-log.ts';

export interface RowObserver {
  /** Called for every row of the batch, in log order. */
  row?(row: FeatureRow): void;
  /** Called for each record that is not a feature row; it is skipped. */
  badRow(offset: number, error: DecodeError): void;
}

/**
 * Adds the rows of `batch` from `fromOffset` on to `newest`, keeping each sensor's latest window.
 */
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
      if (valueStart < 0) throw new DecodeError('expected a feature row, got a null value');
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
