// The dashboard of what consumers meet: the feature store, the feature API and the history for training.
import type { DeclaredDashboard, DeclaredPanel } from './dashboard.ts';

const total = (metric: string, by = ''): string =>
  `sum by (${by}) (rate(sensorium_${metric}{job="$job"}[$__rate_interval]))`;

const store: readonly DeclaredPanel[] = [
  {
    title: 'Store reached',
    description: '1 while the projection reaches the feature store and Kafka answers it.',
    unit: 'short',
    queries: [{ expr: 'sensorium_store_connected{job="$job"}', legend: '{{instance}}' }],
  },
  {
    title: 'Rows not stored yet',
    description: 'It grows while the store is away and falls to 0 afterwards.',
    unit: 'short',
    queries: [{ expr: 'sensorium_projection_lag_records{job="$job"}', legend: '{{instance}}' }],
  },
  {
    title: 'Rows stored',
    description: '`skipped`: the stored row is as new. `refused` and `bad` must stay 0.',
    unit: 'cps',
    queries: [{ expr: total('projected_rows_total', 'result'), legend: '{{result}}' }],
  },
  {
    title: 'Failed writes, rows served late',
    description: 'A failed write is repeated. Late rows differ from what models are trained on.',
    unit: 'short',
    queries: [
      {
        expr: 'sum(increase(sensorium_projection_failures_total{job="$job"}[5m]))',
        legend: 'failed writes',
      },
      {
        expr: 'sum(increase(sensorium_rows_served_late_total{job="$job"}[5m]))',
        legend: 'served late',
      },
      {
        expr: 'sum(increase(sensorium_two_owner_sensors_total{job="$job"}[5m]))',
        legend: 'sensors with two owners',
      },
    ],
  },
];

const api: readonly DeclaredPanel[] = [
  {
    title: 'Requests',
    description: 'A second, by route and class of status.',
    unit: 'reqps',
    queries: [
      {
        expr: total('http_request_duration_seconds_count', 'route, status'),
        legend: '{{route}} {{status}}',
      },
    ],
  },
  {
    title: 'Time to answer',
    description: '99 % of the requests, by route.',
    unit: 's',
    queries: [
      {
        expr: `histogram_quantile(0.99, ${total('http_request_duration_seconds_bucket', 'le, route')})`,
        legend: '{{route}}',
      },
    ],
  },
  {
    title: 'Rows read',
    description: 'From the cache of the process, or from the store.',
    unit: 'cps',
    queries: [{ expr: total('online_rows_total', 'from'), legend: '{{from}}' }],
  },
];

const history: readonly DeclaredPanel[] = [
  {
    title: 'Not in the history yet',
    description: 'Records of the feature topics that HISTORY_DIR does not hold.',
    unit: 'short',
    queries: [
      {
        expr: 'max by (view) (sensorium_history_behind_records{job="$job"})',
        legend: '{{view}}',
      },
    ],
  },
  {
    title: 'Records into the history',
    description: 'And those that the topic lost before they were read.',
    unit: 'cps',
    queries: [
      { expr: total('history_records_total', 'view'), legend: '{{view}}' },
      { expr: total('history_lost_records_total', 'view'), legend: '{{view}}: lost' },
    ],
  },
];

export const servingDashboard: DeclaredDashboard = {
  uid: 'sensorium-serving',
  title: 'Sensorium: serving',
  description: 'What consumers meet: the feature store, the feature API, the history.',
  rows: [
    { title: 'Feature store', panels: store },
    { title: 'Feature API', panels: api },
    { title: 'History', panels: history },
  ],
};
