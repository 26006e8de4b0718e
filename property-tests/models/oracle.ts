// The whole specification of the fold, written naively: several passes over plain arrays, one
// object per reading, no code shared with src. Slow and obvious; every faster implementation is
// compared with it.
import { anomaliesOf, grouped, verdictsOf, type ExpectedAnomaly } from './anomaly-oracle.ts';
import { alarmsOf, type AlarmMark, type AlarmMoment, type ExpectedAlarm } from './alarm-oracle.ts';
import type { Verdict } from './baseline-oracle.ts';
import { PresenceOracle, type AwaitedSilence, type ExpectedEvent } from './presence-oracle.ts';
import { gapOfWindows, optInValues, type OptInValues } from './features-oracle.ts';

export interface OracleReading {
  readonly offset: number;
  readonly recordTimestampMs: number;
  readonly sensorId: string;
  readonly timestampMs: number;
  readonly value: number;
}

/** Happens before the reading at `offset` and after all below it. */
export type OracleMark =
  /** The watermark is moved to `toMs`. */
  | { readonly offset: number; readonly toMs: number }
  /** A sensor is set aside, taken back, or its baseline begins anew. */
  | {
      readonly offset: number;
      readonly command: 'quarantine' | 'release' | 'reset';
      readonly sensorId: string;
    }
  /** An operator's decision on the sensor's alarms. */
  | ({ readonly offset: number } & AlarmMark);

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
  readonly fastClocks: 'hold' | 'lead';
  readonly baseline: 'adaptive' | 'cumulative' | 'robust';
  readonly baselineHalfLife: number;
  readonly alarmRest: 'calm' | 'fixed';
  readonly anomalyThreshold: number;
  readonly anomalyWarmup: number;
  readonly sensorsMax: number;
  /** Left out: no sensor is ever forgotten. */
  readonly sensorTtlMs?: number;
  /** Left out: no sensor is ever told offline. */
  readonly silentAfterMs?: number | 'auto';
  /** Left out: no sensor is ever told stuck. */
  readonly stuckAfter?: number;
  /** Left out: alarms have no life. */
  readonly alarmResolveAfterMs?: number;
  /** Larger windows; a hop that is the size tumbles. */
  readonly windows?: readonly { readonly sizeMs: number; readonly hopMs: number }[];
  /** `external`: only marks move the watermark. */
  readonly watermark?: 'own' | 'external';
  /** Whether rows have the opt-in features too. */
  readonly optIn?: boolean;
}

export interface ExpectedRow {
  readonly partition: number;
  /** 0 for a base window, from 1 on the larger ones in their order. */
  readonly length_index: number;
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
  readonly code: 'late' | 'timestamp_ahead' | 'timestamp_range' | 'sensors_max' | 'quarantined';
}

export interface Expected {
  /** Of base windows, per partition, in the order they close. */
  readonly rows: readonly ExpectedRow[];
  /** Of all lengths, likewise. */
  readonly closed: readonly ExpectedRow[];
  /** Base windows still open at the end of the log, in the order they would close. */
  readonly open: readonly ExpectedRow[];
  /** Of all lengths, likewise. */
  readonly unclosed: readonly ExpectedRow[];
  /** How many larger ones there are of which some but not all base windows have closed. */
  readonly largerOpen: number;
  readonly refused: readonly ExpectedRefusal[];
  /** Per partition, in the order of the log. */
  readonly anomalies: readonly ExpectedAnomaly[];
  /** Per partition, in the order in which they are told. */
  readonly events: readonly ExpectedEvent[];
  /** Changes of alarms, likewise. */
  readonly alarms: readonly ExpectedAlarm[];
  /** Sensors that will be told offline. */
  readonly awaited: readonly AwaitedSilence[];
  /** By partition: the final watermark; −Infinity where nothing moved it. */
  readonly watermarks: ReadonlyMap<number, number>;
  /** Per partition, in the order in which they came: the sensors not forgotten by the end. */
  readonly known: readonly string[];
  /** How often a sensor was forgotten. */
  readonly forgotten: number;
}

