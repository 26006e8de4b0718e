import { expect, it } from 'vitest';

import { ConfigError } from '../../src/errors.ts';
import { featureDeclarations, selectFeatures } from '../../src/sensors/features.ts';
import { ClosedWindowView } from '../../src/sensors/closed-window.ts';

it('declares the seven features of the feature row, in its order', () => {
  expect(featureDeclarations.map((feature) => `${feature.name} ${feature.type}`)).toEqual([
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
  for (const { description } of featureDeclarations) expect(description).toMatch(/^[A-Z].*\.$/);
});

it('takes the population’s standard deviation and the share of anomalies', () => {
  const window = Object.assign(new ClosedWindowView(), { count: 4, m2: 16, anomalyCount: 1 });
  const values = Object.fromEntries(featureDeclarations.map((f) => [f.name, f.value(window)]));

  expect(values).toMatchObject({ count: 4, std_dev: 2, anomaly_count: 1, anomaly_rate: 0.25 });
});

it('selects by name, in the order named, and names every unknown one', () => {
  expect(selectFeatures(['std_dev', 'count']).map(({ name }) => name)).toEqual([
    'std_dev',
    'count',
  ]);
  expect(() => selectFeatures(['count', 'median', 'mode'])).toThrow(ConfigError);
  expect(() => selectFeatures(['count', 'median', 'mode'])).toThrow(/median, mode/);
});
