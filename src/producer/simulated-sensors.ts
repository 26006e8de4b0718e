// Simulated temperature sensors: a daily cycle, noise, occasional spikes and level shifts. Equal
// options give equal readings, to the last digit; a sensor's values do not depend on the number of
// sensors.
import { declaredSensorId } from '../codecs/declared-encoder.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { PlannedReading } from './planned-reading.ts';
import { seededRandom, type SeededRandom } from './seeded-random.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly sensors: number;
  /** Readings a second of each sensor. */
  readonly rate: number;
  /** Event time of the start, ms since epoch. */
  readonly startMs: number;
  /** Infinity to go on for ever. */
  readonly durationMs: number;
  /** Readings arrive up to this long after their event time. */
  readonly disorderMs: number;
  /** Share of the readings, 0 to 1, that arrive `lateByMs` or more after their event time. */
  readonly lateRate: number;
  readonly lateByMs: number;
  /** Share of the records, 0 to 1, that are not readings. */
  readonly badRate: number;
  /** Its sensors are ones that it reads. */
  readonly input?: InputDeclaration | undefined;
}

/** Defaults of `run` and `produce`. */
export const simulationDefaults: Omit<SimulationOptions, 'startMs'> = {
  seed: 1,
  sensors: 10,
  rate: 1,
  durationMs: Infinity,
  disorderMs: 0,
  lateRate: 0,
  lateByMs: 600_000,
  badRate: 0,
};

const dayMs = 86_400_000;
const spikeRate = 0.002;
const shiftRate = 0.00005;

/** Yields readings in due order; the sensors take turns within each period. */
export function* simulateSensors(options: SimulationOptions): Generator<PlannedReading> {
  const { sensors, rate, startMs, durationMs } = options;
  const periodMs = 1_000 / rate;
  const simulated = Array.from(
    { length: sensors },
    (_, index) => new SimulatedSensor(options, index),
  );
  for (let period = 0; ; period += 1) {
    for (const [index, sensor] of simulated.entries()) {
      // A product of whole numbers, not a running sum: the pace is still exact after a year.
      const dueMs = (period + index / sensors) * periodMs;
      if (dueMs >= durationMs) return;
      yield sensor.read(dueMs, Math.floor(startMs + dueMs));
    }
  }
}

/** Returns the name of the simulated sensor `index`: sensor_000, sensor_001, … */
export function simulatedSensorId(index: number): string {
  return `sensor_${String(index).padStart(3, '0')}`;
}

class SimulatedSensor {
  readonly #options: SimulationOptions;
  readonly #sensorId: string;
  readonly #random: SeededRandom;
  readonly #level: number;
  readonly #swing: number;
  readonly #noise: number;
  #shift = 0;
  #shiftedReadings = 0;

  constructor(options: SimulationOptions, index: number) {
    this.#options = options;
    const device = simulatedSensorId(index);
    const { input } = options;
    this.#sensorId = input === undefined ? device : declaredSensorId(device, index, input);
    this.#random = seededRandom(options.seed, index + 1);
    this.#level = 18 + 8 * this.#random.uniform();
    this.#swing = 2 + 3 * this.#random.uniform();
    this.#noise = 0.2 + 0.3 * this.#random.uniform();
  }

  read(dueMs: number, nowMs: number): PlannedReading {
    const { disorderMs, lateRate, lateByMs, badRate } = this.#options;
    const random = this.#random;
    // Every reading draws the same numbers whatever the options, so faults change no value.
    const fate = random.uniform();
    const delay = random.uniform();
    const value = this.#temperature(nowMs);
    const kind = fate < badRate ? 'bad' : fate < badRate + lateRate ? 'late' : 'good';
    const delayMs = kind === 'late' ? lateByMs * (1 + delay) : disorderMs * delay;
    return {
      dueMs,
      sensorId: this.#sensorId,
      timestampMs: Math.floor(nowMs - delayMs),
      value,
      kind,
    };
  }

  #temperature(nowMs: number): number {
    const random = this.#random;
    const [spike, shift, size] = [random.uniform(), random.uniform(), random.uniform()];
    if (this.#shiftedReadings > 0) {
      this.#shiftedReadings -= 1;
      if (this.#shiftedReadings === 0) this.#shift = 0;
    } else if (shift < shiftRate) {
      this.#shift = size < 0.5 ? -4 - size : 4 + size;
      this.#shiftedReadings = 300 + Math.floor(600 * size);
    }
    // Warmest at 15:00 UTC.
    const cycle = Math.cos((2 * Math.PI * ((nowMs % dayMs) - 0.625 * dayMs)) / dayMs);
    const jump = spike < spikeRate ? (size < 0.5 ? -1 : 1) * (12 + 16 * size) * this.#noise : 0;
    const value =
      this.#level + this.#shift + this.#swing * cycle + this.#noise * random.normal() + jump;
    return Math.round(value * 1_000) / 1_000;
  }
}
