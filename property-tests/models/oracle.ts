// The whole specification of the fold, written naively: several passes over plain arrays, one
// object per reading, no code shared with src. Slow and obvious; every faster implementation is
// compared with it.
import { anomaliesOf, grouped, verdictsOf, type ExpectedAnomaly } from './anomaly-oracle.ts';
import type { Verdict } from './baseline-oracle.ts';
import { optInValues, type OptInValues } from './features-oracle.ts';

export interface OracleReading {
  readonly offset: number;
  readonly recordTimestampMs: number;
  readonly sensorId: string;
  readonly timestampMs: number;
  readonly value: number;
}

/** The watermark is moved to `toMs` before the reading at `offset` and after all below it. */
export interface OracleMark {
  readonly offset: number;
  readonly toMs: number;
}

export interface OraclePartition {
  readonly partition: number;
  /** In offset order; only what decodes. */
  readonly readings: readonly OracleReading[];
  readonly marks?: readonly OracleMark[];
}

export interface OracleSettings {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly maxAheadMs: number;
  readonly baseline: 'adaptive' | 'cumulative';
  readonly baselineHalfLife: number;
  readonly alarmRest: 'calm' | 'fixed';
  readonly anomalyThreshold: number;
  readonly anomalyWarmup: number;
  readonly sensorsMax: number;
  /** `external`: only marks move the watermark. */
  readonly watermark?: 'own' | 'external';
  /** Whether rows have the opt-in features too. */
  readonly optIn?: boolean;
}

export interface ExpectedRow {
  readonly partition: number;
  readonly sensor_id: string;
  readonly window_start: number;
  readonly window_end: number;
  readonly features: {
    readonly count: number;
    readonly avg_value: number;
    readonly min_value: number;
    readonly max_value: number;
    readonly std_dev: number;
    readonly anomaly_count: number;
    readonly anomaly_rate: number;
  } & Partial<OptInValues>;
  readonly alarm_count: number;
  readonly alarm_score_max: number;
  readonly first_offset: number;
  readonly last_offset: number;
}

export interface ExpectedRefusal {
  readonly partition: number;
  readonly offset: number;
  readonly code: 'late' | 'timestamp_ahead' | 'timestamp_range' | 'sensors_max';
}

export interface Expected {
  /** Per partition, in the order the windows close. */
  readonly rows: readonly ExpectedRow[];
  /** Windows still open at the end of the log, in the order they would close. */
  readonly open: readonly ExpectedRow[];
  readonly refused: readonly ExpectedRefusal[];
  /** Per partition, in the order of the log. */
  readonly anomalies: readonly ExpectedAnomaly[];
  /** By partition: the final watermark; −Infinity where nothing moved it. */
  readonly watermarks: ReadonlyMap<number, number>;
}

/** Returns what must come out of `partitions`, each folded by itself from its first reading on. */
export function expectedRows(
  partitions: readonly OraclePartition[],
  settings: OracleSettings,
): Expected {
  const parts = partitions.map((partition) => expectedOfPartition(partition, settings));
  return {
    rows: parts.flatMap((part) => part.rows),
    open: parts.flatMap((part) => part.open),
    refused: parts.flatMap((part) => part.refused),
    anomalies: parts.flatMap((part) => part.anomalies),
    watermarks: new Map(parts.map((part) => [part.partition, part.watermark])),
  };
}

interface Accepted extends OracleReading {
  readonly windowStart: number;
}

function expectedOfPartition(
  { partition, readings, marks = [] }: OraclePartition,
  settings: OracleSettings,
): {
  partition: number;
  rows: ExpectedRow[];
  open: ExpectedRow[];
  refused: ExpectedRefusal[];
  anomalies: ExpectedAnomaly[];
  watermark: number;
} {
  const { accepted, refused, watermarks } = sortOut(partition, readings, marks, settings);
  const verdicts = verdictsOf(accepted, settings);
  const rows = rowsOf(partition, accepted, verdicts, settings);
  // A window closes at the first moment whose watermark reaches its end; watermarks never fall.
  const closesAt = (row: ExpectedRow): number => {
    let [from, to] = [0, watermarks.length];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if ((watermarks[middle] ?? Infinity) >= row.window_end) to = middle;
      else from = middle + 1;
    }
    return from < watermarks.length ? from : Infinity;
  };
  const inOrder = rows
    .map((row) => ({ row, moment: closesAt(row) }))
    .sort(
      (a, b) =>
        (a.moment === b.moment ? 0 : a.moment - b.moment) ||
        a.row.window_end - b.row.window_end ||
        a.row.first_offset - b.row.first_offset,
    );
  return {
    partition,
    rows: inOrder.filter(({ moment }) => moment < Infinity).map(({ row }) => row),
    open: inOrder.filter(({ moment }) => moment === Infinity).map(({ row }) => row),
    refused,
    anomalies: anomaliesOf(partition, accepted, verdicts),
    watermark: watermarks.at(-1) ?? -Infinity,
  };
}

