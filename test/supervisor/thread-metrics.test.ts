import { describe, expect, it } from 'vitest';

import { createProcessMetrics } from '../../src/metrics/process-metrics.ts';
import { createTreeMetrics, type MeasuredTree } from '../../src/metrics/tree-metrics.ts';
import { ThreadMetrics } from '../../src/supervisor/thread-metrics.ts';
import { keepingLogger } from './keeping-logger.ts';

const emptyTree = (): MeasuredTree => ({
  ...{ nowMs: 0, ready: true, shards: [], projectionLag: 0, storeConnected: true },
});

describe('the metrics of all threads', () => {
  const counter = (value: number): object => ({
    name: 'sensorium_readings_total',
    help: 'Readings.',
    type: 'counter',
    aggregator: 'sum',
    values: [{ value, labels: {} }],
  });
  const lag = (value: number): object => ({
    name: 'sensorium_snapshot_bytes',
    help: 'Lag.',
    type: 'gauge',
    aggregator: 'sum',
    values: [{ value, labels: { topic: 't', partition: '0' } }],
  });
  const metered = (name: string, ask: () => object[], holds = true) => ({
    name,
    ask: async () => ask(),
    holds: () => holds,
  });
  const metricsOf = (...threads: ReturnType<typeof metered>[]): ThreadMetrics =>
    new ThreadMetrics(
      threads,
      { process: createProcessMetrics(() => 61), tree: createTreeMetrics(emptyTree, []) },
      keepingLogger(),
    );

  it('add up counters, and take a partition’s gauge from the thread that holds it', async () => {
    const metrics = metricsOf(
      metered('worker 0', () => [counter(3), lag(17)], false),
      metered('worker 1', () => [counter(4), lag(5)]),
    );

    const text = await metrics.text();

    expect(text).toContain('sensorium_readings_total 7\n');
    expect(text).toContain('sensorium_snapshot_bytes{topic="t",partition="0"} 5\n');
    expect(text).toContain('sensorium_uptime_seconds 61\n');
    expect(text).toMatch(/process_resident_memory_bytes \d/);
  });

  it('never decrease when a thread dies and restarts from zero', async () => {
    let value = 40;
    const metrics = metricsOf(metered('worker 0', () => [counter(value), lag(9)]));
    await metrics.text();

    metrics.retire('worker 0');
    value = 2;
    const text = await metrics.text();
    metrics.retire('worker 0');
    value = 0;

    expect(text).toContain('sensorium_readings_total 42\n');
    expect(await metrics.text()).toContain('sensorium_readings_total 42\n');
  });

  it('show the last values of a silent thread, and count it', async () => {
    let silent = false;
    const metrics = metricsOf(
      metered('worker 0', () => {
        if (silent) throw new Error('no answer');
        return [counter(5)];
      }),
    );
    await metrics.text();

    silent = true;
    const text = await metrics.text();

    expect(text).toContain('sensorium_readings_total 5\n');
    expect(text).toContain('sensorium_threads_not_answering 1\n');
  });

  it('are collected once for concurrent callers', async () => {
    let asked = 0;
    const metrics = metricsOf(
      metered('worker 0', () => {
        asked += 1;
        return [counter(1)];
      }),
    );

    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);

    expect(asked).toBe(1);
  });
});
