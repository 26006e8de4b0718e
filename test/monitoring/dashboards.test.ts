// The dashboards of monitoring/grafana: their queries are PromQL over series that exist.
// test/monitoring/incident.integration.test.ts runs them over a real program; how Grafana draws
// them is untested.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { dashboards } from '../../scripts/artefacts.ts';
import { grafanaDashboard } from '../../scripts/dashboards/dashboard.ts';
import { seriesNames } from '../metrics/every-metric.ts';
import { queryNow } from './panel-query.ts';

const promtool = process.env['PROMTOOL'] ?? 'promtool';
const installed = spawnSync(promtool, ['--version'], { stdio: 'ignore' }).status === 0;
const read = (path: string): string =>
  readFileSync(new URL(`../../monitoring/${path}`, import.meta.url), 'utf8');

const rules = read('rules/recording.yml') + read('rules/alerts.yml');
const expressions = dashboards.flatMap(({ rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ queries }) => queries.map(({ expr }) => queryNow(expr))),
  ),
);

describe('the dashboards', () => {
  it('ask only for series that the program or a rule has', async () => {
    const known = await seriesNames();
    for (const [, name = ''] of rules.matchAll(/record: (\S+)/g)) known.add(name);

    const asked = expressions.flatMap(
      (expr) => expr.match(/\b(?:job:)?sensorium_[a-z0-9_]+(?::\w+)?/g) ?? [],
    );

    expect(asked.length).toBeGreaterThan(60);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  it('give each panel a place and a number of its own', () => {
    for (const declared of dashboards) {
      const panels = grafanaDashboard(declared).panels ?? [];
      const places = panels.map(({ gridPos }) => `${gridPos?.x} ${gridPos?.y}`);

      expect(new Set(places).size, declared.title).toBe(panels.length);
      expect(new Set(panels.map(({ id }) => id)).size, declared.title).toBe(panels.length);
    }
  });

  it.skipIf(!installed)('are PromQL to promtool', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sensorium-dashboards-'));
    const file = join(folder, 'rules.yml');
    const recorded = expressions.map((expr, index) => ({ record: `panel_${index}`, expr }));
    writeFileSync(file, stringify({ groups: [{ name: 'panels', rules: recorded }] }));

    const checked = await promisify(execFile)(promtool, ['check', 'rules', file]);

    expect(checked.stdout).toContain(`SUCCESS: ${expressions.length} rules found`);
    rmSync(folder, { recursive: true });
  });
});
