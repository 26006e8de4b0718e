// Chooses the baseline's method; the fold knows only the interface.
import { AdaptiveBaseline } from './baseline-adaptive.ts';
import { CumulativeBaseline } from './baseline-cumulative.ts';
import type { Baseline } from './baseline.ts';

export interface BaselineSettings {
  readonly baseline: 'adaptive' | 'cumulative';
  readonly baselineHalfLife: number;
  readonly anomalyThreshold: number;
  readonly anomalyWarmup: number;
  readonly alarmRest: 'calm' | 'fixed';
}

export type CreateBaseline = (settings: BaselineSettings) => Baseline;

/** Returns an empty baseline of the method that `settings` name. */
export function createBaseline(settings: BaselineSettings): Baseline {
  return settings.baseline === 'adaptive'
    ? new AdaptiveBaseline(settings)
    : new CumulativeBaseline(settings);
}
