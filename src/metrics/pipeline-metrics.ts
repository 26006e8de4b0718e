// The metrics of the worker and projector threads. Each thread has its own registry; the supervisor
// merges them. Metrics of the whole process are in process-metrics.ts.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import {
  deadLetterCodes,
  directives,
  journaledDecisions,
  moveDirections,
  lostCommits,
  projectionResults,
  shardFailureCodes,
  startAtZero,
} from './label-values.ts';

export interface Metrics {
  readonly registry: Registry;
  readonly readings: Counter;
  readonly featureRows: Counter;
  readonly deadLetters: Counter<'reason'>;
  readonly forwards: Counter;
  readonly anomalies: Counter;
  readonly anomalyRecords: Counter;
  readonly commitSeconds: Histogram;
  readonly snapshotSeconds: Histogram;
  readonly snapshotBytes: Gauge<'topic' | 'partition'>;
  readonly restoreSeconds: Histogram;
  readonly commitFailures: Counter<'directive'>;
  readonly commitsLost: Counter<'reason'>;
  readonly fences: Counter;
  readonly partitionMoves: Counter<'direction'>;
  readonly freshnessSeconds: Histogram;
  readonly fetches: Counter;
  readonly shardFailures: Counter<'code'>;
  readonly sensorsForgotten: Counter;
  readonly fastClockReadings: Counter;
  readonly sourceWaitSeconds: Gauge<'topic' | 'partition'>;
  readonly sourceWaitsGivenUp: Counter;
  readonly idleMarks: Counter;
  readonly decisions: Counter<'kind'>;
  readonly gapRecords: Counter;
  readonly projectedRows: Counter<'result'>;
  readonly projectionFailures: Counter;
  readonly rowsServedLate: Counter;
  readonly twoOwnerSensors: Counter;
  readonly historyRecords: Counter<'view'>;
  readonly historyBehindRecords: Gauge<'view'>;
  readonly historyLostRecords: Counter<'view'>;
}

/**
 * Returns the metrics of one thread in a fresh registry; `views` are those it keeps a history of.
 */
export function createMetrics(views: readonly string[] = []): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const partition = ['topic', 'partition'] as const;
  const counter = <T extends string = never>(
    name: string,
    help: string,
    labelNames: readonly T[] = [],
  ): Counter<T> => new Counter<T>({ name: `sensorium_${name}`, help, labelNames, registers });
  const gauge = <T extends string = never>(
    name: string,
    help: string,
    labelNames: readonly T[] = [],
  ): Gauge<T> => new Gauge<T>({ name: `sensorium_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({
      name: `sensorium_${name}`,
      help,
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
      registers,
    });
  const metrics: Metrics = {
    registry,
    readings: counter('readings_total', 'Readings added to a window and a baseline.'),
    featureRows: counter('feature_rows_total', 'Feature rows committed to the output topic.'),
    deadLetters: counter('dead_letters_total', 'Records committed to the dead-letter topic.', [
      'reason',
    ]),
    forwards: counter('forwards_total', 'Readings forwarded to the rekeyed topic.'),
    anomalies: counter('anomalies_total', 'Anomalous readings in committed feature rows.'),
    anomalyRecords: counter(
      'anomaly_records_total',
      'Records committed to the anomaly topic; see ANOMALY_EVENTS.',
    ),
    commitSeconds: histogram(
      'commit_duration_seconds',
      'Time from the start of a commit to its end.',
    ),
    snapshotSeconds: histogram('snapshot_duration_seconds', 'Time to copy and store one snapshot.'),
    snapshotBytes: gauge('snapshot_bytes', 'Size of the last snapshot.', partition),
    restoreSeconds: histogram('restore_duration_seconds', 'Time from assignment to running.'),
    commitFailures: counter(
      'commit_failures_total',
      'Failed commits, by the action that follows.',
      ['directive'],
    ),
    commitsLost: counter(
      'commits_lost_total',
      'Commits that were aborted, refused or have an unknown outcome, by reason.',
      ['reason'],
    ),
    fences: counter('fences_total', 'Times another owner took over a partition of this process.'),
    partitionMoves: counter(
      'partition_moves_total',
      'Partitions that rebalances gave to a worker or took from it.',
      ['direction'],
    ),
    freshnessSeconds: new Histogram({
      name: 'sensorium_stored_row_age_seconds',
      help: 'Age of a feature row, from its window end, once it is in the feature store.',
      buckets: [0.5, 1, 2, 5, 6, 7, 8, 10, 15, 20, 30, 60, 120, 300, 900, 3_600],
      registers,
    }),
    fetches: counter('fetched_batches_total', 'Batches delivered to the fold.'),
    shardFailures: counter(
      'shard_failures_total',
      'Times a shard failed for good, by the code of its error.',
      ['code'],
    ),
    sensorsForgotten: counter(
      'sensors_forgotten_total',
      'Sensors forgotten SENSOR_TTL after their last window.',
    ),
    fastClockReadings: counter(
      'fast_clock_readings_total',
      'Readings that led their record by more than WATERMARK_DELAY_MS; see FAST_CLOCKS.',
    ),
    sourceWaitSeconds: gauge(
      'source_wait_seconds',
      'How long a source of forwarded readings has waited for a slower one; absent while it does not.',
      partition,
    ),
    sourceWaitsGivenUp: counter(
      'source_waits_given_up_total',
      'Times a source had waited for a slower one for as long as it may.',
    ),
    idleMarks: counter('idle_marks_total', 'Idle marks journaled.'),
    decisions: counter('decisions_total', 'Journaled decisions on sensors and records, by kind.', [
      'kind',
    ]),
    gapRecords: counter(
      'gap_records_total',
      'Records deleted before they were read and skipped with ACCEPT_GAP.',
    ),
    projectedRows: counter('projected_rows_total', 'Feature rows projected, by result.', [
      'result',
    ]),
    projectionFailures: counter('projection_failures_total', 'Failed writes to the feature store.'),
    rowsServedLate: counter(
      'rows_served_late_total',
      'Rows stored more than 50 ms after their available_at; counted with SERVING_DELAY_MS.',
    ),
    twoOwnerSensors: counter(
      'two_owner_sensors_total',
      'Sensors with rows from two shards; see INPUT_KEYING.',
    ),
    historyRecords: counter('history_records_total', 'Records read into HISTORY_DIR.', ['view']),
    historyBehindRecords: gauge(
      'history_behind_records',
      'Records that are not in HISTORY_DIR yet.',
      ['view'],
    ),
    historyLostRecords: counter(
      'history_lost_records_total',
      'Records that the topic lost before the history read them.',
      ['view'],
    ),
  };
  startAtZero(metrics.partitionMoves, 'direction', moveDirections);
  startAtZero(metrics.deadLetters, 'reason', deadLetterCodes);
  startAtZero(metrics.commitFailures, 'directive', directives);
  startAtZero(metrics.commitsLost, 'reason', lostCommits);
  startAtZero(metrics.shardFailures, 'code', shardFailureCodes);
  startAtZero(metrics.decisions, 'kind', journaledDecisions);
  startAtZero(metrics.projectedRows, 'result', projectionResults);
  startAtZero(metrics.historyRecords, 'view', views);
  startAtZero(metrics.historyLostRecords, 'view', views);
  return metrics;
}