/** Returns what must come out of `partitions`, each folded by itself from its first reading on. */
export function expectedRows(
  partitions: readonly OraclePartition[],
  settings: OracleSettings,
): Expected {
  const parts = partitions.map((partition) => expectedOfPartition(partition, settings));
  return {
    rows: parts.flatMap((part) => part.closed).filter(isBase),
    closed: parts.flatMap((part) => part.closed),
    open: parts.flatMap((part) => part.unclosed).filter(isBase),
    unclosed: parts.flatMap((part) => part.unclosed),
    largerOpen: parts.reduce((sum, part) => sum + part.largerOpen, 0),
    refused: parts.flatMap((part) => part.refused),
    anomalies: parts.flatMap((part) => part.anomalies),
    events: parts.flatMap((part) => part.events),
    alarms: parts.flatMap((part) => part.alarms),
    awaited: parts.flatMap((part) => part.awaited),
    watermarks: new Map(parts.map((part) => [part.partition, part.watermark])),
    known: parts.flatMap((part) => part.known),
    forgotten: parts.reduce((sum, part) => sum + part.forgotten, 0),
  };
}

const isBase = (row: ExpectedRow): boolean => row.length_index === 0;

interface Accepted extends OracleReading {
  readonly windowStart: number;
  /** How often the sensor's baseline had begun anew. */
  readonly resets: number;
}

