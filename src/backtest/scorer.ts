// Scores history with the baselines of the live fold: one slot per sensor, readings in file order,
// whatever their timestamps. Next: the row is written, judged and drawn.
import { ConfigError } from '../errors.ts';
import {
  alarmFlag,
  anomalyFlag,
  type Baseline,
  type BaselineSummary,
} from '../sensors/baseline.ts';
import { createBaseline, type BaselineSettings } from '../sensors/create-baseline.ts';
import type { AlarmChannel } from '../sensors/robust-slot.ts';

/** The score of the last reading; one object, overwritten by the next. */
export interface Scored {
  /** Index of the sensor, from 0, in order of appearance. */
  sensor: number;
  /** Signed distance from the baseline in standard deviations; 0 during warm-up. */
  z: number;
  /** In [0, 1]: s / (s + 3) of the alarm score s, so that an alarm needs 0.5. */
  score: number;
  /** The alarm score s itself. */
  severity: number;
  anomaly: 0 | 1;
  alarm: 0 | 1;
  /** The rule that gave the score; `reading` where the method has one rule only. */
  channel: ScoredChannel;
}

export type ScoredChannel = AlarmChannel | 'reading';

export interface Scorer {
  readonly sensorIds: readonly string[];
  /** Scores `value` against its sensor's baseline, then adds it to the baseline. */
  score(sensorId: string, value: number, timestampMs: number): Scored;
  /** Returns the sensor's current baseline; undefined for an unknown sensor. */
  baselineOf(sensorId: string): BaselineSummary | undefined;
}

/** The alarm score that raises an alarm; it maps to an output score of 0.5. */
const alarmScore = 3;

/** Returns a scorer without readings. */
export function createScorer(settings: BaselineSettings & { sensorsMax: number }): Scorer {
  const baseline = createBaseline(settings);
  const slots = new Map<string, number>();
  const sensorIds: string[] = [];
  const scored: Scored = {
    ...{ sensor: 0, z: 0, score: 0, severity: 0, anomaly: 0, alarm: 0 },
    channel: 'reading',
  };
  const addSensor = (sensorId: string): number => {
    const slot = sensorIds.length;
    if (slot >= settings.sensorsMax) {
      throw new ConfigError(`more than SENSORS_MAX = ${settings.sensorsMax} sensors in the file`);
    }
    makeRoom(baseline, slot);
    slots.set(sensorId, slot);
    sensorIds.push(sensorId);
    return slot;
  };
  return {
    sensorIds,
    score(sensorId, value, timestampMs) {
      const slot = slots.get(sensorId) ?? addSensor(sensorId);
      // As in the fold, −0 is 0.
      const x = value + 0;
      scored.sensor = slot;
      scored.z = baseline.deviate(slot, x);
      const flags = baseline.observe(slot, x, timestampMs);
      scored.score = boundedScore(baseline.score);
      scored.severity = baseline.score;
      scored.channel = baseline.channel ?? 'reading';
      scored.anomaly = (flags & anomalyFlag) === 0 ? 0 : 1;
      scored.alarm = (flags & alarmFlag) === 0 ? 0 : 1;
      return scored;
    },
    baselineOf(sensorId) {
      const slot = slots.get(sensorId);
      return slot === undefined ? undefined : baseline.summarize(slot);
    },
  };
}

/** Returns max(s, 0) / (max(s, 0) + 3). */
export function boundedScore(alarmScoreOfReading: number): number {
  const s = Math.max(alarmScoreOfReading, 0);
  return s / (s + alarmScore);
}

function makeRoom(baseline: Baseline, slot: number): void {
  const needed = (slot + 1) * baseline.stride;
  if (needed <= baseline.columns.length) return;
  const columns = new Float64Array(Math.max(needed, baseline.columns.length * 2));
  columns.set(baseline.columns);
  baseline.columns = columns;
}
