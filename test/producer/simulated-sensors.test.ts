import { describe, expect, it } from 'vitest';

import type { PlannedReading } from '../../src/producer/planned-reading.ts';
import {
  simulateSensors,
  simulationDefaults,
  type SimulationOptions,
} from '../../src/producer/simulated-sensors.ts';

const startMs = 1_700_000_000_000;

function simulate(options: Partial<SimulationOptions>): readonly PlannedReading[] {
  return [...simulateSensors({ ...simulationDefaults, startMs, durationMs: 60_000, ...options })];
}

describe('simulated sensors', () => {
  it('give the same readings for the same seed and others for another', () => {
    expect(simulate({ seed: 7 })).toEqual(simulate({ seed: 7 }));
    expect(simulate({ seed: 7 })).not.toEqual(simulate({ seed: 8 }));
  });

  it('are sensor_000, sensor_001, … with `rate` readings a second each, in the order they are due', () => {
    const readings = simulate({ sensors: 12, rate: 2 });

    expect(readings).toHaveLength(12 * 2 * 60);
    expect([...new Set(readings.map(({ sensorId }) => sensorId))]).toEqual(
      Array.from({ length: 12 }, (_, index) => `sensor_0${index < 10 ? '0' : ''}${index}`),
    );
    const due = readings.map(({ dueMs }) => dueMs);
    expect(due).toEqual([...due].sort((a, b) => a - b));
  });

  it('do not change when more of them are simulated', () => {
    const valuesOf = (sensors: number): readonly number[] =>
      simulate({ sensors })
        .filter(({ sensorId }) => sensorId === 'sensor_000')
        .map(({ value }) => value);

    expect(valuesOf(1)).toEqual(valuesOf(25));
  });

  it('never date a reading after it is sent, and at most `disorderMs` before', () => {
    const readings = simulate({ disorderMs: 3_000 });

    const delays = readings.map(({ dueMs, timestampMs }) => startMs + dueMs - timestampMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThanOrEqual(3_001);
    expect(Math.max(...delays)).toBeGreaterThan(2_000);
  });

  it('send the asked parts late and bad, without changing a value', () => {
    const faulty = simulate({ sensors: 100, lateRate: 0.1, badRate: 0.05, lateByMs: 90_000 });
    const part = (kind: string): number =>
      faulty.filter((reading) => reading.kind === kind).length / faulty.length;

    expect(part('late')).toBeCloseTo(0.1, 1);
    expect(part('bad')).toBeCloseTo(0.05, 1);
    for (const { kind, dueMs, timestampMs } of faulty) {
      if (kind === 'late') expect(startMs + dueMs - timestampMs).toBeGreaterThanOrEqual(90_000);
    }
    expect(faulty.map(({ value }) => value)).toEqual(
      simulate({ sensors: 100 }).map(({ value }) => value),
    );
  });

  it('follow the hour of the day, stay plausible, and spike now and then', () => {
    const day = simulate({ sensors: 5, rate: 0.1, durationMs: 86_400_000 });
    const hourMean = (hour: number): number => {
      const values = day
        .filter(({ timestampMs }) => new Date(timestampMs).getUTCHours() === hour)
        .map(({ value }) => value);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };

    expect(hourMean(15) - hourMean(3)).toBeGreaterThan(3);
    const jumps = day.filter(({ value, sensorId }, at) => {
      const next = day.slice(at + 1, at + 6).find((other) => other.sensorId === sensorId);
      return next !== undefined && Math.abs(next.value - value) > 2.5;
    });
    expect(jumps.length).toBeGreaterThan(20);
    expect(Math.max(...day.map(({ value }) => Math.abs(value)))).toBeLessThan(60);
  });
});
