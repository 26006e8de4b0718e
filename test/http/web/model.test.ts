import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../../property-tests/seed.ts';
import { allFeatures } from '../../../src/sensors/features.ts';
import {
  drawnFeature,
  emptyModel,
  firstWindow,
  knownAge,
  formatDuration,
  formatFeature,
  formatNumber,
  heading,
  noFlags,
  quarantined,
  sparkline,
  takeFeatures,
  listNote,
  takeSensors,
  takeStatus,
  totalsAge,
  flagReason,
  lastHeard,
  learnedText,
  windowsKept,
} from '../../../src/http/web/model.js';
import type { SensorsAnswer } from '../../../src/http/sensor-listing.ts';
import { listedOf, sensorView, shardView, thread, treeOf } from '../in-memory-supervisor.ts';

const status = (tree = treeOf()) => ({ tree, readiness: { ready: true, reasons: [] } });

/** An answer of `GET /sensors` with one sensor and its last windows. */
function listing(id: string, ends: readonly number[]): SensorsAnswer {
  const windows = ends.map((endMs) => [endMs, endMs / 60_000, 0] as const);
  const item = { ...listedOf(sensorView(id)), process: null, windows };
  const last = ends.at(-1) ?? null;
  return {
    sensors: [id],
    ...{ limit: 50, total: 2_000, matching: 2_000, next: null },
    items: [{ ...item, window_end: last, features: { avg_value: (last ?? 0) / 60_000 } }],
    processes: { answered: 1, silent: [] },
  };
}

describe('the page’s model', () => {
  it('keeps the windows it has seen of the listed sensors, each once and bounded', () => {
    const model = emptyModel();
    const ends = Array.from({ length: windowsKept + 5 }, (_, i) => 60_000 * (i + 1));
    takeSensors(model, listing('a', ends.slice(0, -2)));

    takeSensors(model, listing('a', ends.slice(-2)));

    expect(model.windows.get('a')?.map(([endMs]) => endMs)).toEqual(ends.slice(-windowsKept));
    takeSensors(model, listing('b', [60_000]));
    expect([...model.windows.keys()]).toEqual(['b']);
  });

  it('says how many sensors there are, match and are shown, and who did not answer', () => {
    const answer = listing('a', []);

    expect(listNote(answer, false)).toBe('2,000 sensors, showing 1');
    expect(listNote({ ...answer, matching: 1 }, true)).toBe('2,000 sensors, 1 match');
    const silent = { answered: 1, silent: ['http://b'] };
    expect(listNote({ ...answer, matching: 40, processes: silent }, true)).toBe(
      '2,000 sensors, 40 match, showing 1; 1 other process did not answer',
    );
  });

  it('lists the quarantined sensors with their reasons, and counts those not listed', () => {
    const failed = {
      sensor_id: 'b',
      cause: 'fold_failed' as const,
      message: 'RangeError: x',
      offset: 7,
      decided_ms: 1,
    };
    const asked = { ...failed, sensor_id: 'c', cause: 'operator' as const, message: '' };
    const shard = shardView(0, { quarantined: 25, quarantines: [failed, asked] });
    const place = 'raw_readings / 0, offset 7';
    const workers = [{ ...thread, index: 0, unconfirmedMs: 200, shards: [shard] }];

    expect(quarantined(treeOf({ workers }))).toEqual({
      total: 25,
      sensors: [
        { id: 'b', reason: 'a reading could not be processed: RangeError: x', place },
        { id: 'c', reason: 'by an operator', place },
      ],
    });
    expect(quarantined(treeOf()).total).toBe(0);
  });

  it('measures the rate of readings between two events', () => {
    const model = emptyModel();
    const { totals } = treeOf();
    takeStatus(model, status(treeOf({ nowMs: 1_000, totals: { ...totals, readings: 100 } })));

    takeStatus(model, status(treeOf({ nowMs: 3_000, totals: { ...totals, readings: 300 } })));

    expect(model.rate).toBe(100);
  });

  it('predicts when the first window closes: at its end plus the delay', () => {
    const at = (maxEventTimeMs: number | null) =>
      firstWindow(
        treeOf({
          workers: [
            { ...thread, index: 0, unconfirmedMs: 200, shards: [shardView(0, { maxEventTimeMs })] },
          ],
        }),
      );

    expect(at(null)).toBeUndefined();
    expect(at(65_000 + 20_000)).toEqual({ seconds: 40, done: expect.closeTo(1 / 3) as number });
    expect(at(65_000 + 59_999)?.seconds).toBe(1);
  });
});

