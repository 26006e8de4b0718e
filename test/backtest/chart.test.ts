import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import { pixelColumns } from '../../src/backtest/chart-columns.ts';
import { numberTicks, timeTicks, type Scale } from '../../src/backtest/chart-scale.ts';
import { drawChart } from '../../src/backtest/chart.ts';
import { addToTrace, emptyTrace, type Trace } from '../../src/backtest/trace.ts';

interface Drawn {
  readonly timestampMs: number;
  readonly value: number;
  readonly alarm: 0 | 1;
}

function traceOf(readings: readonly Drawn[], sensorId = 'pump'): Trace {
  const trace = emptyTrace(sensorId);
  for (const reading of readings) {
    const baseline = { mean: reading.value, std_dev: 1, n: 9 };
    const scored = {
      ...({ score: 0.25, anomaly: 0, channel: 'spike' } as const),
      alarm: reading.alarm,
    };
    addToTrace(trace, reading, scored, {
      ...{ baseline, threshold: 2.5 },
      isTrue: undefined,
    });
  }
  return trace;
}
const draw = (traces: readonly Trace[]): string =>
  drawChart({ title: 'a <b> & "c"', notes: [], traces, windows: undefined, threshold: 2.5 });
const scale = (from: number, to: number): Scale => ({ from, to, fromPx: 0, toPx: 1000 });
const iso = (text: string): number => Date.parse(text);

const readings = fc.array(
  fc.record({
    timestampMs: fc.integer({ min: -8e15, max: 8e15 }),
    value: fc.double({ min: -1e150, max: 1e150, noNaN: true }),
    alarm: fc.constantFrom(0 as const, 1 as const),
  }),
  { minLength: 1 },
);

describe('the picture', () => {
  it(titled('has a mark for every alarm and only numbers that a viewer can read'), async () => {
    await holds(
      fc.property(readings, (drawn) => {
        const svg = draw([traceOf(drawn)]);

        expect(svg.match(/<title>alarm /g)?.length ?? 0).toBe(
          drawn.filter(({ alarm }) => alarm === 1).length,
        );
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      }),
      {
        ...runs(200),
        examples: [
          // The width of this interval overflows.
          [[7.4e-323, 8e-323].map((value) => ({ timestampMs: 0, value, alarm: 0 as const }))],
        ],
      },
    );
  });

  it(titled('keeps the least and the greatest value, however narrow it is'), async () => {
    await holds(
      fc.property(readings, fc.integer({ min: 1, max: 50 }), (drawn, columns) => {
        const times = drawn.map(({ timestampMs }) => timestampMs);
        const range = { fromMs: Math.min(...times), toMs: Math.max(...times) + 1, columns };

        const drawnColumns = pixelColumns(traceOf(drawn), range);

        const values = drawn.map(({ value }) => value);
        expect(Math.min(...drawnColumns.map(({ min }) => min))).toBe(Math.min(...values));
        expect(Math.max(...drawnColumns.map(({ max }) => max))).toBe(Math.max(...values));
        expect(drawnColumns.length).toBeLessThanOrEqual(columns);
      }),
      runs(200),
    );
  });

  it('inserts names as text, never as markup', () => {
    const svg = draw([traceOf([{ timestampMs: 0, value: 1, alarm: 0 }], '<script>\u0000')]);

    expect(svg).not.toContain('<script>');
    expect(svg).not.toContain('\u0000');
    expect(svg).toContain('a &#60;b&#62; &#38; &#34;c&#34;');
  });

  it('of an empty file says so', () => {
    expect(draw([])).toContain('no readings');
  });
});

describe('an axis', () => {
  it('marks round numbers', () => {
    expect(numberTicks(scale(-0.3, 1.1), 5).map(({ text }) => text)).toEqual([
      ...['-0.2', '0', '0.2', '0.4', '0.6', '0.8', '1'],
    ]);
    expect(numberTicks(scale(1e9, 1e9 + 40), 5).map(({ at }) => at - 1e9)).toEqual([
      ...[0, 10, 20, 30, 40],
    ]);
  });

  it.each([
    ['2024-01-01T00:00', '2024-01-01T01:00', 4, ['2024-01-01', '00:15', '00:30', '00:45', '01:00']],
    ['2024-01-01', '2024-01-20', 3, ['2024-01-07', '2024-01-14']],
    ['2024-01-10', '2024-04-02', 4, ['2024-02-01', '2024-03-01', '2024-04-01']],
    ['2021-05-01', '2024-02-01', 4, ['2022', '2023', '2024']],
  ])('marks round times from %s to %s', (from, to, count, texts) => {
    const ticks = timeTicks(
      scale(iso(`${from}${from.includes('T') ? 'Z' : ''}`), iso(to.includes('T') ? `${to}Z` : to)),
      count,
    );

    expect(ticks.map(({ text }) => text)).toEqual(texts);
  });
});
