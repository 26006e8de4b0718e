// Prometheus's own linter finds nothing wrong with the metrics. Skipped where promtool (of the
// Debian package `prometheus`, see scripts/setup-tests.sh) is not installed.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import { everyRegistry } from './every-metric.ts';

const promtool = process.env['PROMTOOL'] ?? 'promtool';
const installed = spawnSync(promtool, ['--version'], { stdio: 'ignore' }).status === 0;

async function everyMetric(): Promise<string> {
  return (await Promise.all(everyRegistry().map((registry) => registry.metrics()))).join('\n');
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