describe('numbers the log no longer confirms', () => {
  const nowMs = 61_000;
  const treeKnownAt = (...times: readonly (number | null)[]) =>
    treeOf({
      nowMs,
      workers: [
        {
          ...thread,
          ...{ index: 0, unconfirmedMs: 200 },
          shards: times.map((knownAtMs, index) => shardView(index, { knownAtMs })),
        },
      ],
    });

  it('have an age once they are older than a few seconds', () => {
    expect(knownAge({ knownAtMs: nowMs - 5_000 }, nowMs)).toBeUndefined();
    expect(knownAge({ knownAtMs: nowMs - 5_001 }, nowMs)).toBe(5_001);
    expect(knownAge({ knownAtMs: null }, nowMs)).toBe(Infinity);
  });

  it('make the totals as old as the oldest of them', () => {
    expect(totalsAge(treeKnownAt(nowMs, nowMs - 1_000))).toBeUndefined();
    expect(totalsAge(treeKnownAt(nowMs, nowMs - 70_000, nowMs - 9_000))).toBe(70_000);
    expect(totalsAge(treeKnownAt(null))).toBeUndefined();
  });
});

describe('a sparkline', () => {
  const box = { width: 132, height: 30, padding: 4 };

  it(titled('stays inside its box, and ends at its right edge'), async () => {
    await holds(
      fc.property(
        fc.array(fc.double({ min: -1e150, max: 1e150, noNaN: true }), { minLength: 1 }),
        (values) => {
          const { points } = sparkline(values, box);

          expect(points.length).toBe(values.length);
          expect(points.at(-1)?.x).toBe(box.width - box.padding);
          for (const { x, y } of points) {
            expect(x).toBeGreaterThanOrEqual(box.padding);
            expect(x).toBeLessThanOrEqual(box.width - box.padding);
            expect(y).toBeGreaterThanOrEqual(box.padding);
            expect(y).toBeLessThanOrEqual(box.height - box.padding);
          }
        },
      ),
      runs(200),
    );
  });

  it('draws the greatest value highest and a constant line in the middle', () => {
    expect(sparkline([1, 3, 2], box).points.map(({ y }) => y)).toEqual([26, 4, 15]);
    expect(sparkline([5, 5], box).path).toBe('M4 15L128 15');
  });
});

describe('numbers and durations', () => {
  it('are short and say their unit', () => {
    expect([0, 12, 1234567, 0.05, 20.142857, 1e-7, undefined].map(formatNumber)).toEqual([
      '0',
      '12',
      '1,234,567',
      '0.05',
      '20.14',
      '1.00e-7',
      '–',
    ]);
    expect([0, 59, 185, 7_800, 273_600].map(formatDuration)).toEqual([
      '0 s',
      '59 s',
      '3 min 5 s',
      '2 h 10 min',
      '3 d 4 h',
    ]);
  });
});

