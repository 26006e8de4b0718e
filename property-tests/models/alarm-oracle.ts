// Which changes of alarms must be told, written naively: the story of a partition as a list, each
// alarm with all that made it loud. No code shared with src.
import type { Verdict } from './baseline-oracle.ts';
import type { ExpectedEvent } from './presence-oracle.ts';

export interface ExpectedAlarm {
  readonly kind: `alarm_${'opened' | 'escalated' | 'acknowledged' | 'muted' | 'resolved'}`;
  readonly sensor_id: string;
  readonly timestamp: number;
  readonly alarm_id: string;
  readonly cause: Cause;
  readonly channel: string;
  readonly opened_at: number;
  readonly score: number | null;
  readonly acknowledged: boolean;
  readonly muted_until: number | null;
  /** Of the reading in the input; null where none changed it. */
  readonly offset: number | null;
}

type Cause = 'reading' | 'silent' | 'stuck';

export type AlarmMark = { readonly sensorId: string; readonly decidedMs: number } & (
  | { readonly command: 'acknowledge' }
  | { readonly command: 'mute'; readonly untilMs: number }
  | {
      readonly command: 'tune';
      readonly sensitivity?: number | undefined;
      readonly direction?: 'both' | 'high' | 'low' | undefined;
    }
);

/** One step of a partition's story. */
export type AlarmMoment =
  | {
      readonly what: 'reading';
      readonly sensorId: string;
      readonly offset: number;
      readonly timestampMs: number;
      readonly watermark: number;
    }
  | { readonly what: 'presence'; readonly event: ExpectedEvent }
  /** `known`: the sensors in the order in which they came. */
  | { readonly what: 'advance'; readonly watermark: number; readonly known: readonly string[] }
  | { readonly what: 'forget'; readonly sensorId: string; readonly watermark: number }
  | { readonly what: 'command'; readonly mark: AlarmMark };

export interface AlarmOracleSettings {
  readonly baseline: 'adaptive' | 'cumulative' | 'robust';
  readonly anomalyThreshold: number;
  /** Left out: alarms have no life. */
  readonly alarmResolveAfterMs?: number;
}

interface Alarm {
  readonly cause: Cause;
  readonly channel: string;
  readonly number: number;
  readonly openedMs: number;
  readonly quietFromMs: number[];
  readonly severities: number[];
  toldSeverity: number;
  acknowledged: boolean;
}

interface Alarming {
  open: Alarm[];
  alarms: number;
  mutedUntilMs: number | null;
  sensitivity: number;
  direction: 'both' | 'high' | 'low';
}

