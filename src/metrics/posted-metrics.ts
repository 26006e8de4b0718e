// The metrics of readings that come in over HTTP.
import type { Counter, Registry } from 'prom-client';

import { createDeclarations } from './declare.ts';
import { deadLetterCodes, turnedAwayCauses } from './label-values.ts';

export interface PostedMetrics {
  readonly registry: Registry;
  readonly records: Counter;
  readonly refused: Counter<'reason'>;
  readonly turnedAway: Counter<'cause'>;
}

/** Returns the metrics of POST /readings; `pendingBytes` is asked at every scrape. */
export function createPostedMetrics(pendingBytes: () => number = () => 0): PostedMetrics {
  const { registry, counter, counterBy, measure } = createDeclarations('sensorium_posted_');
  measure(
    'pending_bytes',
    'Bytes of posted readings that are being read or appended.',
    pendingBytes,
  );
  return {
    registry,
    records: counter(
      'records_total',
      'Records that POST /readings has appended to the input topic.',
    ),
    refused: counterBy(
      'refused_total',
      'Readings of POST /readings that were refused, by reason; nothing of them is in the log.',
      'reason',
      deadLetterCodes,
    ),
    turnedAway: counterBy(
      'turned_away_total',
      'Requests answered with 429, by cause: rate, behind or pending.',
      'cause',
      turnedAwayCauses,
    ),
  };
}
