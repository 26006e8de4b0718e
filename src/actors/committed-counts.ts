// Counts what a commit has made visible, and nothing before it has.
import type { JournaledDecision } from '../metrics/label-values.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { DecisionKind } from './journal.ts';
import type { EventKind } from './outgoing.ts';

/** The records that one transaction made visible. */
export interface CommittedCounts {
  readonly readings: number;
  readonly featureRows: number;
  /** Anomalies in the feature rows. */
  readonly anomalies: number;
  readonly anomalyRecords: number;
  /** Of those records, by kind; those of flagged readings left out. */
  readonly events: ReadonlyMap<EventKind, number>;
  readonly sensorsForgotten: number;
  readonly forwards: number;
  /** By reason. */
  readonly deadLetters: ReadonlyMap<string, number>;
  readonly decisions: readonly DecisionKind[];
}

export interface CommittedTotals {
  readings: number;
  featureRows: number;
  anomalies: number;
  deadLetters: number;
  sensorsForgotten: number;
}

/** Adds what was committed to the session's totals and the thread's metrics. */
export function countCommitted(
  counts: CommittedCounts,
  totals: CommittedTotals,
  metrics: Metrics,
): void {
  totals.readings += counts.readings;
  totals.featureRows += counts.featureRows;
  totals.anomalies += counts.anomalies;
  totals.sensorsForgotten += counts.sensorsForgotten;
  metrics.readings.inc(counts.readings);
  metrics.featureRows.inc(counts.featureRows);
  metrics.anomalies.inc(counts.anomalies);
  metrics.anomalyRecords.inc(counts.anomalyRecords);
  metrics.forwards.inc(counts.forwards);
  metrics.sensorsForgotten.inc(counts.sensorsForgotten);
  for (const [kind, events] of counts.events) metrics.sensorEvents.inc({ kind }, events);
  for (const kind of counts.decisions) {
    if (kind === 'idle') metrics.idleMarks.inc();
    else metrics.decisions.inc({ kind: kind satisfies JournaledDecision });
  }
  for (const [reason, letters] of counts.deadLetters) {
    totals.deadLetters += letters;
    metrics.deadLetters.inc({ reason }, letters);
  }
}
