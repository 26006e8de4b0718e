// Streams of one partition: sensors whose clocks wander, with disorder, duplicates, gaps, late and
// leading readings.
import fc from 'fast-check';

import type { OracleReading } from '../models/oracle.ts';
import { sensorValue } from './values.ts';

export interface StreamShape {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly maxAheadMs: number;
  readonly lengthMax?: number;
  readonly value?: fc.Arbitrary<number>;
  /** How far a reading may lag the front, in ms; beyond the delay it may be late. */
  readonly lagMaxMs?: number;
  /** Whether some readings lead their record's clock by more than allowed. */
  readonly leading?: boolean;
}

const sensorIds = [
  'a',
  'ab',
  'sensor_001',
  'sensor_002',
  'Fühler-7/β',
  '\u0000',
  '\ufeffbom',
  '😀',
  'x'.repeat(256),
];

interface Step {
  readonly sensorId: string;
  readonly advanceMs: number;
  readonly lagMs: number;
  readonly value: number;
  readonly repeats: boolean;
  readonly leads: boolean;
  readonly offsetGap: number;
}

/**
 * A stream in log order. Its event times begin anywhere: now, at the epoch, before it, at a
 * window's very edge.
 */
export function stream(shape: StreamShape): fc.Arbitrary<readonly OracleReading[]> {
  const lagMaxMs = shape.lagMaxMs ?? 2 * (shape.watermarkDelayMs + shape.windowMs);
  const step = fc.record<Step>({
    sensorId: fc.constantFrom(...sensorIds),
    advanceMs: fc.oneof(
      { weight: 8, arbitrary: fc.nat(Math.ceil(shape.windowMs / 4)) },
      { weight: 1, arbitrary: fc.constant(shape.windowMs) },
      { weight: 1, arbitrary: fc.nat(20 * shape.windowMs) },
    ),
    lagMs: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 3, arbitrary: fc.nat(Math.min(lagMaxMs, shape.watermarkDelayMs)) },
      { weight: 1, arbitrary: fc.nat(lagMaxMs) },
    ),
    value: shape.value ?? sensorValue(),
    repeats: fc.boolean(),
    leads: fc.nat(15).map((n) => n === 0 && shape.leading === true),
    offsetGap: fc.integer({ min: 1, max: 3 }),
  });
  const beginning = fc.oneof(
    fc.constantFrom(0, -1, 1, shape.windowMs, -7 * shape.windowMs, 1_700_000_000_000),
    fc.integer({ min: -4e15, max: 4e15 }),
  );
  return fc
    .tuple(beginning, fc.array(step, { maxLength: shape.lengthMax ?? 150, size: 'max' }))
    .map(([beginMs, steps]) => readingsOf(beginMs, steps, shape.maxAheadMs));
}

function readingsOf(
  beginMs: number,
  steps: readonly Step[],
  maxAheadMs: number,
): readonly OracleReading[] {
  const readings: OracleReading[] = [];
  let frontMs = beginMs;
  let offset = 0;
  for (const step of steps) {
    const last = readings.at(-1);
    offset += step.offsetGap;
    frontMs += step.advanceMs;
    if (step.repeats && step.lagMs === 0 && last !== undefined) {
      readings.push({ ...last, offset });
      continue;
    }
    const timestampMs = frontMs - step.lagMs;
    const recordTimestampMs = step.leads ? timestampMs - maxAheadMs - 1 : frontMs - maxAheadMs;
    const { sensorId, value } = step;
    readings.push({ offset, recordTimestampMs, sensorId, timestampMs, value });
  }
  return readings;
}
