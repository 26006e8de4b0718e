// Metrics of the process as a whole, and the merging of every thread's metrics into one text.
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

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

/** Returns the metrics of a process that audits continuously, in a registry of its own. */
export function createAuditMetrics(): AuditMetrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `sensorium_audit_${name}`, help, registers });
  const mismatches = new Counter({
    name: 'sensorium_audit_mismatches_total',
    help: 'Findings: rows or stored features that are not what the log says, by kind.',
    labelNames: ['kind'],
    registers,
  });
  startAtZero(mismatches, 'kind', auditFindings);
  return {
    registry,
    windows: counter('windows_total', 'Windows computed again and compared.'),
    mismatches,
    unchecked: counter('unchecked_rounds_total', 'Rounds in which something could not be checked.'),
    failures: counter('failed_rounds_total', 'Rounds that ended with an error.'),
    lastRound: new Gauge({
      name: 'sensorium_audit_last_round_timestamp_seconds',
      help: 'When the last whole round ended.',
      registers,
    }),
  };
}

/** Returns the metrics of serving features; `rowsRead` is asked at every scrape. */
export function createServingMetrics(
  rowsRead: () => { readonly cached: number; readonly stored: number },
): Registry {
  const registry = new Registry();
  new Counter({
    name: 'sensorium_online_rows_total',
    help: 'Rows looked up for POST /get-online-features, by where they were: cache or store.',
    labelNames: ['from'],
    registers: [registry],
    collect() {
      const { cached, stored } = rowsRead();
      this.reset();
      this.inc({ from: 'cache' }, cached);
      this.inc({ from: 'store' }, stored);
    },
  });
  return registry;
}

/** One metric of prom-client's `getMetricsAsJSON()`. */
export interface MetricData {
  readonly name: string;
  readonly type: string;
  readonly values: readonly { readonly labels: Readonly<Record<string, string | number>> }[];
}

/** How often the event loop's delay is taken: at prom-client's 10 ms it woke an idle process a hundred times a second. */
const loopDelayEveryMs = 50;

/**
 * Returns the metrics of the process in a registry of its own, with those of Node's runtime where
 * asked; `threads` are the names of those it supervises.
 */
export function createProcessMetrics(
  uptimeSeconds: () => number,
  {
    threads = [],
    runtime = 'node',
  }: { readonly threads?: readonly string[]; readonly runtime?: 'node' | 'none' } = {},
): ProcessMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (runtime === 'node') {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopDelayEveryMs });
  }
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
    help: 'Threads started again after a failure.',
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
      help: 'Threads that gave no metrics to this scrape.',
      registers,
    }),
  };
}

/** Returns Prometheus text in which equal series of several threads are added up. */
export async function mergedMetricsText(threads: readonly (readonly object[])[]): Promise<string> {
  return AggregatorRegistry.aggregate(threads.map((metrics) => [...metrics])).metrics();
}

/** Returns the sum of several threads' metrics as data. */
export async function mergedMetrics(
  threads: readonly (readonly object[])[],
): Promise<readonly object[]> {
  return AggregatorRegistry.aggregate(threads.map((metrics) => [...metrics])).getMetricsAsJSON();
}
