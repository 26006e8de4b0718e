import { expect, it } from 'vitest';

import { ConfigError } from '../../src/errors.ts';
import { allFeatures, defaultFeatures, selectFeatures } from '../../src/sensors/features.ts';
import { baseAccumulators } from '../../src/sensors/base-accumulators.ts';
import { ClosedWindowView } from '../../src/sensors/closed-window.ts';
import { sums } from '../../src/sensors/opt-in-accumulators.ts';
import { paneLayout, startOf } from '../../src/sensors/pane-layout.ts';

it('declares the seven features of the feature row, in its order', () => {
  expect(defaultFeatures.map((feature) => `${feature.name} ${feature.type}`)).toEqual([
    'count Int64',
    'avg_value Float64',
    'min_value Float64',
    'max_value Float64',
    'std_dev Float64',
    'anomaly_count Int64',
    'anomaly_rate Float64',
  ]);
});

it('describes each feature by one sentence', () => {
  for (const { description } of allFeatures) expect(description).toMatch(/^[A-Z].*\.$/);
});

it('takes the population’s standard deviation and the share of anomalies', () => {
  const view = new ClosedWindowView(paneLayout(defaultFeatures), [60_000]);
  const window = Object.assign(view, { count: 4, m2: 16, anomalyCount: 1 });
  const values = Object.fromEntries(defaultFeatures.map((f) => [f.name, f.value(window)]));

  expect(values).toMatchObject({ count: 4, std_dev: 2, anomaly_count: 1, anomaly_rate: 0.25 });
});

it('selects by name, in the order named, and names every unknown one', () => {
  expect(selectFeatures(['std_dev', 'count']).map(({ name }) => name)).toEqual([
    'std_dev',
    'count',
  ]);
  expect(() => selectFeatures(['count', 'mode', 'kurtosis'])).toThrow(ConfigError);
  expect(() => selectFeatures(['count', 'mode', 'kurtosis'])).toThrow(/mode, kurtosis/);
});

it('gives each feature a name of its own, fit for a column and a Feast field', () => {
  const names = allFeatures.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
});

it('gives each accumulator a name of its own, without what the fingerprint separates by', () => {
  const needed = new Set([...baseAccumulators, ...allFeatures.flatMap(({ needs }) => needs)]);
  const names = [...needed].map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  for (const { name, columns } of needed) {
    expect(`${name} ${columns.join(' ')}`).toMatch(/^[A-Za-z0-9 ]+$/);
  }
});

it('gives a pane 11 doubles by default, and more only for what opt-in features need', () => {
  const doubles = (...names: string[]): number => paneLayout(selectFeatures(names)).stride;

  expect(doubles(...defaultFeatures.map(({ name }) => name))).toBe(11);
  expect(doubles('range', 'alarm_count', 'alarm_score_max')).toBe(11);
  expect(doubles('first_value')).toBe(13);
  expect(doubles('first_value', 'last_value', 'rate_of_change')).toBe(15);
});

it('refuses a feature that reads what it does not declare', () => {
  expect(() => startOf(paneLayout(defaultFeatures), sums)).toThrow(/sums/);
});
