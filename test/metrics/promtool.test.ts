// What Prometheus itself says of the metrics: its linter finds nothing. Skipped where promtool (of the
// Debian package `prometheus`, see scripts/setup-tests.sh) is not installed.
import { spawnSync } from 'node:child_process';
import type { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import {
  createAuditMetrics,
  createProcessMetrics,
  createServingMetrics,
} from '../../src/metrics/process-metrics.ts';
import { addThreadGauges } from '../../src/metrics/thread-gauges.ts';
import { createTreeMetrics, type MeasuredShard } from '../../src/metrics/tree-metrics.ts';

const promtool = process.env['PROMTOOL'] ?? 'promtool';
const installed = spawnSync(promtool, ['--version'], { stdio: 'ignore' }).status === 0;

const shard: MeasuredShard = {
  ...{ topic: 't', partition: 0, phase: 'running', lag: 1, watermarkMs: 1, sensors: 1 },
  ...{ openWindows: 1, quarantined: 0, fastClock: null, knownAtMs: 1 },
  ...{ lastCommitMs: 1, lastSnapshotMs: 1 },
};

async function everyMetric(): Promise<string> {
  const threads = createMetrics(['v']).registry;
  addThreadGauges(threads, 'worker 0');
  const serving = createServingMetrics(() => ({ cached: 1, stored: 1 }));
  serving.requestSeconds.observe({ route: '/metrics', status: '2xx' }, 0.01);
  const tree = { nowMs: 2, ready: true, shards: [shard], projectionLag: 0, storeConnected: true };
  const registries: readonly Registry[] = [
    ...[threads, serving.registry, createAuditMetrics().registry],
    createProcessMetrics(() => 1, { threads: ['worker 0'] }).registry,
    createTreeMetrics(() => tree, ['running', 'failed']),
  ];
  return (await Promise.all(registries.map((registry) => registry.metrics()))).join('\n');
}

describe('the metrics', () => {
  it('name no gauge as a counter is named', async () => {
    const text = await everyMetric();

    expect(text.match(/^# TYPE \S+_total (?!counter).*$/gm) ?? []).toEqual([]);
  });

  it.skipIf(!installed)('pass `promtool check metrics`', async () => {
    const checked = spawnSync(promtool, ['check', 'metrics'], {
      input: await everyMetric(),
      encoding: 'utf8',
    });

    expect(checked.stderr + checked.stdout).toBe('');
    expect(checked.status).toBe(0);
  });
});
