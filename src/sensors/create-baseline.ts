// Chooses the baseline's method; the fold knows only the interface.
import { AdaptiveBaseline } from './baseline-adaptive.ts';
import { RobustBaseline } from './baseline-robust.ts';
import { CumulativeBaseline } from './baseline-cumulative.ts';
import type { Baseline } from './baseline.ts';

export type BaselineMethod = 'adaptive' | 'cumulative' | 'robust';

export interface BaselineSettings {
  readonly baseline: BaselineMethod;
  readonly baselineHalfLife: number;
  readonly anomalyThreshold: number;
  readonly anomalyWarmup: number;
  readonly alarmRest: 'calm' | 'fixed';
}

export type CreateBaseline = (settings: BaselineSettings) => Baseline;

/** Returns an empty baseline of the method that `settings` name. */
export function createBaseline(settings: BaselineSettings): Baseline {
  if (settings.baseline === 'robust') return new RobustBaseline(settings);
  return settings.baseline === 'adaptive'
    ? new AdaptiveBaseline(settings)
    : new CumulativeBaseline(settings);
}
