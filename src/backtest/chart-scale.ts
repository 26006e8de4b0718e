// Axes: maps an interval to pixels, and returns round numbers and dates as ticks.
import { ticks } from 'd3-array';
import { utcTicks } from 'd3-time';

export interface Scale {
  readonly from: number;
  readonly to: number;
  /** Pixels of `from` and `to`. */
  readonly fromPx: number;
  readonly toPx: number;
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const dayMs = 24 * 60 * minuteMs;

/** Bound of a pixel, in widths of the scale: everything past its edge is clipped anyway. */
const widthsMax = 1_000;

/** Returns the pixel of `at`; finite even for an interval of ±1e308 or of one subnormal step. */
export function toPx({ from, to, fromPx, toPx: end }: Scale, at: number): number {
  const width = to - from;
  // Divides by two only if the width overflows: half a subnormal may be 0.
  const part = Number.isFinite(width)
    ? (at - from) / width
    : (at / 2 - from / 2) / (to / 2 - from / 2);
  const inReach = Math.max(-widthsMax, Math.min(widthsMax, Number.isNaN(part) ? 0 : part));
  return fromPx + inReach * (end - fromPx);
}

/** Returns round numbers inside the scale, about `count` of them. */
export function numberTicks({ from, to }: Scale, count: number): readonly Tick[] {
  // d3 finds no step where the width overflows or is subnormal.
  const width = to - from;
  if (!(width > 1e-300 && width < Infinity)) return [];
  return ticks(from, to, count).map((at) => ({ at, text: numberText(at) }));
}

/** Returns round times (UTC) inside the scale, about `count` of them. */
export function timeTicks({ from, to }: Scale, count: number): readonly Tick[] {
  const times = utcTicks(new Date(from), new Date(to), count).map(Number);
  const [first = 0, second = first] = times;
  return times.map((at) => ({ at, text: timeText(at, second - first) }));
}

/** Returns the time as text, without seconds if they are 0. */
export function momentText(timeMs: number): string {
  const date = new Date(timeMs);
  if (Number.isNaN(date.getTime())) return `${timeMs} ms`;
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/(:00)?\.000Z$/, '')
    .replace('Z', '');
}

function timeText(timeMs: number, stepMs: number): string {
  const text = new Date(timeMs).toISOString();
  if (stepMs >= 300 * dayMs) return text.slice(0, -20);
  if (stepMs >= dayMs || (timeMs % dayMs === 0 && stepMs >= minuteMs)) return text.slice(0, -14);
  return text.slice(-13, stepMs >= minuteMs ? -8 : stepMs >= secondMs ? -5 : -1);
}

/** Returns `value` with at most five digits. */
export function numberText(value: number): string {
  const rounded = Number(value.toPrecision(5));
  const size = Math.abs(rounded);
  if (rounded !== 0 && (size >= 1e6 || size < 1e-4))
    return rounded.toExponential().replace('e+', 'e');
  return String(rounded);
}