/**
 * Decides each reading's fate from the watermark before it, and collects the watermark after each
 * moment.
 */
function sortOut(
  partition: number,
  readings: readonly OracleReading[],
  marks: readonly OracleMark[],
  settings: OracleSettings,
): { accepted: Accepted[]; refused: ExpectedRefusal[]; watermarks: number[] } {
  const accepted: Accepted[] = [];
  const refused: ExpectedRefusal[] = [];
  const watermarks: number[] = [];
  const known = new Set<string>();
  let watermark = -Infinity;
  const advance = (toMs: number): void => {
    watermark = Math.max(watermark, toMs);
    watermarks.push(watermark);
  };
  let nextMark = 0;
  const applyMarksUpTo = (offset: number): void => {
    for (; nextMark < marks.length; nextMark += 1) {
      const mark = marks[nextMark];
      if (mark === undefined || mark.offset > offset) return;
      advance(mark.toMs);
    }
  };
  for (const reading of readings) {
    applyMarksUpTo(reading.offset);
    const { offset, timestampMs } = reading;
    const refuse = (code: ExpectedRefusal['code']): void => {
      refused.push({ partition, offset, code });
    };
    const windowStart = startOfWindow(timestampMs, settings.windowMs);
    const windowEnd = windowStart + settings.windowMs;
    let countsForEventTime = true;
    if (timestampMs > reading.recordTimestampMs + settings.maxAheadMs) {
      refuse('timestamp_ahead');
      countsForEventTime = false;
    } else if (windowEnd <= watermark) {
      refuse('late');
    } else if (windowEnd > 8.64e15 || windowStart < -8.64e15) {
      refuse('timestamp_range');
      countsForEventTime = false;
    } else if (!known.has(reading.sensorId) && known.size >= settings.sensorsMax) {
      refuse('sensors_max');
    } else {
      known.add(reading.sensorId);
      accepted.push({ ...reading, windowStart });
    }
    if (countsForEventTime && settings.watermark !== 'external') {
      advance(timestampMs - settings.watermarkDelayMs);
    }
  }
  applyMarksUpTo(Infinity);
  return { accepted, refused, watermarks };
}

/** floor(t / W) · W in integers, so that no quotient is rounded. */
function startOfWindow(timestampMs: number, windowMs: number): number {
  const t = BigInt(timestampMs);
  const w = BigInt(windowMs);
  const remainder = ((t % w) + w) % w;
  return Number(t - remainder);
}

function rowsOf(
  partition: number,
  accepted: readonly Accepted[],
  verdicts: ReadonlyMap<number, Verdict>,
  settings: OracleSettings,
): ExpectedRow[] {
  const keyOf = (reading: Accepted): string => `${reading.windowStart} ${reading.sensorId}`;
  return [...grouped(accepted, keyOf).values()].map((ofWindow) =>
    rowOf(partition, ofWindow, verdicts, settings),
  );
}

function rowOf(
  partition: number,
  readings: readonly Accepted[],
  verdicts: ReadonlyMap<number, Verdict>,
  settings: OracleSettings,
): ExpectedRow {
  const [first] = readings;
  if (first === undefined) throw new Error('a window without readings');
  const values = readings.map((reading) => reading.value);
  const judged = readings.flatMap((reading) => verdicts.get(reading.offset) ?? []);
  const offsets = readings.map((reading) => reading.offset);
  const count = values.length;
  const average = meanOf(values);
  const anomalies = judged.filter((verdict) => verdict.anomaly).length;
  return {
    partition,
    sensor_id: first.sensorId,
    window_start: first.windowStart,
    window_end: first.windowStart + settings.windowMs,
    features: {
      count,
      avg_value: average,
      min_value: values.reduce((a, b) => Math.min(a, b)) + 0,
      max_value: values.reduce((a, b) => Math.max(a, b)) + 0,
      std_dev: Math.sqrt(meanOf(values.map((value) => (value - average) ** 2))),
      anomaly_count: anomalies,
      anomaly_rate: anomalies / count,
      ...(settings.optIn === true ? optInValues(readings, judged) : {}),
    },
    alarm_count: judged.filter((verdict) => verdict.alarm).length,
    alarm_score_max: judged.reduce((max, verdict) => Math.max(max, verdict.score), -Infinity),
    first_offset: offsets.reduce((a, b) => Math.min(a, b)),
    last_offset: offsets.reduce((a, b) => Math.max(a, b)),
  };
}

/**
 * The mean of the deviations from the first value keeps constants exact and great magnitudes
 * precise.
 */
function meanOf(values: readonly number[]): number {
  const pivot = values[0] ?? 0;
  return pivot + values.reduce((sum, value) => sum + (value - pivot), 0) / values.length;
}
