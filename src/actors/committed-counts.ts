// Counts what a commit has made visible, and nothing before it has.
import type { JournaledDecision } from '../metrics/label-values.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { Outgoing } from './outbox.ts';

export interface CommittedTotals {
  readings: number;
  featureRows: number;
  deadLetters: number;
}

/** Adds what was committed to the session's totals and the thread's metrics. */
export function countCommitted(
  outgoing: Outgoing,
  totals: CommittedTotals,
  metrics: Metrics,
): void {
  totals.readings += outgoing.readings;
  totals.featureRows += outgoing.featureRows;
  metrics.readings.inc(outgoing.readings);
  metrics.featureRows.inc(outgoing.featureRows);
  metrics.anomalies.inc(outgoing.anomalies);
  metrics.anomalyRecords.inc(outgoing.anomalyRecords);
  metrics.forwards.inc(outgoing.forwards);
  for (const [kind, entries] of outgoing.journalEntries) {
    if (kind === 'idle') metrics.idleMarks.inc(entries);
    else metrics.decisions.inc({ kind: kind satisfies JournaledDecision }, entries);
  }
  for (const [reason, letters] of outgoing.deadLettersByReason) {
    totals.deadLetters += letters;
    metrics.deadLetters.inc({ reason }, letters);
  }
}
