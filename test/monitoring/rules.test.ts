// The rules of monitoring/ as Prometheus and Alertmanager themselves read them: they are valid, every alert fires in a
// unit test and has its section in docs/operations.md, and every metric they name exists. What needs promtool and amtool
// (scripts/setup-tests.sh) is skipped without them.
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { seriesNames } from '../metrics/every-metric.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
    }[];
  }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const monitoring = join(root, 'monitoring');
const promtool = process.env['PROMTOOL'] ?? 'promtool';
const amtool = process.env['AMTOOL'] ?? 'amtool';
const isInstalled = (command: string): boolean =>
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(monitoring, folder))
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(monitoring, folder, name));
const read = (path: string): unknown => parse(readFileSync(path, 'utf8'));

const rules = filesIn('rules').flatMap((path) =>
  (read(path) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
);
const alerts = rules.filter((rule) => rule.alert !== undefined);
const alertNames = [...new Set(alerts.map(({ alert = '' }) => alert))].sort();
const runbook = readFileSync(join(root, 'docs/operations.md'), 'utf8');

describe('each alert', () => {
  it('has its section in docs/operations.md, and each section its alert', () => {
    const sections = [...runbook.matchAll(/^### (Sensorium\S+)$/gm)].map(([, name]) => name);

    expect(sections.sort()).toEqual(alertNames);
  });

  it('names its section and how urgent it is', () => {
    expect(alerts.length).toBeGreaterThan(30);
    for (const { alert = '', labels, annotations } of alerts) {
      expect(annotations?.['runbook']).toBe(`docs/operations.md#${alert.toLowerCase()}`);
      expect(annotations?.['summary']).not.toBe('');
      expect(['page', 'ticket'], alert).toContain(labels?.['severity']);
    }
  });

  it('is shown firing, at each speed of a budget, and not firing', () => {
    const shown = filesIn('tests')
      .flatMap((path) => (read(path) as RuleTests).tests)
      .flatMap((test) => test.alert_rule_test);
    const firing = new Set<string>();
    const silent = new Set<string>();
    for (const { alertname, exp_alerts: expected } of shown) {
      if (expected.length === 0) silent.add(alertname);
      for (const { exp_labels: labels } of expected) {
        firing.add(`${alertname} ${labels['burn'] ?? ''}`);
      }
    }

    const speeds = alerts
      .filter(({ alert }) => alert !== 'SensoriumCompletenessBudget')
      .map(({ alert, labels }) => `${alert} ${labels?.['burn'] ?? ''}`);
    expect(speeds.filter((speed) => !firing.has(speed))).toEqual([]);
    expect(alertNames.filter((name) => !silent.has(name))).toEqual([]);
  });
});

describe('the rules', () => {
  it('name only series that the program or another rule has', async () => {
    const known = await seriesNames();
    for (const { record } of rules) if (record !== undefined) known.add(record);

    const unknown = rules
      .flatMap(({ expr }) => expr.match(/\b(?:job:)?sensorium_[a-z0-9_]+(?::\w+)?/g) ?? [])
      .filter((name) => !known.has(name));

    expect(unknown).toEqual([]);
  });

  it('inhibit only alerts that exist', () => {
    const named = readFileSync(join(monitoring, 'alertmanager.yml'), 'utf8').match(
      /\bSensorium[A-Z]\w+/g,
    );

    expect(named?.length).toBeGreaterThan(3);
    expect(named?.filter((name) => !alertNames.includes(name))).toEqual([]);
  });

  it.skipIf(!isInstalled(promtool))('pass their unit tests in promtool', async () => {
    const tested = await run(promtool, ['test', 'rules', ...filesIn('tests')]);

    expect(tested).toContain('SUCCESS');
    expect(tested).not.toContain('FAILED');
  });

  it.skipIf(!isInstalled(promtool))('are in a configuration that Prometheus takes', async () => {
    const checked = await run(promtool, ['check', 'config', join(monitoring, 'prometheus.yml')]);

    expect(checked).toContain('2 rule files found');
  });

  it.skipIf(!isInstalled(amtool))('send to an Alertmanager that takes its own', async () => {
    const checked = await run(amtool, ['check-config', join(monitoring, 'alertmanager.yml')]);

    expect(checked).toContain('SUCCESS');
  });
});

/** Returns the output. @throws with it unless the command exits with 0 */
async function run(command: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(command, [...args]);
  return stdout + stderr;
}