function expectedOfPartition(
  { partition, readings, marks = [] }: OraclePartition,
  settings: OracleSettings,
): {
  partition: number;
  closed: ExpectedRow[];
  unclosed: ExpectedRow[];
  largerOpen: number;
  refused: ExpectedRefusal[];
  anomalies: ExpectedAnomaly[];
  events: readonly ExpectedEvent[];
  alarms: readonly ExpectedAlarm[];
  awaited: readonly AwaitedSilence[];
  watermark: number;
  known: readonly string[];
  forgotten: number;
} {
  const sorted = sortOut(partition, readings, marks, settings);
  const { accepted, refused, watermarks, known, forgotten } = sorted;
  const verdicts = verdictsOf(accepted, settings);
  const rows = rowsOf(partition, accepted, verdicts, settings);
  // A window closes at the first moment whose watermark reaches its end; watermarks never fall.
  const momentOf = (endMs: number): number => {
    let [from, to] = [0, watermarks.length];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if ((watermarks[middle] ?? Infinity) >= endMs) to = middle;
      else from = middle + 1;
    }
    return from < watermarks.length ? from : Infinity;
  };
  const inOrder = rows
    .map((of) => ({ ...of, moment: momentOf(of.row.window_end) }))
    .sort(
      (a, b) =>
        (a.moment === b.moment ? 0 : a.moment - b.moment) ||
        a.row.window_end - b.row.window_end ||
        a.row.length_index - b.row.length_index ||
        // A larger window is opened when the first base window in it closes.
        a.firstBaseStart - b.firstBaseStart ||
        a.firstBaseOffset - b.firstBaseOffset,
    );
  const unclosed = inOrder.filter(({ moment }) => moment === Infinity);
  const isOpened = (baseStart: number): boolean =>
    momentOf(baseStart + settings.windowMs) < Infinity;
  return {
    partition,
    closed: inOrder.filter(({ moment }) => moment < Infinity).map(({ row }) => row),
    unclosed: unclosed.map(({ row }) => row),
    largerOpen: unclosed.filter(
      ({ row, firstBaseStart }) => !isBase(row) && isOpened(firstBaseStart),
    ).length,
    refused,
    anomalies: anomaliesOf(partition, accepted, verdicts),
    events: sorted.events,
    alarms: alarmsOf(sorted.moments, verdicts, settings),
    awaited: sorted.awaited,
    watermark: watermarks.at(-1) ?? -Infinity,
    known,
    forgotten,
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
): {
  accepted: Accepted[];
  refused: ExpectedRefusal[];
  watermarks: number[];
  moments: readonly AlarmMoment[];
  events: readonly ExpectedEvent[];
  awaited: readonly AwaitedSilence[];
  known: readonly string[];
  forgotten: number;
} {
  const presence = new PresenceOracle(settings);
  const accepted: Accepted[] = [];
  const refused: ExpectedRefusal[] = [];
  const watermarks: number[] = [];
  const moments: AlarmMoment[] = [];
  const withPresence = (happens: () => void): void => {
    const before = presence.events.length;
    happens();
    for (const event of presence.events.slice(before)) moments.push({ what: 'presence', event });
  };
  /** By sensor id: the windows of its readings, since it was last forgotten. */
  const known = new Map<string, LivingSensor>();
  let forgotten = 0;
  const quarantined = new Set<string>();
  const resets = new Map<string, number>();
  const command = (name: 'quarantine' | 'release' | 'reset', sensorId: string): void => {
    if (name === 'quarantine' && (known.has(sensorId) || known.size < settings.sensorsMax)) {
      if (!known.has(sensorId)) known.set(sensorId, newSensor());
      quarantined.add(sensorId);
    }
    const sensor = known.get(sensorId);
    if (name === 'release' && quarantined.delete(sensorId) && sensor !== undefined) {
      sensor.releasedAt = watermark;
      presence.release(sensorId, watermark);
    }
    if (name === 'reset') resets.set(sensorId, (resets.get(sensorId) ?? 0) + 1);
  };
  let watermark = -Infinity;
  const advance = (toMs: number): void => {
    const before = watermark;
    watermark = Math.max(watermark, toMs);
    watermarks.push(watermark);
    const heeded = [...known.keys()].filter((sensorId) => !quarantined.has(sensorId));
    withPresence(() => presence.advance(before, watermark, heeded));
    if ((settings.alarmResolveAfterMs ?? Infinity) < Infinity) {
      moments.push({ what: 'advance', watermark, known: [...known.keys()] });
    }
    for (const [sensorId, sensor] of known) {
      if (quarantined.has(sensorId) || presence.isAwaited(sensorId)) continue;
      if (!isForgotten(sensor, before, watermark, settings)) continue;
      moments.push({ what: 'forget', sensorId, watermark });
      known.delete(sensorId);
      presence.forget(sensorId);
      resets.set(sensorId, (resets.get(sensorId) ?? 0) + 1);
      forgotten += 1;
    }
  };
  let nextMark = 0;
  const applyMarksUpTo = (offset: number): void => {
    for (; nextMark < marks.length; nextMark += 1) {
      const mark = marks[nextMark];
      if (mark === undefined || mark.offset > offset) return;
      if ('toMs' in mark) advance(mark.toMs);
      else if ('decidedMs' in mark) {
        if (known.has(mark.sensorId)) moments.push({ what: 'command', mark });
      } else command(mark.command, mark.sensorId);
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
    } else if (quarantined.has(reading.sensorId)) {
      refuse('quarantined');
    } else {
      const sensor = known.get(reading.sensorId) ?? newSensor();
      known.set(reading.sensorId, sensor);
      sensor.timestamps.push(timestampMs);
      withPresence(() => presence.read(reading, eventTimeOf(reading, settings), watermark));
      const { sensorId } = reading;
      moments.push({ what: 'reading', sensorId, offset, timestampMs, watermark });
      accepted.push({ ...reading, windowStart, resets: resets.get(reading.sensorId) ?? 0 });
    }
    if (countsForEventTime && settings.watermark !== 'external') {
      advance(eventTimeOf(reading, settings) - settings.watermarkDelayMs);
    }
  }
  applyMarksUpTo(Infinity);
  const { events } = presence;
  const awaited = presence.awaited([...known.keys()].filter((id) => !quarantined.has(id)));
  const outcome = { accepted, refused, watermarks, moments, events, awaited };
  return { ...outcome, known: [...known.keys()], forgotten };
}

interface LivingSensor {
  readonly timestamps: number[];
  /** The watermark at which its last quarantine ended. */
  releasedAt: number;
}

const newSensor = (): LivingSensor => ({ timestamps: [], releasedAt: -Infinity });

/**
 * Whether a sensor is forgotten as the watermark moves from `before` to `watermark`: past a multiple
 * of an eighth of the TTL, to which the last of its base windows, all closed with the larger ones
 * they are part of, ended a TTL before.
 */
