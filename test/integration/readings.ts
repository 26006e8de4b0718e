// Test input: readings of many sensors with disorder, late, bad and unkeyed ones, each with a value
// of its own so that a lost or doubled one can be named.
import type { OutputRecord } from '../../src/records/record.ts';

export interface ReadingsPlan {
  readonly topic: string;
  readonly sensors: number;
  readonly readings: number;
  /** Event time of the first and one past the last reading, ms. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly disorderMs: number;
  /** Shares in [0, 1]. */
  readonly late: number;
  readonly bad: number;
  readonly unkeyed: number;
  readonly partitions: number;
  readonly seed: number;
  /** Where the index that makes each value its own begins; 0. */
  readonly firstIndex?: number;
  /** Prefix of sensor ids; `sensor_`. */
  readonly prefix?: string;
}

/** Returns the records in the order they are to be appended. */
export function makeReadings(plan: ReadingsPlan): OutputRecord[] {
  const random = seededRandom(plan.seed);
  const { firstIndex = 0, prefix } = plan;
  return Array.from({ length: plan.readings }, (_, at) => {
    const index = firstIndex + at;
    const sensorId = sensorName(Math.floor(random() * plan.sensors), prefix);
    const steadyMs = plan.fromMs + ((plan.toMs - plan.fromMs) * at) / plan.readings;
    const lateMs = random() < plan.late ? 300_000 : random() * plan.disorderMs;
    const timestamp = Math.floor(steadyMs - lateMs);
    const spike = random() < 0.01 ? 30 : 0;
    const value = 20 + Math.sin(index / 500) + random() + spike + index * 1e-9;
    const whole = JSON.stringify({ sensor_id: sensorId, timestamp, value });
    const text = random() < plan.bad ? whole.slice(0, -10) : whole;
    const keyed = random() >= plan.unkeyed;
    const partition = Math.floor(random() * plan.partitions);
    return {
      topic: plan.topic,
      ...(keyed ? {} : { partition }),
      key: keyed ? Buffer.from(sensorId) : null,
      value: Buffer.from(text),
    };
  });
}

/** Returns the id of the sensor of this number. */
export function sensorName(number: number, prefix: string = 'sensor_'): string {
  return `${prefix}${String(number).padStart(3, '0')}`;
}

/** Returns a source of numbers in [0, 1), the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
