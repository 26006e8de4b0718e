// The types of chart-data.js, for its tests.
import type { RecentAnomaly } from '../../projections/recent-anomalies.ts';
import type { BaselineSummary } from '../../sensors/baseline.ts';
import type { SensorRow } from '../../stores/history-store.ts';

export interface ChartSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

export type ChartColumn = readonly (number | null | undefined)[];

export const ranges: readonly (readonly [name: string, text: string, lengthMs: number])[];
export function spanOf(view: { readonly range: string }, nowMs: number): ChartSpan;
export function isRange(range: string): boolean;
export function chartData(
  rows: readonly Pick<SensorRow, 'window_start' | 'window_end' | 'features'>[],
  options: {
    readonly sensor?: {
      readonly baseline: BaselineSummary;
      readonly anomalies: readonly Pick<RecentAnomaly, 'timestamp' | 'value'>[] | null;
    };
    readonly feature: string;
    readonly span: ChartSpan;
  },
): {
  readonly columns: readonly ChartColumn[];
  readonly flags: ReadonlyMap<number, readonly Pick<RecentAnomaly, 'timestamp' | 'value'>[]>;
};
