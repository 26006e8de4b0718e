import { describe, expect, it } from 'vitest';
import { isoMs, isoTime } from '../../src/codecs/iso-time.ts';

describe('an event time as text', () => {
  // Years past Date's range by the 400-year cycle of the calendar; the first and last by date arithmetic in Python.
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [1700000100000, '2023-11-14T22:15:00.000Z'],
    [-1, '1969-12-31T23:59:59.999Z'],
    [253402300799999, '9999-12-31T23:59:59.999Z'],
    [253402300800000, '+010000-01-01T00:00:00.000Z'],
    [-62198755200000, '-000001-01-01T00:00:00.000Z'],
    [8640000000000000, '+275760-09-13T00:00:00.000Z'],
    [-8640000000000000, '-271821-04-20T00:00:00.000Z'],
    [8640000000000001, '+275760-09-13T00:00:00.001Z'],
    [-8640000000000001, '-271821-04-19T23:59:59.999Z'],
    [Number.MAX_SAFE_INTEGER, '+287396-10-12T08:59:00.991Z'],
    [Number.MIN_SAFE_INTEGER, '-283457-03-21T15:00:59.009Z'],
  ])('of %d is %s', (timeMs, text) => {
    expect(isoTime(timeMs)).toBe(text);
  });
});

describe('a time of the command line', () => {
  it.each([
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2026-01-31T10:00Z', Date.UTC(2026, 0, 31, 10)],
    ['2026-01-31T10:00:00.5+02:00', Date.UTC(2026, 0, 31, 8, 0, 0, 500)],
    ['2026-01-01T00:30:00+02:00', Date.UTC(2025, 11, 31, 22, 30)],
  ])('%s is a moment', (text, ms) => {
    expect(isoMs(text)).toBe(ms);
  });

  it.each([
    ...['2026-02-30', '2025-02-29', '2026-04-31T10:00:00Z', '2026-13-01', '2026-00-10'],
    ...['2026-01-31T24:00:00Z', '2026-01-31T10:60Z', '2026-01-31T10:00:00', '2026-1-31', ''],
  ])('%s is none', (text) => {
    expect(isoMs(text)).toBeNaN();
  });
});
