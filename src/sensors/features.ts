// The features of a closed window, each declared once: its name, type, unit, meaning and value.
// Rows, schemas, the feature repository and the documentation are all made from these declarations.
import { ConfigError } from '../errors.ts';
import type { ClosedWindow } from './closed-window.ts';

export interface FeatureDeclaration {
  readonly name: string;
  readonly type: 'Float64' | 'Int64';
  /** `value` stands for the unit of the sensor's own readings. */
  readonly unit: string;
  readonly description: string;
  value(window: ClosedWindow): number;
}

export const featureDeclarations: readonly FeatureDeclaration[] = [
  {
    name: 'count',
    type: 'Int64',
    unit: 'readings',
    description: 'Number of readings in the window.',
    value: (window) => window.count,
  },
  {
    name: 'avg_value',
    type: 'Float64',
    unit: 'value',
    description: 'Arithmetic mean of the readings.',
    value: (window) => window.mean,
  },
  {
    name: 'min_value',
    type: 'Float64',
    unit: 'value',
    description: 'Least reading.',
    value: (window) => window.min,
  },
  {
    name: 'max_value',
    type: 'Float64',
    unit: 'value',
    description: 'Greatest reading.',
    value: (window) => window.max,
  },
  {
    name: 'std_dev',
    type: 'Float64',
    unit: 'value',
    description: 'Population standard deviation of the readings; 0 where all are equal.',
    value: (window) => Math.sqrt(window.m2 / window.count),
  },
  {
    name: 'anomaly_count',
    type: 'Int64',
    unit: 'readings',
    description: "Readings further from the sensor's baseline than the anomaly threshold.",
    value: (window) => window.anomalyCount,
  },
  {
    name: 'anomaly_rate',
    type: 'Float64',
    unit: 'ratio',
    description: 'Anomalies per reading, 0 to 1.',
    value: (window) => window.anomalyCount / window.count,
  },
];

/**
 * Returns the declarations named, in the order named. @throws ConfigError that lists every unknown
 * name.
 */
export function selectFeatures(names: readonly string[]): readonly FeatureDeclaration[] {
  const byName = new Map(featureDeclarations.map((feature) => [feature.name, feature]));
  const unknown = names.filter((name) => !byName.has(name));
  if (unknown.length > 0) {
    const known = [...byName.keys()].join(', ');
    throw new ConfigError(`FEATURES: expected names among ${known}; got ${unknown.join(', ')}`);
  }
  return names.flatMap((name) => byName.get(name) ?? []);
}
