// Drives the real fold over an oracle's input and collects what comes out in the oracle's shape.
import type { DeadLetterReason, Reading } from '../../src/sensors/reading.ts';
import { alarmEventOf } from '../../src/codecs/alarm-event.ts';
import type {
  AlarmChange,
  AnomalousReading,
  ClosedWindow,
  FoldOutputs,
  PresenceChange,
  ShardState,
} from '../../src/sensors/shard-state.ts';
import { defaultFeatures, type FeatureDeclaration } from '../../src/sensors/features.ts';
import type { AlarmMark, ExpectedAlarm } from './alarm-oracle.ts';
import type { ExpectedAnomaly } from './anomaly-oracle.ts';
import type { ExpectedEvent } from './presence-oracle.ts';
import type { ExpectedRefusal, ExpectedRow, OracleMark, OracleReading } from './oracle.ts';

export interface FoldOutput extends FoldOutputs {
  /** Of base windows. */
  readonly rows: ExpectedRow[];
  /** Of all lengths, in the order they closed. */
  readonly closed: ExpectedRow[];
  readonly refused: ExpectedRefusal[];
  readonly anomalies: ExpectedAnomaly[];
  readonly events: ExpectedEvent[];
  readonly alarms: ExpectedAlarm[];
  /** Sensors, each as often as it was. */
  forgotten: number;
}

/**
 * Returns a sink that copies each closed window as a row of `partition` with `declared` features,
 * and each flagged reading.
 */
export function foldOutput(
  partition: number = 0,
  declared: readonly FeatureDeclaration[] = defaultFeatures,
): FoldOutput {
  const rows: ExpectedRow[] = [];
  const anomalies: ExpectedAnomaly[] = [];
  const closed: ExpectedRow[] = [];
  const events: ExpectedEvent[] = [];
  const alarms: ExpectedAlarm[] = [];
  const output: FoldOutput = {
    rows,
    closed,
    refused: [],
    anomalies,
    events,
    alarms,
    forgotten: 0,
    sensorsForgotten: (sensors) => {
      output.forgotten += sensors;
    },
    anomalyFound: (anomaly) => {
      anomalies.push(anomalyOf(anomaly, partition));
    },
    presenceChanged: (change) => {
      events.push(eventOf(change));
    },
    alarmChanged: (change) => {
      alarms.push(alarmOf(change));
    },
    windowClosed: (window) => {
      const row = rowOf(window, partition, declared);
      closed.push(row);
      if (window.lengthIndex === 0) rows.push(row);
    },
  };
  return output;
}

/** Returns `reading` as the slot the decoder would fill, its id in the middle of other bytes. */
export function slotOf(reading: OracleReading): Reading {
  const idBytes = new TextEncoder().encode(`"${reading.sensorId}"`);
  const { timestampMs, value } = reading;
  return { idBytes, idStart: 1, idEnd: idBytes.length - 1, timestampMs, value };
}

/** Folds one reading into `state`; what closes and what is refused goes to `output`. */
export function foldOne(
  state: ShardState,
  reading: OracleReading,
  output: FoldOutput,
): DeadLetterReason | null {
  const { recordTimestampMs, offset } = reading;
  const reason = state.fold(slotOf(reading), recordTimestampMs, offset, output);
  if (reason !== null) {
    const code = reason.code as ExpectedRefusal['code'];
    output.refused.push({ partition: 0, offset, code });
  }
  return reason;
}

/** Folds all readings into `state`, with marks at their offsets; returns what came out. */
export function foldAll(
  state: ShardState,
  readings: readonly OracleReading[],
  marks: readonly OracleMark[] = [],
  output: FoldOutput = foldOutput(),
): FoldOutput {
  let next = 0;
  const applyMarksUpTo = (offset: number): void => {
    for (let mark = marks[next]; mark !== undefined && mark.offset <= offset; mark = marks[next]) {
      if ('toMs' in mark) state.advanceWatermark(mark.toMs, output);
      else if ('decidedMs' in mark) applyAlarmMark(state, mark, output);
      else state[mark.command](mark.sensorId);
      next += 1;
    }
  };
  for (const reading of readings) {
    applyMarksUpTo(reading.offset);
    foldOne(state, reading, output);
  }
  applyMarksUpTo(Infinity);
  return output;
}

function anomalyOf(anomaly: AnomalousReading, partition: number): ExpectedAnomaly {
  const { offset, timestampMs, value, alarm, score, channel, judgement } = anomaly;
  const { z, ...baseline } = judgement;
  return {
    partition,
    offset,
    sensor_id: idOf(anomaly),
    timestamp: timestampMs,
    value,
    alarm,
    score,
    ...(channel === undefined ? {} : { channel }),
    z,
    baseline,
  };
}

function eventOf(change: PresenceChange): ExpectedEvent {
  return {
    kind: change.kind,
    sensor_id: idOf(change),
    timestamp: change.timestampMs,
    since: change.sinceMs,
    silent_after: change.silentAfterMs ?? null,
    readings: change.readings ?? null,
    value: change.value ?? null,
    offset: change.offset ?? null,
  };
}

function applyAlarmMark(state: ShardState, mark: AlarmMark, output: FoldOutput): void {
  const { command: name, sensorId, decidedMs } = mark;
  const decision = { decidedMs, message: '' };
  if (name === 'tune') {
    const { sensitivity, direction } = mark;
    state.commandAlarms(sensorId, { name, sensitivity, direction, ...decision }, output);
  } else if (name === 'mute') {
    state.commandAlarms(sensorId, { name, untilMs: mark.untilMs, ...decision }, output);
  } else state.commandAlarms(sensorId, { name, ...decision }, output);
}

function alarmOf(change: AlarmChange): ExpectedAlarm {
  const { explanation, value: _, ...event } = alarmEventOf(change);
  if (!explanation.endsWith('.')) throw new Error(`no sentence: ${explanation}`);
  return { ...event, offset: change.offset ?? null };
}

function idOf(of: Pick<ClosedWindow, 'idBytes' | 'idStart' | 'idEnd'>): string {
  const id = of.idBytes.subarray(of.idStart, of.idEnd);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(id);
}

function rowOf(
  window: ClosedWindow,
  partition: number,
  declared: readonly FeatureDeclaration[],
): ExpectedRow {
  const features = Object.fromEntries(
    declared
      .filter(({ needs }) => window.knows(needs))
      .map((feature) => [feature.name, feature.value(window)]),
  );
  return {
    partition,
    length_index: window.lengthIndex,
    sensor_id: idOf(window),
    window_start: window.windowStartMs,
    window_end: window.windowEndMs,
    features: features as unknown as ExpectedRow['features'],
    alarm_count: window.alarmCount,
    alarm_score_max: window.alarmScoreMax,
    first_offset: window.firstOffset,
    last_offset: window.lastOffset,
  };
}
