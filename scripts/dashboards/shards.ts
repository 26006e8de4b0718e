// The dashboard of shards: where each is, how far, what it holds, and how it recovers.
import type { DeclaredDashboard, DeclaredPanel } from './dashboard.ts';

const legend = '{{topic}}/{{partition}}';
const largest = (metric: string): string =>
  `max by (topic, partition) (sensorium_${metric}{job="$job"})`;

const state: readonly DeclaredPanel[] = [
  {
    title: 'Running',
    description: '1 while the shard folds, 0 while it is restored, recovers, waits or has failed.',
    ...{ kind: 'states', unit: 'short' },
    queries: [
      {
        expr: 'max by (topic, partition) (sensorium_shard_phase{job="$job", phase="running"})',
        legend,
      },
    ],
  },
];

const progress: readonly DeclaredPanel[] = [
  {
    title: 'Watermark behind the clock',
    description: 'How old the newest closed window can be. It follows the clock in a quiet shard.',
    unit: 's',
    queries: [{ expr: largest('watermark_delay_seconds'), legend }],
  },
  {
    title: 'Age of the news from Kafka',
    description: 'Everything else is as old as this.',
    unit: 's',
    queries: [{ expr: largest('shard_known_age_seconds'), legend }],
  },
  {
    title: 'Since the last commit',
    description: 'It grows in a shard without input, too.',
    unit: 's',
    queries: [{ expr: `time() - ${largest('last_commit_timestamp_seconds')}`, legend }],
  },
  {
    title: 'Failed',
    description: '1 while the shard has failed and waits for a retry.',
    unit: 'short',
    queries: [{ expr: largest('shard_failed'), legend }],
  },
  {
    title: 'Failures and decisions',
    description: 'Failed shards by error, and what shards journaled: quarantines, skips, gaps.',
    unit: 'short',
    queries: [
      {
        expr: 'sum by (code) (increase(sensorium_shard_failures_total{job="$job"}[5m]))',
        legend: 'failed: {{code}}',
      },
      {
        expr: 'sum by (kind) (increase(sensorium_decisions_total{job="$job"}[5m]))',
        legend: '{{kind}}',
      },
      {
        expr: 'sum by (directive) (increase(sensorium_commit_failures_total{job="$job"}[5m]))',
        legend: 'ownership ended: {{directive}}',
      },
    ],
  },
  {
    title: 'Readings deleted unread, forwards, waits',
    description:
      'Gaps that were accepted, forwards to the rekeyed topic, waits that were given up.',
    unit: 'short',
    queries: [
      { expr: 'sum(increase(sensorium_gap_records_total{job="$job"}[5m]))', legend: 'gaps' },
      { expr: 'sum(increase(sensorium_forwards_total{job="$job"}[5m]))', legend: 'forwards' },
      {
        expr: 'sum(increase(sensorium_source_waits_given_up_total{job="$job"}[5m]))',
        legend: 'waits given up',
      },
    ],
  },
];

const holdings: readonly DeclaredPanel[] = [
  {
    title: 'Sensors',
    description: 'Sensors with state; SENSORS_MAX is the bound of a shard.',
    unit: 'short',
    queries: [{ expr: largest('sensors'), legend }],
  },
  {
    title: 'Open windows',
    description: 'Of all sensors and lengths.',
    unit: 'short',
    queries: [{ expr: largest('open_windows'), legend }],
  },
  {
    title: 'Clocks that lead',
    description: 'The greatest lead of a sensor over its records; the log names the sensor.',
    unit: 's',
    queries: [{ expr: largest('fast_clock_seconds'), legend }],
  },
  {
    title: 'Sensors forgotten, readings ahead of their records',
    description: 'SENSOR_TTL forgets sensors; a fast clock leads by more than WATERMARK_DELAY_MS.',
    unit: 'short',
    queries: [
      {
        expr: 'sum(increase(sensorium_sensors_forgotten_total{job="$job"}[5m]))',
        legend: 'forgotten',
      },
      {
        expr: 'sum(increase(sensorium_fast_clock_readings_total{job="$job"}[5m]))',
        legend: 'readings ahead',
      },
    ],
  },
  {
    title: 'Snapshot',
    description: 'Size of the newest.',
    unit: 'bytes',
    queries: [{ expr: largest('snapshot_bytes'), legend }],
  },
  {
    title: 'Age of the snapshot',
    description: 'What a restart reads again.',
    unit: 's',
    queries: [{ expr: `time() - ${largest('last_snapshot_timestamp_seconds')}`, legend }],
  },
  {
    title: 'Restore and snapshot',
    description:
      'Mean times: from assignment to running, since each process started; to store a snapshot, in the last hour.',
    unit: 's',
    queries: [
      {
        // Most restores end before the first scrape, where `increase` sees nothing.
        expr:
          'sum(sensorium_restore_duration_seconds_sum{job="$job"}) / ' +
          'sum(sensorium_restore_duration_seconds_count{job="$job"})',
        legend: 'restore, mean',
      },
      {
        expr:
          'sum(increase(sensorium_snapshot_duration_seconds_sum{job="$job"}[1h])) / ' +
          'sum(increase(sensorium_snapshot_duration_seconds_count{job="$job"}[1h]))',
        legend: 'snapshot, mean',
      },
    ],
  },
];

export const shardsDashboard: DeclaredDashboard = {
  uid: 'sensorium-shards',
  title: 'Sensorium: shards',
  description: 'Where each shard is, what it holds, and how it recovers.',
  rows: [
    { title: 'State', panels: state },
    { title: 'Progress', panels: progress },
    { title: 'What they hold', panels: holdings },
  ],
};
