// Where a stream is cut does not matter: snapshots, restores and looks at the state change no later
// bit.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { CorruptSnapshotError, ConfigError } from '../../src/errors.ts';
import { createShardState, restoreShardState } from '../../src/sensors/shard-state.ts';
import { defaultSemantics, semantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { foldAll, foldOne, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const watermarkMode = fc.constantFrom('own' as const, 'external' as const);

const scenario = semantics().chain((settings) =>
  fc.record({
    settings: fc.constant(settings),
    readings: stream({ ...settings, leading: true, lengthMax: 250 }),
    cuts: fc.array(fc.nat(250), { maxLength: 4 }),
    watermark: watermarkMode,
  }),
);

it(titled('snapshot → restore → fold is fold, bit for bit, at any cuts'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings, cuts, watermark }) => {
      const whole = createShardState(settings, { watermark });
      const wholeOutput = foldAll(whole, readings);
      whole.advanceWatermark(readings.at(-1)?.timestampMs ?? 0, wholeOutput);

      let cut = createShardState(settings, { watermark });
      const cutOutput = foldOutput();
      readings.forEach((reading, index) => {
        if (cuts.includes(index)) {
          cut = restoreShardState(cut.snapshot(), settings, { watermark });
        }
        foldOne(cut, reading, cutOutput);
      });
      cut.advanceWatermark(readings.at(-1)?.timestampMs ?? 0, cutOutput);

      expect(cutOutput.closed).toEqual(wholeOutput.closed);
      expect(cutOutput.refused).toEqual(wholeOutput.refused);
      expect(cutOutput.anomalies).toEqual(wholeOutput.anomalies);
      expect(cutOutput.events).toEqual(wholeOutput.events);
      expect(cutOutput.alarms).toEqual(wholeOutput.alarms);
      expect(Buffer.compare(cut.snapshot(), whole.snapshot())).toBe(0);
    }),
    runs(300),
  );
});

it(titled('looking at a state (inspect, sensorIds, snapshot) changes no later bit'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings, watermark }) => {
      const plain = createShardState(settings, { watermark });
      const plainOutput = foldAll(plain, readings);

      const watched = createShardState(settings, { watermark });
      const watchedOutput = foldOutput();
      for (const reading of readings) {
        foldOne(watched, reading, watchedOutput);
        for (const id of watched.sensorIds(5)) watched.inspect(id);
        watched.snapshot();
      }

      expect(watchedOutput.closed).toEqual(plainOutput.closed);
      expect(Buffer.compare(watched.snapshot(), plain.snapshot())).toBe(0);
    }),
    runs(100),
  );
});

it(titled('a snapshot is a copy: later readings do not change it'), async () => {
  await holds(
    fc.property(scenario, ({ settings, readings, watermark }) => {
      const half = Math.floor(readings.length / 2);
      const state = createShardState(settings, { watermark });
      foldAll(state, readings.slice(0, half));
      const snapshot = state.snapshot();
      const then = Buffer.from(snapshot);

      foldAll(state, readings.slice(half));

      expect(Buffer.compare(snapshot, then)).toBe(0);
    }),
    runs(100),
  );
});

it(
  titled('a cut-off, extended or altered snapshot is refused as corrupt, or restores; never else'),
  async () => {
    const damage = fc.record({
      settings: fc.constant({ ...defaultSemantics, sensorsMax: 5 }),
      at: fc.nat(100_000),
      byte: fc.nat(255),
      kind: fc.constantFrom('cut', 'extend', 'alter'),
      readings: stream({ ...defaultSemantics, lengthMax: 30 }),
    });
    await holds(
      fc.property(damage, ({ settings, at, byte, kind, readings }) => {
        const options = { watermark: 'own' } as const;
        const state = createShardState(settings, options);
        foldAll(state, readings);
        const whole = state.snapshot();
        const place = at % whole.length;
        const damaged =
          kind === 'cut'
            ? whole.slice(0, place)
            : kind === 'extend'
              ? Uint8Array.from([...whole, byte])
              : whole.with(place, byte);

        const restore = (): unknown => restoreShardState(damaged, settings, options);

        if (kind !== 'alter') {
          expect(restore).toThrow(CorruptSnapshotError);
          return;
        }
        try {
          restore();
        } catch (error) {
          expect(error instanceof CorruptSnapshotError || error instanceof ConfigError).toBe(true);
        }
      }),
      runs(500),
    );
  },
);

it(titled('a snapshot restores wherever its bytes lie in memory'), async () => {
  await holds(
    fc.property(scenario, fc.nat(9), ({ settings, readings, watermark }, shift) => {
      const state = createShardState(settings, { watermark });
      foldAll(state, readings);
      const bytes = state.snapshot();
      const moved = Buffer.alloc(bytes.length + shift).subarray(shift);
      moved.set(bytes);

      const restored = restoreShardState(moved, settings, { watermark });

      expect(Buffer.compare(restored.snapshot(), bytes)).toBe(0);
    }),
    runs(100),
  );
});
