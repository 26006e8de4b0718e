// The metrics of the process as a whole, of the feature API and of the continuous audit; merges the
// metrics of all threads into one text.
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  type Gauge,
  type Histogram,
  type Registry,
} from 'prom-client';

import { createDeclarations } from './declare.ts';
import { auditFindings } from './label-values.ts';

export interface ProcessMetrics {
  readonly registry: Registry;
  readonly threadRestarts: Counter<'thread'>;
  readonly threadsNotAnswering: Gauge;
}

export interface AuditMetrics {
  readonly registry: Registry;
  readonly windows: Counter;
  readonly mismatches: Counter<'kind'>;
  readonly unchecked: Counter;
  readonly failures: Counter;
  readonly lastRound: Gauge;
}

/** Returns the metrics of the continuous audit in a new registry. */
export function createAuditMetrics(): AuditMetrics {
  const { registry, counter, counterBy, gauge } = createDeclarations('sensorium_audit_');
  return {
    registry,
    windows: counter('windows_total', 'Windows recomputed and compared.'),
    mismatches: counterBy(
      'mismatches_total',
      'Rows or stored features that differ from the recomputed ones, by kind.',
      'kind',
      auditFindings,
    ),
    unchecked: counter('unchecked_rounds_total', 'Rounds in which something could not be checked.'),
    failures: counter('failed_rounds_total', 'Rounds that ended with an error.'),
    lastRound: gauge(
      'last_round_timestamp_seconds',
      'Time at which the last complete round ended.',
    ),
  };
}

export interface ServingMetrics {
  readonly registry: Registry;
  readonly requestSeconds: Histogram<'route' | 'status'>;
  readonly oldestRowAgeSeconds: Histogram;
  readonly rowsOutsideMaxAge: Counter;
  readonly historyRows: Counter;
  readonly historyUnread: Counter;
  readonly historyTurnedAway: Counter;
}

/**
 * Returns the metrics of the HTTP server; `rowsRead` is asked at every scrape, and left out where
 * nothing is cached.
 */
export function createServingMetrics(
  rowsRead?: () => {
    readonly cached: number;
    readonly stored: number;
    readonly cachedBytes: number;
  },
): ServingMetrics {
  const { counter, registry, histogram, measure } = createDeclarations('sensorium_');
  const requestSeconds = histogram(
    'http_request_duration_seconds',
    'Time to answer an HTTP request, by route and class of status.',
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    ['route', 'status'],
  );
  const metrics = {
    ...{ registry, requestSeconds },
    oldestRowAgeSeconds: histogram(
      'served_row_age_seconds',
      'Age of the oldest row of each answer to POST /get-online-features, from its window end.',
      [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400],
    ),
    rowsOutsideMaxAge: counter(
      'rows_outside_max_age_total',
      'Rows that POST /get-online-features served with the status OUTSIDE_MAX_AGE.',
    ),
    historyRows: counter(
      'sensor_history_rows_total',
      'Rows that GET /sensors/{id}/history has answered with.',
    ),
    historyUnread: counter(
      'sensor_history_unread_records_total',
      'Records of the topic that GET /sensors/{id}/history left unread, so rows may be missing.',
    ),
    historyTurnedAway: counter(
      'sensor_history_turned_away_total',
      'Requests of GET /sensors/{id}/history answered with 503.',
    ),
  };
  if (rowsRead === undefined) return metrics;
  new Counter({
    name: 'sensorium_online_rows_total',
    help: 'Rows read for POST /get-online-features, by source: cache or store.',
    labelNames: ['from'],
    registers: [registry],
    collect() {
      const { cached, stored } = rowsRead();
      this.reset();
      this.inc({ from: 'cache' }, cached);
      this.inc({ from: 'store' }, stored);
    },
  });
  measure(
    'online_cache_bytes',
    'Memory of the rows cached for POST /get-online-features, as estimated.',
    () => rowsRead().cachedBytes,
  );
  return metrics;
}

/** One metric of prom-client's `getMetricsAsJSON()`. */
export interface MetricData {
  readonly name: string;
  readonly type: string;
  readonly values: readonly { readonly labels: Readonly<Record<string, string | number>> }[];
}

/**
 * Sampling interval of the event loop's delay; prom-client's 10 ms wakes an idle process 100 times
 * a second.
 */
const loopDelayEveryMs = 50;

/** Gauges whose names end like a counter's; the same counts by type stand beside them. */
const misnamedGauges = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/**
 * Returns the metrics of the process in a new registry, with those of Node's runtime unless
 * `runtime` is `none`. `threads` names the supervised threads.
 */
export function createProcessMetrics(
  uptimeSeconds: () => number,
  {
    threads = [],
    runtime = 'node',
    version = 'unknown',
  }: {
    readonly threads?: readonly string[];
    readonly runtime?: 'node' | 'none';
    readonly version?: string;
  } = {},
): ProcessMetrics {
  const { registry, counterBy, gauge, measure } = createDeclarations('sensorium_');
  if (runtime === 'node') {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopDelayEveryMs });
    for (const name of misnamedGauges) registry.removeSingleMetric(name);
  }
  const buildInfo = gauge('build_info', 'Always 1; the labels say which program on which Node.', [
    'version',
    'node',
  ]);
  buildInfo.set({ version, node: process.version }, 1);
  measure('uptime_seconds', 'Time since the supervisor started.', uptimeSeconds);
  return {
    registry,
    threadRestarts: counterBy(
      'thread_restarts_total',
      'Restarts of threads after a failure.',
      'thread',
      threads,
    ),
    threadsNotAnswering: gauge(
      'threads_not_answering',
      'Threads that did not answer at the last scrape.',
    ),
  };
}

/** Resolves with Prometheus text in which equal series of several threads are summed. */
export async function mergedMetricsText(threads: readonly (readonly object[])[]): Promise<string> {
  return AggregatorRegistry.aggregate(threads.map((metrics) => [...metrics])).metrics();
}

/** Resolves with the summed metrics of several threads as data. */
export async function mergedMetrics(
  threads: readonly (readonly object[])[],
): Promise<readonly object[]> {
  return AggregatorRegistry.aggregate(threads.map((metrics) => [...metrics])).getMetricsAsJSON();
}
