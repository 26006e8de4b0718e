// The metrics of the process as a whole, of the feature API and of the continuous audit; merges the
// metrics of all threads into one text.
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
} from 'prom-client';

import { auditFindings, startAtZero } from './label-values.ts';

export interface ProcessMetrics {
  readonly registry: Registry;
  readonly threadRestarts: Counter<'thread'>;
  readonly illegalTransitions: Counter;
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
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `sensorium_audit_${name}`, help, registers });
  const mismatches = new Counter({
    name: 'sensorium_audit_mismatches_total',
    help: 'Rows or stored features that differ from the recomputed ones, by kind.',
    labelNames: ['kind'],
    registers,
  });
  startAtZero(mismatches, 'kind', auditFindings);
  return {
    registry,
    windows: counter('windows_total', 'Windows recomputed and compared.'),
    mismatches,
    unchecked: counter('unchecked_rounds_total', 'Rounds in which something could not be checked.'),
    failures: counter('failed_rounds_total', 'Rounds that ended with an error.'),
    lastRound: new Gauge({
      name: 'sensorium_audit_last_round_timestamp_seconds',
      help: 'Time at which the last complete round ended.',
      registers,
    }),
  };
}

export interface ServingMetrics {
  readonly registry: Registry;
  readonly requestSeconds: Histogram<'route' | 'status'>;
}

/**
 * Returns the metrics of the HTTP server; `rowsRead` is asked at every scrape, and left out where
 * nothing is cached.
 */
export function createServingMetrics(
  rowsRead?: () => { readonly cached: number; readonly stored: number },
): ServingMetrics {
  const registry = new Registry();
  const requestSeconds = new Histogram({
    name: 'sensorium_http_request_duration_seconds',
    help: 'Time to answer an HTTP request, by route and class of status.',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers: [registry],
  });
  if (rowsRead === undefined) return { registry, requestSeconds };
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
  return { registry, requestSeconds };
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
  const registry = new Registry();
  const registers = [registry];
  if (runtime === 'node') {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopDelayEveryMs });
    for (const name of misnamedGauges) registry.removeSingleMetric(name);
  }
  new Gauge({
    name: 'sensorium_build_info',
    help: 'Always 1; the labels say which program on which Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);
  new Gauge({
    name: 'sensorium_uptime_seconds',
    help: 'Time since the supervisor started.',
    registers,
    collect() {
      this.set(uptimeSeconds());
    },
  });
  const threadRestarts = new Counter({
    name: 'sensorium_thread_restarts_total',
    help: 'Restarts of threads after a failure.',
    labelNames: ['thread'],
    registers,
  });
  startAtZero(threadRestarts, 'thread', threads);
  return {
    registry,
    threadRestarts,
    illegalTransitions: new Counter({
      name: 'sensorium_illegal_transitions_total',
      help: 'Shard phases reported out of order.',
      registers,
    }),
    threadsNotAnswering: new Gauge({
      name: 'sensorium_threads_not_answering',
      help: 'Threads that did not answer at the last scrape.',
      registers,
    }),
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
