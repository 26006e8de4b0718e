// The life of alarms: told as the oracle says of sensors that burst, fall silent, repeat themselves
// and are commanded, wherever the stream is cut.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { seededRandom } from '../../src/producer/seeded-random.ts';
import { createShardState, restoreShardState } from '../../src/sensors/shard-state.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { grouped } from '../models/anomaly-oracle.ts';
import { expectSameAlarms } from '../models/compare-rows.ts';
import { expectedRows, type OracleMark, type OracleReading } from '../models/oracle.ts';
import { foldAll, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const own = { watermark: 'own' } as const;

const settings = fc
  .record({
    baseline: fc.constantFrom('adaptive' as const, 'cumulative' as const, 'robust' as const),
    baselineHalfLife: fc.constantFrom(10, 4_000),
    alarmResolveAfterMs: fc.constantFrom(1, 2_000, 20_000, 300_000),
    silentAfterMs: fc.constantFrom('auto' as const, 3_000, Infinity),
    stuckAfter: fc.constantFrom(3, Infinity),
    watermarkDelayMs: fc.constantFrom(0, 5_000),
    sensorTtlMs: fc.constantFrom(Infinity, 100_000),
    windowMs: fc.constantFrom(1_000, 60_000),
  })
  .map((some) => ({ ...defaultSemantics, ...some }));

/** Up to three sensors of noise with bursts either way, pauses, repeats and late readings. */
const streams = fc
  .record({ seed: fc.nat(), sensors: fc.integer({ min: 1, max: 3 }), length: fc.nat(900) })
  .map(({ seed, sensors, length }): readonly OracleReading[] => {
    const random = seededRandom(seed, 0).uniform;
    let atMs = 1_700_000_000_000;
    let value = 20;
    let burst = 0;
    return Array.from({ length }, (_, offset) => {
      atMs += random() < 0.01 ? 150_000 * random() : 1_000 * random();
      if (burst === 0 && random() < 0.02) burst = (random() < 0.5 ? -1 : 1) * 4 ** (5 * random());
      else if (random() < 0.3) burst = 0;
      if (random() < 0.8) value = 20 + burst + random();
      const lag = random() < 0.1 ? 8_000 * random() : 0;
      const timestampMs = Math.floor(atMs - lag);
      const sensorId = `sensor_${Math.floor(sensors * random())}`;
      return { offset, recordTimestampMs: Math.floor(atMs), sensorId, timestampMs, value };
    });
  });

const decision = fc.record({
  offset: fc.nat(900),
  sensorId: fc.constantFrom('sensor_0', 'sensor_1'),
  decidedMs: fc.constantFrom(1_700_000_000_000, 1_700_000_300_000),
});
const command = fc.oneof(
  fc.constant({ command: 'acknowledge' as const }),
  fc.record({
    command: fc.constant('mute' as const),
    untilMs: fc.constantFrom(0, 1_800_000_000_000),
  }),
  fc.record({
    command: fc.constant('tune' as const),
    sensitivity: fc.constantFrom(undefined, 0.3, 1, 4),
    direction: fc.constantFrom(undefined, 'both' as const, 'high' as const, 'low' as const),
  }),
  fc.record({ command: fc.constantFrom('quarantine' as const, 'release' as const) }),
);

const scenario = fc.record({
  settings,
  readings: streams,
  marks: fc
    .array(
      fc.tuple(decision, command).map(([at, told]): OracleMark => {
        const isLifecycle = told.command === 'quarantine' || told.command === 'release';
        const { offset, sensorId } = at;
        return isLifecycle ? { offset, sensorId, ...told } : { ...at, ...told };
      }),
      { maxLength: 12 },
    )
    .map((marks) => marks.sort((a, b) => a.offset - b.offset)),
  cuts: fc.array(fc.nat(900), { maxLength: 3 }),
  quietMs: fc.constantFrom(0, 30_000, 1_000_000),
});

it(titled('each change of an alarm is told once, as the oracle says, in its order'), async () => {
  await holds(
    fc.property(scenario, ({ settings: chosen, readings, marks, quietMs }) => {
      const toMs = (readings.at(-1)?.recordTimestampMs ?? 0) + quietMs;
      const all = [...marks, { offset: Infinity, toMs }];

      const output = foldAll(createShardState(chosen, own), readings, all);

      const { alarms } = expectedRows([{ partition: 0, readings, marks: all }], chosen);
      expectSameAlarms(output.alarms, alarms);
    }),
    runs(200),
  );
});

it(titled('every alarm is opened once and resolved once, and told only in between'), async () => {
  await holds(
    fc.property(scenario, ({ settings: chosen, readings, marks }) => {
      const end = { offset: Infinity, toMs: 1_900_000_000_000 };
      const { alarms } = foldAll(createShardState(chosen, own), readings, [...marks, end]);

      const lives = grouped(alarms, ({ sensor_id, alarm_id }) => `${sensor_id} ${alarm_id}`);
      for (const life of lives.values()) {
        const kinds = life.map(({ kind }) => kind);
        expect(kinds.indexOf('alarm_opened')).toBe(0);
        expect(kinds.lastIndexOf('alarm_opened')).toBe(0);
        const resolved = kinds.indexOf('alarm_resolved');
        // Silence lasts beyond the end; everything else of it was resolved.
        if (life[0]?.cause === 'reading') expect(resolved).toBe(kinds.length - 1);
        else expect([-1, kinds.length - 1]).toContain(resolved);
      }
    }),
    runs(100),
  );
});

it(titled('a state that is cut, stored and restored tells the same of alarms'), async () => {
  await holds(
    fc.property(scenario, ({ settings: chosen, readings, marks, cuts }) => {
      const whole = createShardState(chosen, own);
      const wholeOutput = foldOutput();
      let cut = createShardState(chosen, own);
      const cutOutput = foldOutput();
      for (const reading of readings) {
        const here = marks.filter(({ offset }) => offset === reading.offset);
        if (cuts.includes(reading.offset)) cut = restoreShardState(cut.snapshot(), chosen, own);
        foldAll(whole, [reading], here, wholeOutput);
        foldAll(cut, [reading], here, cutOutput);
      }

      expect(cutOutput.alarms).toEqual(wholeOutput.alarms);
      expect(Buffer.compare(cut.snapshot(), whole.snapshot())).toBe(0);
    }),
    runs(100),
  );
});
