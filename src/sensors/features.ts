// The features of a closed window, each declared once: its name, type, unit, meaning, the
// accumulators it needs and its value. Pane columns, the fingerprint, rows, schemas, the feature
// repository and the documentation are all made from these declarations.
import { ConfigError } from '../errors.ts';
import type { Accumulator } from './accumulator.ts';
import { anomalies, extremes, moments } from './base-accumulators.ts';
import type { ClosedWindow } from './closed-window.ts';
import { optInFeatures } from './opt-in-features.ts';

export interface FeatureDeclaration {
  readonly name: string;
  readonly type: 'Float64' | 'Int64';
  /** `value` stands for the unit of the sensor's own readings. */
  readonly unit: string;
  /** One sentence. */
  readonly description: string;
  /** Those that `value` reads. */
  readonly needs: readonly Accumulator[];
  /**
   * Returns the feature of a window with at least one reading; finite, and an integer for Int64.
   */
  value(window: ClosedWindow): number;
}

/** The default features: what a row has where FEATURES is not set, in its order. */
export const defaultFeatures: readonly FeatureDeclaration[] = [
  {
    name: 'count',
    type: 'Int64',
    unit: 'readings',
    description: 'Number of readings in the window.',
    needs: [moments],
    value: (window) => window.count,
  },
  {
    name: 'avg_value',
    type: 'Float64',
    unit: 'value',
    description: 'Arithmetic mean of the readings.',
    needs: [moments],
    value: (window) => window.mean,
  },
  {
    name: 'min_value',
    type: 'Float64',
    unit: 'value',
    description: 'Least reading.',
    needs: [extremes],
    value: (window) => window.min,
  },
  {
    name: 'max_value',
    type: 'Float64',
    unit: 'value',
    description: 'Greatest reading.',
    needs: [extremes],
    value: (window) => window.max,
  },
  {
    name: 'std_dev',
    type: 'Float64',
    unit: 'value',
    description: 'Population standard deviation of the readings; 0 where all are equal.',
    needs: [moments],
    value: (window) => Math.sqrt(window.m2 / window.count),
  },
  {
    name: 'anomaly_count',
    type: 'Int64',
    unit: 'readings',
    description: "Readings further from the sensor's baseline than the anomaly threshold.",
    needs: [anomalies],
    value: (window) => window.anomalyCount,
  },
  {
    name: 'anomaly_rate',
    type: 'Float64',
    unit: 'ratio',
    description: 'Anomalies per reading, 0 to 1.',
    needs: [anomalies, moments],
    value: (window) => window.anomalyCount / window.count,
  },
];

/** Every feature a row can have, the default ones first. */
export const allFeatures: readonly FeatureDeclaration[] = [...defaultFeatures, ...optInFeatures];

/**
 * Returns the declarations named, in the order named. @throws ConfigError that lists every unknown
 * name.
 */
export function selectFeatures(names: readonly string[]): readonly FeatureDeclaration[] {
  const byName = new Map(allFeatures.map((feature) => [feature.name, feature]));
  const unknown = names.filter((name) => !byName.has(name));
  if (unknown.length > 0) {
    const known = [...byName.keys()].join(', ');
    throw new ConfigError(`FEATURES: expected names among ${known}; got ${unknown.join(', ')}`);
  }
  return names.flatMap((name) => byName.get(name) ?? []);
}
