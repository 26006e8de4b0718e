// The dashboard that an operator opens first: whether the pipeline works, how far behind it is, and what goes wrong.
import type { DeclaredDashboard, DeclaredPanel } from './dashboard.ts';

const total = (metric: string, by = ''): string =>
  `sum by (${by}) (rate(sensorium_${metric}{job="$job"}[$__rate_interval]))`;

const summary: readonly DeclaredPanel[] = [
  {
    title: 'Processes ready',
    description: 'Processes whose GET /health/ready answers 200.',
    ...{ kind: 'stat', unit: 'short', red: 1, redBelow: true },
    queries: [{ expr: 'sum(sensorium_ready{job="$job"})', legend: 'ready' }],
  },
  {
    title: 'Alerts',
    description: 'Alerts of this pipeline that fire; docs/operations.md says what to do.',
    ...{ kind: 'stat', unit: 'short', red: 1 },
    queries: [
      {
        expr: 'count(ALERTS{job="$job", alertstate="firing"}) or vector(0)',
        legend: 'firing',
      },
    ],
  },
  {
    title: 'Lag',
    description: 'Records that are in the input and not in a window yet.',
    ...{ kind: 'stat', unit: 'short', red: 10_000 },
    queries: [{ expr: 'job:sensorium_lag_records:sum{job="$job"}', legend: 'records' }],
  },
  {
    title: 'Freshness',
    description: 'Age of 99 % of the feature rows, from their window’s end, as they are stored.',
    ...{ kind: 'stat', unit: 's', red: 30 },
    queries: [{ expr: 'job:sensorium_stored_row_age_seconds:p99_5m{job="$job"}', legend: 'p99' }],
  },
  {
    title: 'Input in no row',
    description: 'Share of the last hour’s input that became a dead letter or was deleted unread.',
    ...{ kind: 'stat', unit: 'percentunit', red: 0.001 },
    queries: [{ expr: 'job:sensorium_input_lost:ratio_rate1h{job="$job"}', legend: 'lost' }],
  },
  {
    title: 'Sensors in quarantine',
    description: 'Sensors set aside by an operator, or because folding their reading failed.',
    ...{ kind: 'stat', unit: 'short', red: 1 },
    queries: [
      {
        expr: 'sum(max by (topic, partition) (sensorium_quarantined_sensors{job="$job"}))',
        legend: 'sensors',
      },
    ],
  },
];

const flow: readonly DeclaredPanel[] = [
  {
    title: 'Readings, rows, anomalies',
    description: 'A second, summed over all processes.',
    unit: 'cps',
    queries: [
      { expr: total('readings_total'), legend: 'readings' },
      { expr: total('feature_rows_total'), legend: 'feature rows' },
      { expr: total('anomalies_total'), legend: 'anomalous readings' },
      { expr: total('anomaly_records_total'), legend: 'anomaly records' },
    ],
  },
  {
    title: 'Dead letters',
    description: 'Records that could not be folded, by reason. `late` alone may be normal.',
    unit: 'cps',
    queries: [
      { expr: `${total('dead_letters_total', 'reason')} > 0 or vector(0)`, legend: '{{reason}}' },
    ],
  },
  {
    title: 'Lag by partition',
    description: 'One partition above the others is held back by its process or its sensors.',
    unit: 'short',
    queries: [
      {
        expr: 'max by (topic, partition) (sensorium_lag_records{job="$job"})',
        legend: '{{topic}}/{{partition}}',
      },
    ],
  },
  {
    title: 'Age of rows as they are stored',
    description: 'From the window’s end. It includes WATERMARK_DELAY_MS and SERVING_DELAY_MS.',
    unit: 's',
    queries: [0.5, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, ${total('stored_row_age_seconds_bucket', 'le')})`,
      legend: `p${quantile * 100}`,
    })),
  },
  {
    title: 'Commit',
    description: 'Time from the start of a transaction to its end.',
    unit: 's',
    queries: [0.5, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, ${total('commit_duration_seconds_bucket', 'le')})`,
      legend: `p${quantile * 100}`,
    })),
  },
  {
    title: 'Rebalances, fences, lost commits',
    description: 'A few at a rolling restart, none otherwise. Outputs stay exactly once.',
    unit: 'short',
    queries: [
      {
        expr: 'sum by (direction) (increase(sensorium_partition_moves_total{job="$job"}[5m]))',
        legend: 'partitions {{direction}}',
      },
      { expr: 'sum(increase(sensorium_fences_total{job="$job"}[5m]))', legend: 'fences' },
      {
        expr: 'sum by (reason) (increase(sensorium_commits_lost_total{job="$job"}[5m]))',
        legend: 'commits lost: {{reason}}',
      },
    ],
  },
];

const objectives: readonly DeclaredPanel[] = [
  {
    title: 'Freshness: rows stored late',
    description: 'Share stored more than 30 s after the window’s end; the objective is below 1 %.',
    unit: 'percentunit',
    queries: ['5m', '1h', '6h'].map((range) => ({
      expr: `job:sensorium_rows_stale:ratio_rate${range}{job="$job"}`,
      legend: range,
    })),
  },
  {
    title: 'Completeness: input in no row',
    description: 'Dead letters and records deleted unread; the objective is below 0.1 %.',
    unit: 'percentunit',
    queries: ['5m', '1h', '6h'].map((range) => ({
      expr: `job:sensorium_input_lost:ratio_rate${range}{job="$job"}`,
      legend: range,
    })),
  },
  {
    title: 'Time to read what waits',
    description: 'Lag over the present rate.',
    unit: 's',
    queries: [{ expr: 'job:sensorium_lag_seconds:estimate{job="$job"}', legend: 'estimate' }],
  },
];

export const pipelineDashboard: DeclaredDashboard = {
  uid: 'sensorium-pipeline',
  title: 'Sensorium: pipeline',
  description: 'Whether the pipeline works, how far behind it is, and what goes wrong.',
  rows: [
    { title: 'Now', panels: summary },
    { title: 'Flow', panels: flow },
    { title: 'Objectives', panels: objectives },
  ],
};
