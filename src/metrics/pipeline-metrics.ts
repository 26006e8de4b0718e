// The metrics of the worker and projector threads. Each thread has its own registry; the supervisor
// merges them. Metrics of the whole process are in process-metrics.ts.
import type { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { createDeclarations } from './declare.ts';
import {
  deadLetterCodes,
  directives,
  journaledDecisions,
  likelyUnits,
  moveDirections,
  lostCommits,
  projectionResults,
  eventKinds,
  schemaLookupResults,
  shardFailureCodes,
} from './label-values.ts';

export interface Metrics {
  readonly registry: Registry;
  readonly readings: Counter;
  readonly featureRows: Counter;
  readonly deadLetters: Counter<'reason'>;
  readonly forwards: Counter;
  readonly forwardsLeftOut: Counter;
  readonly anomalies: Counter;
  readonly anomalyRecords: Counter;
  readonly sensorEvents: Counter<'kind'>;
  readonly commitSeconds: Histogram;
  readonly snapshotSeconds: Histogram;
  readonly snapshotBytes: Gauge<'topic' | 'partition'>;
  readonly restoreSeconds: Histogram;
  readonly commitFailures: Counter<'directive'>;
  readonly commitsLost: Counter<'reason'>;
  readonly fences: Counter;
  readonly partitionMoves: Counter<'direction'>;
  readonly rebalances: Counter;
  readonly committedAgeSeconds: Histogram;
  readonly storedAgeSeconds: Histogram;
  readonly fetches: Counter;
  readonly shardFailures: Counter<'code'>;
  readonly sensorsForgotten: Counter;
  readonly fastClockReadings: Counter;
  readonly timeUnitWarnings: Counter<'unit'>;
  readonly sourceWaitSeconds: Gauge<'topic' | 'partition'>;
  readonly sourceWaitsGivenUp: Counter;
  readonly schemaLookups: Counter<'result'>;
  readonly schemaWaitSeconds: Gauge<'topic' | 'partition'>;
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

const durationBuckets = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
// Finer around the default watermark delay: what lies above it is ours.
const ageBuckets = [0.5, 1, 2, 5, 5.5, 6, 7, 8, 10, 15, 20, 30, 60, 120, 300, 900, 3_600];

/**
 * Returns the metrics of one thread in a fresh registry; `views` are those it keeps a history of.
 */
export function createMetrics(views: readonly string[] = []): Metrics {
  const { registry, counter, counterBy, gauge, histogram } = createDeclarations('sensorium_');
  const partition = ['topic', 'partition'] as const;
  const duration = (name: string, help: string): Histogram =>
    histogram(name, help, durationBuckets);
  const age = (name: string, help: string): Histogram => histogram(name, help, ageBuckets);
  return {
    registry,
    readings: counter('readings_total', 'Readings added to a window and a baseline.'),
    featureRows: counter('feature_rows_total', 'Feature rows committed to the output topic.'),
    deadLetters: counterBy(
      'dead_letters_total',
      'Records committed to the dead-letter topic.',
      'reason',
      deadLetterCodes,
    ),
    forwards: counter('forwards_total', 'Readings forwarded to the rekeyed topic.'),
    forwardsLeftOut: counter(
      'forwards_left_out_total',
      'Forwards of other groups in the rekeyed topic, which are read and not folded.',
    ),
    anomalies: counter('anomalies_total', 'Anomalous readings in committed feature rows.'),
    anomalyRecords: counter(
      'anomaly_records_total',
      'Records committed to the anomaly topic; see ANOMALY_EVENTS.',
    ),
    sensorEvents: counterBy(
      'sensor_events_total',
      'Changes of sensors’ presence and of alarms in the anomaly topic.',
      'kind',
      eventKinds,
    ),
    commitSeconds: duration(
      'commit_duration_seconds',
      'Time from the start of a commit to its end.',
    ),
    snapshotSeconds: duration('snapshot_duration_seconds', 'Time to copy and store one snapshot.'),
    snapshotBytes: gauge('snapshot_bytes', 'Size of the last snapshot.', partition),
    restoreSeconds: duration('restore_duration_seconds', 'Time from assignment to running.'),
    commitFailures: counterBy(
      'commit_failures_total',
      'Failed commits, by the action that follows.',
      'directive',
      directives,
    ),
    commitsLost: counterBy(
      'commits_lost_total',
      'Commits that were aborted, refused or have an unknown outcome, by reason.',
      'reason',
      lostCommits,
    ),
    fences: counter('fences_total', 'Times another owner took over a partition of this process.'),
    partitionMoves: counterBy(
      'partition_moves_total',
      'Partitions that rebalances gave to a worker or took from it.',
      'direction',
      moveDirections,
    ),
    rebalances: counter(
      'rebalances_total',
      'Generations of the group that workers of this process have joined.',
    ),
    committedAgeSeconds: age(
      'committed_window_age_seconds',
      'Age of a window, from its end, once its rows are committed and visible in their topic.',
    ),
    storedAgeSeconds: age(
      'stored_row_age_seconds',
      'Age of a feature row, from its window end, once it is in the feature store.',
    ),
    fetches: counter('fetched_batches_total', 'Batches delivered to the fold.'),
    shardFailures: counterBy(
      'shard_failures_total',
      'Times a shard failed for good, by the code of its error.',
      'code',
      shardFailureCodes,
    ),
    sensorsForgotten: counter(
      'sensors_forgotten_total',
      'Sensors forgotten SENSOR_TTL after their last window.',
    ),
    fastClockReadings: counter(
      'fast_clock_readings_total',
      'Readings that led their record by more than WATERMARK_DELAY_MS; see FAST_CLOCKS.',
    ),
    timeUnitWarnings: counterBy(
      'time_unit_warnings_total',
      'Times a shard found its timestamps likely in another unit than ms, at most once an hour.',
      'unit',
      likelyUnits,
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
    schemaLookups: counterBy(
      'schema_lookups_total',
      'Times the registry was asked for a schema before a record could be folded, by result.',
      'result',
      schemaLookupResults,
    ),
    schemaWaitSeconds: gauge(
      'schema_wait_seconds',
      'How long a shard has waited for the schema of its next record; absent while it does not.',
      partition,
    ),
    idleMarks: counter('idle_marks_total', 'Idle marks journaled.'),
    decisions: counterBy(
      'decisions_total',
      'Journaled decisions on sensors and records, by kind.',
      'kind',
      journaledDecisions,
    ),
    gapRecords: counter(
      'gap_records_total',
      'Records deleted before they were read and skipped with ACCEPT_GAP.',
    ),
    projectedRows: counterBy(
      'projected_rows_total',
      'Feature rows projected, by result.',
      'result',
      projectionResults,
    ),
    projectionFailures: counter('projection_failures_total', 'Failed writes to the feature store.'),
    rowsServedLate: counter(
      'rows_served_late_total',
      'Rows stored more than 50 ms after their available_at; counted with SERVING_DELAY_MS.',
    ),
    twoOwnerSensors: counter(
      'two_owner_sensors_total',
      'Sensors with rows from two shards; see INPUT_KEYING.',
    ),
    historyRecords: counterBy(
      'history_records_total',
      'Records read into HISTORY_DIR.',
      'view',
      views,
    ),
    historyBehindRecords: gauge(
      'history_behind_records',
      'Records that are not in HISTORY_DIR yet.',
      ['view'],
    ),
    historyLostRecords: counterBy(
      'history_lost_records_total',
      'Records that the topic lost before the history read them.',
      'view',
      views,
    ),
  };
}
