// Every metric that the program or its continuous audit can serve, with a value for each label.
import type { Registry } from 'prom-client';

import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import {
  createAuditMetrics,
  createProcessMetrics,
  createServingMetrics,
} from '../../src/metrics/process-metrics.ts';
import { createDeliveryMetrics } from '../../src/metrics/delivery-metrics.ts';
import { createMqttMetrics } from '../../src/metrics/mqtt-metrics.ts';
import { createPostedMetrics } from '../../src/metrics/posted-metrics.ts';
import { addThreadGauges } from '../../src/metrics/thread-gauges.ts';
import { createTreeMetrics, type MeasuredShard } from '../../src/metrics/tree-metrics.ts';

const shard: MeasuredShard = {
  ...{ topic: 't', partition: 0, phase: 'running', lag: 1, watermarkMs: 1, sensors: 1 },
  ...{ openWindows: 1, quarantined: 0, fastClock: null, knownAtMs: 1 },
  ...{ lastCommitMs: 1, lastSnapshotMs: 1 },
};

/** Returns the registries of all metrics. */
export function everyRegistry(): readonly Registry[] {
  const threads = createMetrics(['v']).registry;
  addThreadGauges(threads, 'worker 0');
  const serving = createServingMetrics(() => ({ cached: 1, stored: 1, cachedBytes: 0 }));
  serving.requestSeconds.observe({ route: '/metrics', status: '2xx' }, 0.01);
  const tree = { nowMs: 2, ready: true, shards: [shard], projectionLag: 0, storeConnected: true };
  return [
    ...[threads, serving.registry, createAuditMetrics().registry],
    createPostedMetrics().registry,
    createMqttMetrics().registry,
    createDeliveryMetrics().registry,
    createProcessMetrics(() => 1, { threads: ['worker 0'] }).registry,
    createTreeMetrics(() => tree, ['running', 'failed']),
  ];
}

/** Returns the names of all metrics of the program's own. */
export async function metricNames(): Promise<readonly string[]> {
  const metrics = await Promise.all(everyRegistry().map((registry) => registry.getMetricsAsJSON()));
  return metrics
    .flat()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('sensorium_'));
}

/** Returns the names of all series of a scrape; a histogram has three. */
export async function seriesNames(): Promise<Set<string>> {
  const texts = await Promise.all(everyRegistry().map((registry) => registry.metrics()));
  const typed = [...texts.join('\n').matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    typed.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  );
}
