// Scores history with the fold's own baselines: one slot per sensor, readings in the order they
// come, whatever their timestamps. Next: the row is written, judged and drawn.
import { ConfigError } from '../errors.ts';
import {
  alarmFlag,
  anomalyFlag,
  type Baseline,
  type BaselineSummary,
} from '../sensors/baseline.ts';
import { createBaseline, type BaselineSettings } from '../sensors/create-baseline.ts';

/** The score of the last reading; one object, filled anew for each. */
export interface Scored {
  /** Place of the sensor among those seen, from 0. */
  sensor: number;
  /** Standard deviations from the sensor's baseline, signed; 0 while it has learned too little. */
  z: number;
  /** In [0, 1]: s / (s + 3) of the alarm score s, so that an alarm needs 0.5. */
  score: number;
  anomaly: 0 | 1;
  alarm: 0 | 1;
}

export interface Scorer {
  readonly sensorIds: readonly string[];
  /** Scores `value` on what its sensor learned before, then learns it. */
  score(sensorId: string, value: number): Scored;
  /** What the sensor has learned so far; of a sensor not yet seen, undefined. */
  baselineOf(sensorId: string): BaselineSummary | undefined;
}

/** The alarm score at which an alarm is raised; there the output's score is one half. */
const alarmScore = 3;

/** Returns a scorer that has seen nothing. */
export function createScorer(settings: BaselineSettings & { sensorsMax: number }): Scorer {
  const baseline = createBaseline(settings);
  const slots = new Map<string, number>();
  const sensorIds: string[] = [];
  const scored: Scored = { sensor: 0, z: 0, score: 0, anomaly: 0, alarm: 0 };
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
    score(sensorId, value) {
      const slot = slots.get(sensorId) ?? addSensor(sensorId);
      // As in the fold, −0 is 0.
      const x = value + 0;
      scored.sensor = slot;
      scored.z = baseline.deviate(slot, x);
      const flags = baseline.observe(slot, x);
      scored.score = boundedScore(baseline.score);
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