describe('a column', () => {
  const declared = emptyModel();
  takeFeatures(declared, { features: allFeatures });

  it('has a heading from its declaration: name, unit if it adds something, description', () => {
    const told = allFeatures.map(({ name }) => heading(declared, name));

    expect(told.map(({ title }) => title)).toEqual(
      allFeatures.map(({ description }) => description),
    );
    expect(told.map(({ text, unit }) => `${text}|${unit}`)).toEqual([
      ...['Count|readings', 'Avg|', 'Min|', 'Max|', 'Std dev|'],
      ...['Anomaly count|readings', 'Anomaly rate|'],
      ...['Sum|', 'First|', 'Last|', 'Range|', 'Rate of change|per second', 'Median|', 'P95|'],
      ...['Gap max|ms', 'Alarm count|alarms', 'Alarm score max|score'],
    ]);
  });

  it('formats values by their declared type and unit, whatever the name', () => {
    const shown = (name: string, value: number): string => formatFeature(declared, name, value);

    expect(shown('avg_value', 20)).toBe('20.00');
    expect(shown('anomaly_rate', 1 / 60)).toBe('1.7 %');
    expect(shown('anomaly_count', 1_000)).toBe('1,000');
    expect(shown('gap_max_ms', 60_000)).toBe('60,000');
    expect(shown('rate_of_change', 0.5)).toBe('0.50');
  });

  it('has the bare name of an undeclared feature', () => {
    expect(heading(emptyModel(), 'of_another')).toEqual({
      text: 'Of another',
      unit: '',
      title: '',
    });
    expect(formatFeature(emptyModel(), 'of_another', 2)).toBe('2.00');
  });

  it('is drawn over time: the mean, else the first in the unit of the readings', () => {
    const withColumns = (...columns: string[]): string | undefined =>
      drawnFeature({ ...declared, columns });

    expect(withColumns('count', 'min_value', 'avg_value')).toBe('avg_value');
    expect(withColumns('count', 'median', 'sum')).toBe('median');
    expect(withColumns('count', 'alarm_count')).toBe('count');
  });
});

describe('a flagged reading', () => {
  const flagged = {
    value: 27.5,
    z: 4.25,
    score: 3.9,
    alarm: true,
    baseline: { mean: 20.1, std_dev: 1.5, n: 250 },
  };

  it('shows its distance from the baseline and any alarm in one line', () => {
    expect(flagReason(flagged)).toBe(
      '27.5 is 4.3 standard deviations above 20.1 ± 1.5 of 250 readings; alarm, score 3.9',
    );
    expect(flagReason({ ...flagged, value: 12, z: -5, alarm: false })).toBe(
      '12 is 5.0 standard deviations below 20.1 ± 1.5 of 250 readings',
    );
  });

  it('names the rule that raised the alarm, where there are several', () => {
    expect(flagReason({ ...flagged, channel: 'context' })).toContain(
      '; alarm by context, score 3.9',
    );
  });

  it('shows an event by its sentence', () => {
    expect(flagReason({ kind: 'offline', explanation: 'No reading since noon.' })).toBe(
      'offline: No reading since noon.',
    );
  });

  it('says when a sensor was heard, and whether it is offline', () => {
    const presence = { heard: 0, offline: false, silent_after: 90_000, equal_readings: null };

    expect(lastHeard(presence)).toMatch(/1970.*; offline after 1 min/);
    expect(lastHeard({ ...presence, offline: true })).toMatch(/1970.*, offline since$/);
    expect(lastHeard({ ...presence, heard: null })).toBe('never');
  });

  it('says how much a sensor has learned of itself and of its day', () => {
    const profile = { days_seen: 2, days_needed: 3, parts_known: 7, parts: 8, in_use: false };
    const young = { readings: 40, readings_needed: 150 };
    const old = { readings: 900, readings_needed: 150 };

    expect(learnedText(young)).toBe('40 of the 150 readings it needs');
    expect(learnedText({ ...old, day_profile: profile })).toBe(
      'all it needs; profile of the day: 2 days seen, 7 of 8 parts known, not used before 3 days',
    );
    expect(learnedText({ ...old, day_profile: { ...profile, days_seen: 9 } })).toMatch(
      /not used: it explains too little$/,
    );
    expect(learnedText({ ...old, day_profile: { ...profile, in_use: true } })).toMatch(/, used$/);
  });

  it('has a text for each reason it can be missing', () => {
    const none = (told: 'alarms' | 'all' | 'off', anomalies: [] | null = []): string =>
      noFlags({ anomaly_events: told, anomalies });

    expect([none('alarms'), none('all'), none('off'), none('all', null)]).toEqual([
      'no recent alarms (ANOMALY_EVENTS=all records every anomaly)',
      'no recent anomalies',
      'not recorded: ANOMALY_EVENTS is off',
      'cannot be read now',
    ]);
  });
});
