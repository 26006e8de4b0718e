// Axes: maps an interval to pixels, and returns round numbers and dates as ticks.

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
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const evenStepsMs = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * secondMs),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minuteMs),
  ...[1, 2, 3, 6, 12].map((count) => count * hourMs),
  ...[1, 2, 4, 7].map((count) => count * dayMs),
];
const monthMs = 30.4375 * dayMs;
const monthSteps = [0.5, 1, 2, 3, 6, 12, 24, 60, 120, 600, 1_200, 6_000, 12_000, 60_000];

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
  const rough = (to / 2 - from / 2) / (count / 2);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const ticks: Tick[] = [];
  if (!(step > 0) || !Number.isFinite(step)) return ticks;
  const first = Math.ceil(from / step);
  for (let place = first; place * step <= to && ticks.length <= 2 * count; place += 1) {
    ticks.push({ at: place * step, text: numberText(place * step) });
  }
  return ticks;
}

/** Returns round times (UTC) inside the scale, at most about `count` of them. */
export function timeTicks(scale: Scale, count: number): readonly Tick[] {
  const roughMs = (scale.to - scale.from) / count;
  const stepMs = evenStepsMs.find((candidate) => candidate >= roughMs);
  return stepMs === undefined ? monthTicks(scale, roughMs) : evenTicks(scale, stepMs);
}

function evenTicks({ from, to }: Scale, stepMs: number): readonly Tick[] {
  // Weeks start on Monday; the epoch was a Thursday.
  const offsetMs = stepMs === 7 * dayMs ? 4 * dayMs : 0;
  const ticks: Tick[] = [];
  const firstMs = Math.ceil((from - offsetMs) / stepMs) * stepMs + offsetMs;
  for (let at = firstMs; at <= to; at += stepMs) ticks.push({ at, text: timeText(at, stepMs) });
  return ticks;
}

function monthTicks({ from, to }: Scale, roughMs: number): readonly Tick[] {
  const months = monthSteps.find((step) => step * monthMs >= roughMs) ?? 60_000;
  const start = new Date(from);
  const year = start.getUTCFullYear();
  const ticks: Tick[] = [];
  const stepOfYear = Math.max(1, Math.floor(months / 12));
  for (let place = 0; place < 500; place += 1) {
    const month = months < 12 ? Math.floor(place * months) : place * months;
    const day = months === 0.5 && place % 2 === 1 ? 16 : 1;
    const at = Date.UTC(Math.floor(year / stepOfYear) * stepOfYear, month, day);
    if (!(at <= to)) break;
    if (at >= from) ticks.push({ at, text: dateText(at).slice(0, months < 12 ? 10 : 7) });
  }
  return ticks;
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
  if (stepMs >= dayMs || (timeMs % dayMs === 0 && stepMs >= minuteMs)) return dateText(timeMs);
  return text.slice(11, stepMs >= minuteMs ? 16 : stepMs >= secondMs ? 19 : 23);
}

function dateText(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** Returns `value` with at most five digits. */
export function numberText(value: number): string {
  const rounded = Number(value.toPrecision(5));
  const size = Math.abs(rounded);
  if (rounded !== 0 && (size >= 1e6 || size < 1e-4))
    return rounded.toExponential().replace('e+', 'e');
  return String(rounded);
}
