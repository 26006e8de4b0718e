// Offline, online, stuck and moving: told as the oracle says of sensors with a rhythm, outages and
// runs of equal values, wherever the stream is cut.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { seededRandom } from '../../src/producer/seeded-random.ts';
import { createShardState, restoreShardState } from '../../src/sensors/shard-state.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { expectedRows, type OracleMark, type OracleReading } from '../models/oracle.ts';
import { foldAll, foldOne, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const own = { watermark: 'own' } as const;

const settings = fc
  .record({
    silentAfterMs: fc.constantFrom('auto' as const, 3_000, 60_000, 500_000),
    stuckAfter: fc.constantFrom(2, 5, Infinity),
    watermarkDelayMs: fc.constantFrom(0, 5_000),
    sensorTtlMs: fc.constantFrom(Infinity, 400_000),
    windowMs: fc.constantFrom(1_000, 60_000),
  })
  .map((some) => ({ ...defaultSemantics, ...some }));

/** Up to four sensors, each with a rhythm; one or another pauses, repeats itself, comes late. */
const rhythms = fc.record({
  seed: fc.nat(),
  sensors: fc.integer({ min: 1, max: 4 }),
  length: fc.integer({ min: 30, max: 400 }),
  rhythmMs: fc.constantFrom(500, 10_000),
});

function readingsOf({
  seed,
  sensors,
  length,
  rhythmMs,
}: {
  readonly seed: number;
  readonly sensors: number;
  readonly length: number;
  readonly rhythmMs: number;
}): readonly OracleReading[] {
  const random = seededRandom(seed, 0).uniform;
  const startMs = 1_700_000_000_000;
  const all = Array.from({ length: sensors }, (_, sensor) => {
    let atMs = startMs;
    let value = 20;
    return Array.from({ length: Math.ceil(length / sensors) }, () => {
      const pause = random() < 0.02 ? 40 * rhythmMs : 0;
      atMs += Math.floor(rhythmMs * (0.5 + random())) + pause;
      if (random() < 0.6) value = Math.floor(20 * random());
      const timestampMs = random() < 0.05 ? atMs - 2 * rhythmMs : atMs;
      return { recordTimestampMs: atMs, sensorId: `sensor_${sensor}`, timestampMs, value };
    });
  }).flat();
  return all
    .sort((a, b) => a.recordTimestampMs - b.recordTimestampMs)
    .map((reading, offset) => ({ offset, ...reading }));
}

const scenario = fc.record({
  settings,
  readings: rhythms.map(readingsOf),
  cuts: fc.array(fc.nat(400), { maxLength: 3 }),
  quietMs: fc.constantFrom(0, 70_000, 1_000_000),
  command: fc.record({
    offset: fc.nat(400),
    command: fc.constantFrom('quarantine' as const, 'release' as const, 'reset' as const),
    sensorId: fc.constantFrom('sensor_0', 'sensor_1'),
  }),
});

it(titled('each change of presence is told once, as the oracle says, in its order'), async () => {
  await holds(
    fc.property(scenario, ({ settings: chosen, readings, command, quietMs }) => {
      const last = readings.at(-1);
      const quiet = { offset: Infinity, toMs: (last?.recordTimestampMs ?? 0) + quietMs };
      const again = { ...command, offset: command.offset + 60, command: 'release' as const };
      const marks: OracleMark[] = [command, again, quiet].sort((a, b) => a.offset - b.offset);

      const output = foldAll(createShardState(chosen, own), readings, marks);

      const { events } = expectedRows([{ partition: 0, readings, marks }], chosen);
      expect(output.events).toEqual(events);
    }),
    runs(150),
  );
});

it(titled('a state that is cut, stored and restored tells the same'), async () => {
  await holds(
    fc.property(scenario, ({ settings: chosen, readings, cuts, quietMs }) => {
      const whole = createShardState(chosen, own);
      const wholeOutput = foldOutput();
      let cut = createShardState(chosen, own);
      const cutOutput = foldOutput();

      readings.forEach((reading, index) => {
        if (cuts.includes(index)) cut = restoreShardState(cut.snapshot(), chosen, own);
        foldOne(whole, reading, wholeOutput);
        foldOne(cut, reading, cutOutput);
        // Told at the same reading, too: a commit may end after any.
        expect(cutOutput.events.length).toBe(wholeOutput.events.length);
      });
      for (const [state, output] of [
        [whole, wholeOutput],
        [cut, cutOutput],
      ] as const) {
        state.advanceWatermark((readings.at(-1)?.recordTimestampMs ?? 0) + quietMs, output);
      }

      expect(cutOutput.events).toEqual(wholeOutput.events);
      expect(Buffer.compare(cut.snapshot(), whole.snapshot())).toBe(0);
    }),
    runs(100),
  );
});

it(titled('the next silence is due neither earlier nor later than it is told'), async () => {
  await holds(
    fc.property(scenario, ({ settings: chosen, readings }) => {
      const state = createShardState({ ...chosen, sensorTtlMs: Infinity }, own);
      foldAll(state, readings);
      const early = foldOutput();
      const due = foldOutput();
      const dueMs = state.earliestEventMs;
      if (dueMs === Infinity) return;

      const other = restoreShardState(state.snapshot(), { ...chosen, sensorTtlMs: Infinity }, own);
      state.advanceWatermark(dueMs - 1, early);
      other.advanceWatermark(dueMs, due);

      expect(early.events).toEqual([]);
      expect(due.events.map(({ kind }) => kind)).toContain('offline');
    }),
    runs(100),
  );
});
