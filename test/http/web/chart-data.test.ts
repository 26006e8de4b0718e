// The columns of a sensor's chart.
import { describe, expect, it } from 'vitest';

import { chartData, isRange, spanOf } from '../../../src/http/web/chart-data.js';

const row = (endMs: number, value: number) => ({
  ...{ window_start: endMs - 60_000, window_end: endMs },
  features: { avg_value: value, min_value: value - 1, max_value: value + 1 },
});
const baseline = { mean: 10, std_dev: 2, n: 50 };
const span = { fromMs: 0, toMs: 1_000_000 };
const feature = 'avg_value';

describe('the chart of a sensor', () => {
  it('has value, span and baseline of each window, in order of time', () => {
    const rows = [row(60_000, 1), row(120_000, 2)];

    expect(chartData(rows, { sensor: { baseline, anomalies: [] }, feature, span }).columns).toEqual(
      [
        [60, 120],
        [1, 2],
        [0, 1],
        [2, 3],
        [6, 6],
        [14, 14],
        [null, null],
      ],
    );
  });

  it('breaks its line where windows are missing, and only there', () => {
    const rows = [row(60_000, 1), row(120_000, 2), row(300_000, 3)];

    const { columns } = chartData(rows, { feature, span });

    expect(columns[0]).toEqual([60, 120, 210, 300]);
    expect(columns[1]).toEqual([1, 2, null, 3]);
    expect(columns[4]).toEqual([null, null, null, null]);
  });

  it('marks the flagged readings in the time shown, without breaking the line', () => {
    const anomalies = [90_000, 90_000, 5_000_000].map((timestamp) => ({ timestamp, value: 77 }));

    const { columns, flags } = chartData([row(60_000, 1), row(120_000, 2)], {
      sensor: { baseline, anomalies },
      ...{ feature, span },
    });

    expect(columns[0]).toEqual([60, 90, 120]);
    expect(columns[1]).toEqual([1, undefined, 2]);
    expect(columns[6]).toEqual([null, 77, null]);
    expect([...flags].map(([time, found]) => [time, found.length])).toEqual([[90, 2]]);
  });

  it('shows a length back from now, or a time from one moment to another', () => {
    expect(spanOf({ range: '1h' }, 4_000_000)).toEqual({ fromMs: 400_000, toMs: 4_000_000 });
    expect(spanOf({ range: '5-9' }, 4_000_000)).toEqual({ fromMs: 5, toMs: 9 });
    expect(['24h', '7d', '5-9', '9-5', 'x'].map(isRange)).toEqual([true, true, true, false, false]);
  });
});
