// The dashboard of processes: versions, partitions, memory, threads, and the continuous audit beside them.
import type { DeclaredDashboard, DeclaredPanel } from './dashboard.ts';

const fleet: readonly DeclaredPanel[] = [
  {
    title: 'Versions',
    description: 'Processes by version of the program and of Node.',
    unit: 'short',
    queries: [
      {
        expr: 'count by (version, node) (sensorium_build_info{job="$job"})',
        legend: '{{version}} on Node {{node}}',
      },
    ],
  },
  {
    title: 'Uptime',
    description: 'A fall is a restart of the process.',
    unit: 's',
    queries: [{ expr: 'sensorium_uptime_seconds{job="$job"}', legend: '{{instance}}' }],
  },
  {
    title: 'Partitions',
    description: 'Running shards by process.',
    unit: 'short',
    queries: [
      {
        expr: 'count by (instance) (sensorium_shard_phase{job="$job", phase="running"} == 1)',
        legend: '{{instance}}',
      },
    ],
  },
];

const resources: readonly DeclaredPanel[] = [
  {
    title: 'Cores in use',
    description: 'Above the container’s limit, threads are throttled and miss heartbeats.',
    unit: 'short',
    queries: [
      {
        expr: 'rate(process_cpu_seconds_total{job="$job"}[$__rate_interval])',
        legend: '{{instance}}',
      },
    ],
  },
  {
    title: 'Memory',
    description: 'Resident: columns, buffers and the heaps of all threads.',
    unit: 'bytes',
    queries: [{ expr: 'process_resident_memory_bytes{job="$job"}', legend: '{{instance}}' }],
  },
  {
    title: 'Heap by thread',
    description: 'One that only grows is a leak.',
    unit: 'bytes',
    queries: [
      {
        expr: 'sensorium_thread_heap_bytes{job="$job"}',
        legend: '{{instance}} {{thread}}',
      },
    ],
  },
  {
    title: 'Event loop delay by thread',
    description: 'The longest since the last scrape. Above SESSION_TIMEOUT_MS partitions are lost.',
    unit: 's',
    queries: [
      {
        expr: 'sensorium_thread_event_loop_lag_seconds{job="$job"}',
        legend: '{{instance}} {{thread}}',
      },
    ],
  },
  {
    title: 'Restarts and silence of threads',
    description: 'Restarts within five minutes; threads that did not answer the scrape.',
    unit: 'short',
    queries: [
      {
        expr: 'sum by (thread) (increase(sensorium_thread_restarts_total{job="$job"}[5m]))',
        legend: '{{thread}} restarted',
      },
      {
        expr: 'sum(sensorium_threads_not_answering{job="$job"})',
        legend: 'not answering',
      },
    ],
  },
];

const audit: readonly DeclaredPanel[] = [
  {
    title: 'Windows audited',
    description: 'A second, by `audit --continuous`; its job is sensorium-audit.',
    unit: 'cps',
    queries: [
      {
        expr: 'sum(rate(sensorium_audit_windows_total[$__rate_interval]))',
        legend: 'windows',
      },
    ],
  },
  {
    title: 'Differences',
    description: 'Must stay 0.',
    unit: 'short',
    queries: [
      {
        expr: 'sum by (kind) (increase(sensorium_audit_mismatches_total[1h]))',
        legend: '{{kind}}',
      },
    ],
  },
  {
    title: 'Since the last round',
    description: 'If it grows, nothing is audited.',
    unit: 's',
    queries: [
      {
        expr: 'time() - max(sensorium_audit_last_round_timestamp_seconds)',
        legend: 'since the last round',
      },
    ],
  },
  {
    title: 'Rounds that did not say everything',
    description: 'Within an hour: failed, or with something unchecked.',
    unit: 'short',
    queries: [
      { expr: 'sum(increase(sensorium_audit_failed_rounds_total[1h]))', legend: 'failed' },
      { expr: 'sum(increase(sensorium_audit_unchecked_rounds_total[1h]))', legend: 'unchecked' },
    ],
  },
];

export const processesDashboard: DeclaredDashboard = {
  uid: 'sensorium-processes',
  title: 'Sensorium: processes',
  description: 'Versions, partitions, memory and threads of each process, and the audit.',
  rows: [
    { title: 'Processes', panels: fleet },
    { title: 'Resources', panels: resources },
    { title: 'Audit', panels: audit },
  ],
};