function isForgotten(
  { timestamps, releasedAt }: LivingSensor,
  before: number,
  watermark: number,
  { sensorTtlMs, windowMs, windows = [] }: OracleSettings,
): boolean {
  if (sensorTtlMs === undefined || sensorTtlMs === Infinity) return false;
  const roundMs = Math.max(1, Math.floor(sensorTtlMs / 8));
  const round = (ms: number): number => (Number.isFinite(ms) ? startOfWindow(ms, roundMs) : ms);
  if (round(before) === round(watermark)) return false;
  const lengths = [{ sizeMs: windowMs, hopMs: windowMs }, ...windows];
  const lastEnd = lengths
    .flatMap(({ sizeMs, hopMs }) =>
      timestamps.map((timestampMs) => startOfWindow(timestampMs, hopMs) + sizeMs),
    )
    .reduce((a, b) => Math.max(a, b), -Infinity);
  if (lastEnd > watermark) return false;
  const lastBaseEnd = timestamps
    .map((timestampMs) => startOfWindow(timestampMs, windowMs) + windowMs)
    .reduce((a, b) => Math.max(a, b), -Infinity);
  const heard = Math.max(lastBaseEnd, releasedAt);
  // Of a sensor that was only ever quarantined nothing is known: it counts as of 1970.
  return (heard === -Infinity ? 0 : heard) + sensorTtlMs <= round(watermark);
}

/** The event time to which a reading moves its shard. */
export function eventTimeOf(
  { timestampMs, recordTimestampMs }: Pick<OracleReading, 'timestampMs' | 'recordTimestampMs'>,
  { fastClocks }: Pick<OracleSettings, 'fastClocks'>,
): number {
  if (fastClocks === 'lead' || recordTimestampMs <= 0) return timestampMs;
  return Math.min(timestampMs, recordTimestampMs);
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
): RowOfWindow[] {
  const base = { sizeMs: settings.windowMs, hopMs: settings.windowMs };
  return [base, ...(settings.windows ?? [])].flatMap(({ sizeMs, hopMs }, lengthIndex) => {
    const inWindows = accepted.flatMap((reading) =>
      startsOfWindows(reading.timestampMs, sizeMs, hopMs).map((start) => ({ reading, start })),
    );
    const groups = grouped(inWindows, ({ reading, start }) => `${start} ${reading.sensorId}`);
    return [...groups.values()].map((group) => {
      // Its base windows' readings, one after the other, each in log order.
      const readings = group
        .map(({ reading }) => reading)
        .sort((a, b) => a.windowStart - b.windowStart || a.offset - b.offset);
      const start = group[0]?.start ?? NaN;
      const row = rowOf(partition, readings, verdicts, settings);
      const firstBaseStart = readings.reduce((a, r) => Math.min(a, r.windowStart), Infinity);
      const inFirst = readings.filter((reading) => reading.windowStart === firstBaseStart);
      return {
        row: { ...row, length_index: lengthIndex, window_start: start, window_end: start + sizeMs },
        firstBaseStart,
        firstBaseOffset: inFirst.reduce((a, reading) => Math.min(a, reading.offset), Infinity),
      };
    });
  });
}

interface RowOfWindow {
  readonly row: ExpectedRow;
  readonly firstBaseStart: number;
  readonly firstBaseOffset: number;
}

/** The starts of all windows that hold the instant: multiples of the hop at most a size before it. */
function startsOfWindows(timestampMs: number, sizeMs: number, hopMs: number): number[] {
  const starts: number[] = [];
  for (
    let start = startOfWindow(timestampMs, hopMs);
    start + sizeMs > timestampMs;
    start -= hopMs
  ) {
    starts.push(start);
  }
  return starts;
}

function rowOf(
  partition: number,
  readings: readonly Accepted[],
  verdicts: ReadonlyMap<number, Verdict>,
  settings: OracleSettings,
): Omit<ExpectedRow, 'length_index' | 'window_start' | 'window_end'> {
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
    features: {
      count,
      avg_value: average,
      min_value: values.reduce((a, b) => Math.min(a, b)) + 0,
      max_value: values.reduce((a, b) => Math.max(a, b)) + 0,
      std_dev: Math.sqrt(meanOf(values.map((value) => (value - average) ** 2))),
      anomaly_count: anomalies,
      anomaly_rate: anomalies / count,
      ...(settings.optIn === true
        ? {
            ...optInValues(readings, judged),
            gap_max_ms: gapOfWindows([
              ...grouped(readings, ({ windowStart }) => String(windowStart)).values(),
            ]),
          }
        : {}),
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
