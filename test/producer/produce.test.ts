import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs, titled } from '../../property-tests/seed.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { pace } from '../../src/producer/pacing.ts';
import type { PlannedReading } from '../../src/producer/planned-reading.ts';
import { produce, type ProduceOptions } from '../../src/producer/produce.ts';
import { simulateSensors, simulationDefaults } from '../../src/producer/simulated-sensors.ts';
import { SimulatedClock } from './simulated-clock.ts';

const startMs = 1_700_000_000_000;
const never = new AbortController().signal;

function recordingLog(
  onAppend: (records: readonly OutputRecord[]) => void,
): Pick<EventLog, 'append'> {
  return {
    append(records) {
      onAppend(records);
      return Promise.resolve([]);
    },
  };
}

function planned(dueMs: number): PlannedReading {
  return { dueMs, sensorId: 'a', timestampMs: startMs + dueMs, value: 1, kind: 'good' };
}

function options(overrides: Partial<ProduceOptions>): ProduceOptions {
  return {
    log: recordingLog(() => undefined),
    topic: 'raw_readings',
    format: 'json',
    keying: 'keyed',
    readings: [],
    clock: new SimulatedClock(),
    signal: never,
    eventTime: 'planned',
    ...overrides,
  };
}

describe('the pace', () => {
  it(titled('hands out nothing before it is due, and everything, in order'), async () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(gaps, fc.integer({ min: 0, max: 500 }), async (steps, lateByMs) => {
        let dueMs = 0;
        const readings = steps.map((step) => planned((dueMs += step)));
        const clock = new SimulatedClock({ lateByMs });
        const beganMs = clock.monotonicMs();

        const handed: PlannedReading[] = [];
        for await (const batch of pace(readings, {
          clock,
          signal: never,
          batchMax: 7,
          tickMs: 20,
        })) {
          const elapsedMs = clock.monotonicMs() - beganMs;
          expect(batch.length).toBeLessThanOrEqual(7);
          for (const reading of batch) expect(reading.dueMs).toBeLessThanOrEqual(elapsedMs);
          handed.push(...batch);
        }

        expect(handed).toEqual(readings);
      }),
      runs(100),
    );
  });

  it('does not drift, however late each wake-up is', async () => {
    const clock = new SimulatedClock({ lateByMs: 15 });
    const beganMs = clock.monotonicMs();

    await produce(
      options({
        clock,
        readings: simulateSensors({
          ...simulationDefaults,
          startMs,
          sensors: 1,
          rate: 10,
          durationMs: 3_600_000,
        }),
      }),
    );

    const tookMs = clock.monotonicMs() - beganMs;
    expect(tookMs).toBeGreaterThanOrEqual(3_600_000 - 100);
    expect(tookMs).toBeLessThan(3_600_000 + 100);
  });

  it('lets what is due together travel together, and never idles behind schedule', async () => {
    const clock = new SimulatedClock();
    const batches: number[] = [];

    await produce(
      options({
        clock,
        readings: Array.from({ length: 10_000 }, (_, index) => planned(index / 10)),
        log: recordingLog((records) => batches.push(records.length)),
      }),
    );

    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(10_000);
    expect(batches.length).toBeLessThanOrEqual(60);
    expect(Math.max(...clock.sleeps)).toBeLessThanOrEqual(21);
  });

  it('stops at once when told to, and says so', async () => {
    const stop = new AbortController();
    let sent = 0;

    const report = await produce(
      options({
        readings: simulateSensors({ ...simulationDefaults, startMs }),
        signal: stop.signal,
        log: recordingLog((records) => {
          sent += records.length;
          if (sent >= 100) stop.abort();
        }),
      }),
    );

    expect(report.isStopped).toBe(true);
    expect(report.records).toBe(sent);
    expect(sent).toBeLessThan(110);
  });
});

describe('what is produced', () => {
  it('is the reading of the contract, keyed by its sensor id', async () => {
    const records: OutputRecord[] = [];

    await produce(
      options({ readings: [planned(5)], log: recordingLog((r) => records.push(...r)) }),
    );

    expect(records).toHaveLength(1);
    expect(records[0]?.topic).toBe('raw_readings');
    expect(Buffer.from(records[0]?.key ?? []).toString()).toBe('a');
    expect(Buffer.from(records[0]?.value ?? []).toString()).toBe(
      `{"sensor_id":"a","timestamp":${startMs + 5},"value":1}`,
    );
  });

  it('has no key when unkeyed', async () => {
    const records: OutputRecord[] = [];

    await produce(
      options({
        readings: [planned(0)],
        keying: 'unkeyed',
        log: recordingLog((r) => records.push(...r)),
      }),
    );

    expect(records[0]?.key).toBeNull();
  });

  it('counts late and bad records among all', async () => {
    const readings = [
      planned(0),
      { ...planned(0), kind: 'late' as const },
      { ...planned(0), kind: 'bad' as const },
    ];

    const report = await produce(options({ readings }));

    expect(report).toMatchObject({ records: 3, late: 1, bad: 1, isStopped: false });
  });

  it('follows a wall clock that was corrected, where there is no end in sight', async () => {
    const clock = new SimulatedClock({ nowMs: startMs });
    const times: number[] = [];
    const values = (records: readonly OutputRecord[]): void => {
      for (const { value } of records) {
        const reading: unknown = JSON.parse(Buffer.from(value ?? []).toString());
        if (typeof reading === 'object' && reading !== null && 'timestamp' in reading) {
          times.push(Number(reading.timestamp));
        }
      }
      if (times.length === 2) clock.step(3_600_000);
    };

    await produce(
      options({
        clock,
        eventTime: 'wall',
        readings: [0, 1_000, 2_000, 3_000].map(planned),
        log: recordingLog(values),
      }),
    );

    expect(times.map((time) => time - startMs)).toEqual([0, 1_000, 3_602_000, 3_603_000]);
  });
});