/** Returns what must be told, in its order. */
export function alarmsOf(
  moments: readonly AlarmMoment[],
  verdicts: ReadonlyMap<number, Verdict>,
  settings: AlarmOracleSettings,
): readonly ExpectedAlarm[] {
  const { alarmResolveAfterMs: quietMs = Infinity } = settings;
  if (quietMs === Infinity) return [];
  const expected: ExpectedAlarm[] = [];
  const sensors = new Map<string, Alarming>();
  const of = (sensorId: string): Alarming => {
    const nothing = { alarms: 0, mutedUntilMs: null, sensitivity: 1, direction: 'both' } as const;
    const sensor = sensors.get(sensorId) ?? { open: [], ...nothing };
    sensors.set(sensorId, sensor);
    return sensor;
  };
  const tell = (
    kind: ExpectedAlarm['kind'],
    sensor_id: string,
    alarm: Alarm,
    timestamp: number,
    offset: number | null = null,
  ): void => {
    const { acknowledged, cause, channel, openedMs: opened_at, number, severities } = alarm;
    const score = cause === 'reading' ? severities.reduce((a, b) => Math.max(a, b)) : null;
    const muted_until = of(sensor_id).mutedUntilMs;
    const about = { cause, channel, opened_at, score, acknowledged, muted_until, offset };
    expected.push({ kind, sensor_id, timestamp, alarm_id: `${opened_at}-${number}`, ...about });
  };
  const opens = (
    sensorId: string,
    about: Pick<Alarm, 'cause' | 'channel' | 'quietFromMs' | 'severities'>,
    openedMs: number,
    offset: number | null,
  ): void => {
    const sensor = of(sensorId);
    sensor.alarms += 1;
    const alarm = { ...about, number: sensor.alarms, openedMs, acknowledged: false };
    sensor.open.push({ ...alarm, toldSeverity: about.severities[0] ?? 0 });
    tell('alarm_opened', sensorId, sensor.open.at(-1) as Alarm, openedMs, offset);
  };
  const resolves = (sensorId: string, cause: Cause, at: number, offset: number | null): void => {
    const sensor = of(sensorId);
    const alarm = sensor.open.find((one) => one.cause === cause);
    if (alarm === undefined) return;
    tell('alarm_resolved', sensorId, alarm, at, offset);
    sensor.open = sensor.open.filter((one) => one !== alarm);
  };
  const reads = (moment: Extract<AlarmMoment, { what: 'reading' }>): void => {
    const { sensorId, offset, timestampMs, watermark } = moment;
    const verdict = verdicts.get(offset);
    if (verdict === undefined || !(verdict.anomaly || verdict.alarm)) return;
    const sensor = of(sensorId);
    const severity = severityOf(verdict, settings);
    if (!isLoud(verdict, severity, sensor)) return;
    const quietFromMs = Math.max(timestampMs, watermark);
    const alarm = sensor.open.find(({ cause }) => cause === 'reading');
    if (alarm === undefined) {
      const channel =
        verdict.channel === undefined || verdict.channel === 'none' ? 'reading' : verdict.channel;
      const about = { cause: 'reading' as const, channel };
      const loud = { quietFromMs: [quietFromMs], severities: [severity] };
      opens(sensorId, { ...about, ...loud }, timestampMs, offset);
      return;
    }
    alarm.quietFromMs.push(quietFromMs);
    alarm.severities.push(severity);
    if (severity < 2 * alarm.toldSeverity) return;
    alarm.toldSeverity = severity;
    alarm.acknowledged = false;
    tell('alarm_escalated', sensorId, alarm, timestampMs, offset);
  };
  const changes = ({ kind, sensor_id, timestamp, offset }: ExpectedEvent): void => {
    const cause = kind === 'offline' || kind === 'online' ? 'silent' : 'stuck';
    if (kind === 'online' || kind === 'moving') resolves(sensor_id, cause, timestamp, offset);
    else {
      const nothing = { quietFromMs: [], severities: [] };
      opens(sensor_id, { cause, channel: cause, ...nothing }, timestamp, offset);
    }
  };
  const commands = (mark: AlarmMark): void => {
    const { sensorId, decidedMs } = mark;
    const sensor = of(sensorId);
    const inOrder = (['reading', 'silent', 'stuck'] as const).flatMap((cause) =>
      sensor.open.filter((alarm) => alarm.cause === cause),
    );
    if (mark.command === 'acknowledge') {
      for (const alarm of inOrder) {
        if (alarm.acknowledged) continue;
        alarm.acknowledged = true;
        tell('alarm_acknowledged', sensorId, alarm, decidedMs);
      }
    } else if (mark.command === 'mute') {
      const until = mark.untilMs === 0 ? null : mark.untilMs;
      if (sensor.mutedUntilMs === until) return;
      sensor.mutedUntilMs = until;
      for (const alarm of inOrder) tell('alarm_muted', sensorId, alarm, decidedMs);
    } else {
      sensor.sensitivity = mark.sensitivity ?? sensor.sensitivity;
      sensor.direction = mark.direction ?? sensor.direction;
    }
  };
  for (const moment of moments) {
    if (moment.what === 'reading') {
      reads(moment);
    } else if (moment.what === 'presence') changes(moment.event);
    else if (moment.what === 'advance') {
      for (const sensorId of moment.known) {
        const alarm = sensors.get(sensorId)?.open.find(({ cause }) => cause === 'reading');
        if (alarm === undefined) continue;
        const atMs = Math.max(...alarm.quietFromMs) + quietMs;
        const round = Math.max(1, Math.floor(quietMs / 8));
        if (roundedUp(atMs, round) <= moment.watermark) resolves(sensorId, 'reading', atMs, null);
      }
    } else if (moment.what === 'forget') {
      for (const cause of ['reading', 'silent', 'stuck'] as const) {
        resolves(moment.sensorId, cause, moment.watermark, null);
      }
      sensors.delete(moment.sensorId);
    } else commands(moment.mark);
  }
  return expected;
}

function severityOf(
  { score, z }: Verdict,
  { baseline, anomalyThreshold }: AlarmOracleSettings,
): number {
  if (baseline !== 'cumulative') return score;
  return Math.min((3 / anomalyThreshold) * Math.abs(z), Number.MAX_VALUE);
}

function isLoud({ channel, z }: Verdict, severity: number, sensor: Alarming): boolean {
  if (severity < 3 / sensor.sensitivity) return false;
  if (sensor.direction === 'both' || channel === 'stuck' || channel === 'context') return true;
  return sensor.direction === 'high' ? z > 0 : z < 0;
}

function roundedUp(ms: number, roundMs: number): number {
  const rest = ((BigInt(ms) % BigInt(roundMs)) + BigInt(roundMs)) % BigInt(roundMs);
  return Number(rest === 0n ? BigInt(ms) : BigInt(ms) - rest + BigInt(roundMs));
}
