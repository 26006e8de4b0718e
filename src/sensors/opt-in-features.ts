// The features that a row has only where FEATURES names them. A feature costs the columns of its
// accumulators in every open pane; several features share one accumulator.
import { alarms, extremes } from './base-accumulators.ts';
import type { ClosedWindow } from './closed-window.ts';
import type { FeatureDeclaration } from './features.ts';
import { earliest, gaps, latest, sums } from './opt-in-accumulators.ts';
import { quantileOf, quantiles } from './quantile-sketch.ts';

const timestampAt = 0;
const valueAt = 1;
const msPerSecond = 1_000;

export const optInFeatures: readonly FeatureDeclaration[] = [
  {
    name: 'sum',
    type: 'Float64',
    unit: 'value',
    description: 'Sum of the readings.',
    needs: [sums],
    value: (window) => window.column(sums, 0) + window.column(sums, 1),
  },
  {
    name: 'first_value',
    type: 'Float64',
    unit: 'value',
    description: 'Reading earliest in event time; of several, the one first in the log.',
    needs: [earliest],
    value: (window) => window.column(earliest, valueAt),
  },
  {
    name: 'last_value',
    type: 'Float64',
    unit: 'value',
    description: 'Reading latest in event time; of several, the one last in the log.',
    needs: [latest],
    value: (window) => window.column(latest, valueAt),
  },
  {
    name: 'range',
    type: 'Float64',
    unit: 'value',
    description: 'Greatest reading minus least.',
    needs: [extremes],
    value: (window) => window.max - window.min,
  },
  {
    name: 'rate_of_change',
    type: 'Float64',
    unit: 'value per second',
    description:
      'From first_value to last_value, per second between them; 0 where they are of one instant.',
    needs: [earliest, latest],
    value: rateOfChange,
  },
  {
    name: 'median',
    type: 'Float64',
    unit: 'value',
    description: 'Middle reading; exact for up to 63 distinct values, else to 1.7 % of the range.',
    needs: [quantiles, extremes],
    value: (window) => quantileOf(window, 0.5),
  },
  {
    name: 'p95',
    type: 'Float64',
    unit: 'value',
    description: 'Value that 95 % of the readings do not exceed; as exact as the median.',
    needs: [quantiles, extremes],
    value: (window) => quantileOf(window, 0.95),
  },
  {
    name: 'gap_max_ms',
    type: 'Int64',
    unit: 'ms',
    description:
      'Greatest gap of event time between readings, as seen when each came; 0 for one reading.',
    needs: [gaps],
    value: (window) => window.column(gaps, 0),
  },
  {
    name: 'alarm_count',
    type: 'Int64',
    unit: 'alarms',
    description: 'Alarms of the adaptive baseline; 0 with BASELINE=cumulative.',
    needs: [alarms],
    value: (window) => window.alarmCount,
  },
  {
    name: 'alarm_score_max',
    type: 'Float64',
    unit: 'score',
    description:
      'Greatest alarm score of the readings, an alarm from 3 on; 0 while the baseline warms.',
    needs: [alarms],
    value: (window) => window.alarmScoreMax,
  },
];

function rateOfChange(window: ClosedWindow): number {
  const elapsedMs = window.column(latest, timestampAt) - window.column(earliest, timestampAt);
  const change = window.column(latest, valueAt) - window.column(earliest, valueAt);
  // Adding 0 turns the −0 that a tiny negative change underflows to into 0.
  return elapsedMs > 0 ? (change * msPerSecond) / elapsedMs + 0 : 0;
}
