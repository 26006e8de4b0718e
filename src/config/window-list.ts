// Parses lengths of time, `90s` or `7d`, and WINDOWS, a list of larger windows such as
// `5m,1h,5m/1m`: a size, or a size and its hop.
import { z } from 'zod';

import type { Kind } from './setting.ts';
import { largerWindowProblem, type LargerWindow } from '../sensors/larger-window.ts';

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const lengthMsMax = 366 * 86_400_000;
const windowsMax = 16;

/** Window lengths separated by commas; the value is in order of size, then hop. */
export function windowList(): Kind<readonly LargerWindow[]> {
  const schema = z
    .string()
    .transform((text) => text.split(',').map((item) => largerWindow(item.trim())))
    .pipe(z.array(z.custom<LargerWindow>((item) => item !== undefined)).max(windowsMax))
    .transform((windows) => windows.sort((a, b) => a.sizeMs - b.sizeMs || a.hopMs - b.hopMs));
  const expected =
    'sizes such as 5m or 1h, or size/hop such as 5m/1m, separated by commas; ' +
    `units ms, s, m, h, d, up to 366d; at most ${windowsMax}; each longer than WINDOW_MS, ` +
    'size and hop multiples of it, the hop a divisor of the size';
  return [schema, expected];
}

function largerWindow(name: string): LargerWindow | undefined {
  const [size = '', hop = size, ...more] = name.split('/');
  const sizeMs = lengthMs(size);
  const hopMs = lengthMs(hop);
  if (sizeMs === undefined || hopMs === undefined || more.length > 0) return undefined;
  return { name, sizeMs, hopMs };
}

/** Greatest ages of rows in ms, by view and for every other. */
export interface MaxAges {
  readonly byView: Readonly<Record<string, number>>;
  /** Infinity where only some views have one. */
  readonly defaultMs: number;
}

/** `5m` for all views, `view=3h` for one, several separated by commas. */
export function maxAges(): Kind<MaxAges> {
  const schema = z
    .string()
    .transform((text) => text.split(',').map((item) => maxAge(item.trim())))
    .pipe(z.array(z.custom<readonly [string, number]>((item) => item !== undefined)))
    .refine((items) => new Set(items.map(([view]) => view)).size === items.length)
    .transform((items) => {
      const { '': defaultMs = Infinity, ...byView } = Object.fromEntries(items);
      return { byView, defaultMs };
    });
  return [schema, 'a length of time such as 5m, view=length for one view; separated by commas'];
}

function maxAge(item: string): readonly [view: string, ms: number] | undefined {
  const [, view = '', length = ''] = /^(?:(\w+)=)?(\w+)$/.exec(item) ?? [];
  const ms = lengthMs(length);
  return ms === undefined ? undefined : [view, ms];
}

/** A length of time with its unit; the value is in ms. */
export function duration(): Kind<number> {
  const schema = z
    .string()
    .transform((text) => lengthMs(text.trim()))
    .pipe(z.custom<number>((ms) => ms !== undefined));
  return [schema, 'a length of time such as 12h or 7d; units ms, s, m, h, d, up to 366d'];
}

/** A length of time in ms, or `auto`. */
export function durationOrAuto(): Kind<number | 'auto'> {
  const schema = z
    .string()
    .transform((text) => (text.trim() === 'auto' ? 'auto' : lengthMs(text.trim())))
    .pipe(z.custom<number | 'auto'>((value) => value !== undefined));
  return [schema, 'auto, or a length of time such as 90s or 2h; units ms, s, m, h, d, up to 366d'];
}

/** Returns the ms of a length of time such as 12h, or undefined for any other text. */
export function lengthMs(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,10})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(digits) * (unitsMs[unit] ?? NaN);
  return ms > 0 && ms <= lengthMsMax ? ms : undefined;
}

/** Returns every conflict of `windows` with the base window or each other. */
export function windowProblems(
  windows: readonly LargerWindow[],
  windowMs: number,
): readonly string[] {
  const own = windows.flatMap((window) => largerWindowProblem(window, windowMs) ?? []);
  const twice = windows.flatMap((window, index) => {
    const same = windows.slice(0, index).find((other) => isSameLength(other, window));
    return same === undefined ? [] : [`${window.name} is ${same.name} again`];
  });
  return [...own, ...twice];
}

function isSameLength(one: LargerWindow, other: LargerWindow): boolean {
  return one.sizeMs === other.sizeMs && one.hopMs === other.hopMs;
}
