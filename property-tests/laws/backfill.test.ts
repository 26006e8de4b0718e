// A backfill against the plain fold: whatever the order of the file, the length of the runs, the
// shards and the kills, the history holds the rows of one fold over the sorted readings, each once,
// and the rows that were there before where they are not replaced.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { backfill, type BackfillReport } from '../../src/backfill/backfill.ts';
import { sortReadings } from '../../src/backfill/sorted-readings.ts';
import { systemClock } from '../../src/clock.ts';
import { selectFeatures } from '../../src/sensors/features.ts';
import { createShardState, type Semantics } from '../../src/sensors/shard-state.ts';
import { openBlockFile } from '../../src/stores/parquet/block-file.ts';
import { openHistory } from '../../src/stores/parquet/open-history.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { foldAll } from '../models/run-fold.ts';
import { runs, titled } from '../seed.ts';
import { Killed, noKill, SimulatedDisk, type Kill } from '../simulation/simulated-disk.ts';

const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 0, 1);
const semantics: Semantics = {
  ...{ ...defaultSemantics, windowMs: hourMs, watermarkDelayMs: 0 },
  windows: [{ name: '4h/2h', sizeMs: 4 * hourMs, hopMs: 2 * hourMs }],
};
const features = selectFeatures(semantics.features);
const names = features.map(({ name }) => name);
const views = ['sensor_features', 'sensor_features_4h_2h'];
const limits = {
  ...{ rowsMax: 6, dayGroupRows: 5, pieceGroupRows: 3, piecesPerLevel: 3 },
  publishIntervalMs: 0,
};
let writers = 0;
const folderOf = (view: string): string => `history/${view}`;

interface Given {
  readonly sensorId: string;
  readonly timeMs: number;
  readonly value: number;
}

const givenOf: fc.Arbitrary<Given> = fc.record({
  sensorId: fc.constantFrom('a', 'b', 'c', 'ü'),
  timeMs: fc.integer({ min: 0, max: 200 }).map((step) => startMs + step * (hourMs / 4)),
  value: fc.constantFrom(0, -0, 1.5, 20.25, -3),
});

const killOf: fc.Arbitrary<Kill> = fc.record({
  afterCalls: fc.integer({ min: 0, max: 150 }),
  when: fc.constantFrom('before' as const, 'midway' as const, 'after' as const),
});

interface Start {
  readonly partitions: number;
  readonly runReadings: number;
  readonly toMs: number;
  readonly whenOverlapping: 'replace' | 'refuse';
  readonly id: string;
}

function written(readings: readonly Given[]): string {
  const path = join(mkdtempSync(join(tmpdir(), 'sensorium-backfill-')), 'x.csv');
  const rows = readings.map(({ sensorId, timeMs, value }) => {
    return `${timeMs},${Object.is(value, -0) ? '-0' : value},${sensorId}`;
  });
  writeFileSync(path, ['timestamp,value,sensor_id', ...rows].join('\n'));
  return path;
}

/** Runs the backfill of the file as one process, until its end or its death. */
async function start(
  disk: SimulatedDisk,
  path: string,
  kill: Kill,
  { partitions, runReadings, toMs, whenOverlapping, id }: Start,
): Promise<BackfillReport | undefined> {
  const view = disk.view(kill);
  const { signal } = new AbortController();
  const readings = await sortReadings({
    ...{ paths: [path], declaration: undefined, options: {}, fromMs: -Infinity, toMs, signal },
    latestMs: Infinity,
    ...{ folder: mkdtempSync(join(tmpdir(), 'sensorium-runs-')), runReadings },
    onProgress: () => undefined,
  });
  try {
    const opened = [];
    for (const name of views) {
      const store = await openHistory({
        ...{ disk: view, folder: folderOf(name), view: name, topic: name, features, limits },
        ...{ writer: { id: `w${(writers += 1)}`, host: 'here', pid: 1 }, isAlive: () => false },
        ...{ whenTaken: 'refuse', whenGrown: 'refuse', clock: systemClock, signal },
      });
      opened.push({ view: name, topic: name, store });
    }
    const report = await backfill({
      ...{ id, readings, views: opened, semantics, features, partitions, toMs, signal },
      ...{ availableAfterMs: 0, whenOverlapping, clock: systemClock },
      onProgress: () => undefined,
    });
    for (const { store } of opened) await store.close();
    return report;
  } catch (error) {
    if (error instanceof Killed) return undefined;
    throw error;
  } finally {
    await readings.close();
  }
}

/** Returns the rows in the day files of a view, as text. */
async function rowsIn(disk: SimulatedDisk, view: string): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const path of disk.files.keys()) {
    if (!path.startsWith(`${folderOf(view)}/2`)) continue;
    const file = await disk.view(noKill).open(path);
    if (file === undefined) continue;
    const reader = await openBlockFile(file, path);
    for await (const block of reader.blocks(names)) {
      for (const [at, id] of block.sensorIds.entries()) {
        const values = block.features.map((column) => column[at] ?? NaN);
        rows.push(textOf(id, block.times[0]?.[at] ?? NaN, values));
      }
    }
  }
  return rows.sort();
}

function textOf(id: string, endMs: number, values: readonly number[]): string {
  const digits = values.map((value) => (Object.is(value, -0) ? '-0' : String(value)));
  return [id, endMs, ...digits].join(' ');
}

/** Returns the rows of one fold over the readings by time, as text, of each view. */
function expectedRows(readings: readonly Given[], toMs: number): readonly (readonly string[])[] {
  const state = createShardState(semantics, { watermark: 'own' });
  const sorted = readings
    .filter(({ timeMs }) => timeMs < toMs)
    .map((reading, place) => ({ ...reading, place }))
    .sort((a, b) => a.timeMs - b.timeMs || a.place - b.place);
  const last = startMs + 1_000 * hourMs;
  const output = foldAll(
    state,
    sorted.map(({ sensorId, timeMs, value }, offset) => ({
      ...{ sensorId, value, offset, timestampMs: timeMs, recordTimestampMs: timeMs },
    })),
    [{ offset: Infinity, toMs: Math.min(last, toMs) }],
  );
  return views.map((_, lengthIndex) =>
    output.closed
      .filter((row) => row.length_index === lengthIndex)
      .map((row) => {
        const values = names.map((name) => Reflect.get(row.features, name) as number);
        return textOf(row.sensor_id, row.window_end, values);
      })
      .sort(),
  );
}

describe('a backfill', () => {
  it(titled('takes readings by time, and those of one time in the order of the file'), async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 40 }),
        async (times, runReadings) => {
          const given = times.map((timeMs, place) => ({ sensorId: 'a', timeMs, value: place }));
          const readings = await sortReadings({
            ...{ paths: [written(given)], declaration: undefined, options: {}, runReadings },
            ...{ fromMs: -Infinity, toMs: Infinity, latestMs: Infinity },
            signal: new AbortController().signal,
            folder: mkdtempSync(join(tmpdir(), 'sensorium-runs-')),
            onProgress: () => undefined,
          });

          const found: number[] = [];
          for await (const { count, values } of readings.blocks()) {
            found.push(...values.subarray(0, count));
          }
          await readings.close();

          const sorted = given.sort((a, b) => a.timeMs - b.timeMs || a.value - b.value);
          expect(found).toEqual(sorted.map(({ value }) => value));
        },
      ),
      runs(60),
    );
  });

  it(
    titled('holds the rows of one fold over the sorted readings, however often it is killed'),
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(givenOf, { minLength: 1, maxLength: 60 }),
          fc.array(killOf, { maxLength: 3 }),
          fc.record({
            partitions: fc.integer({ min: 1, max: 3 }),
            runReadings: fc.integer({ min: 1, max: 40 }),
            toMs: fc.constantFrom(Infinity, startMs + 30 * hourMs + 1),
          }),
          async (readings, kills, settings) => {
            const path = written(readings);
            const disk = new SimulatedDisk();
            const how = { ...settings, whenOverlapping: 'refuse', id: 'one' } as const;

            for (const kill of kills) await start(disk, path, kill, how);
            const report = await start(disk, path, noKill, how);

            const expected = expectedRows(readings, settings.toMs);
            for (const [index, view] of views.entries()) {
              expect(await rowsIn(disk, view)).toEqual(expected[index]);
              expect(report?.rows.get(view)).toBe(expected[index]?.length);
            }
            expect((await start(disk, path, noKill, how))?.wasDone).toBe(true);
          },
        ),
        runs(25),
      );
    },
  );

  it(
    titled(
      'replaces the rows of its sensors in its time, and no other, however often it is killed',
    ),
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(givenOf, { minLength: 1, maxLength: 40 }),
          fc.array(givenOf, { minLength: 1, maxLength: 40 }),
          fc.array(killOf, { maxLength: 3 }),
          async (before, after, kills) => {
            const disk = new SimulatedDisk();
            const settings = { partitions: 1, runReadings: 100, toMs: Infinity };
            await start(disk, written(before), noKill, {
              ...{ ...settings, whenOverlapping: 'refuse', id: 'before' },
            });
            const path = written(after);
            const how = { ...settings, whenOverlapping: 'replace', id: 'after' } as const;

            for (const kill of kills) await start(disk, path, kill, how);
            await start(disk, path, noKill, how);

            const ids = new Set(after.map(({ sensorId }) => sensorId));
            const times = after.map(({ timeMs }) => timeMs);
            const [kept, added] = [expectedRows(before, Infinity), expectedRows(after, Infinity)];
            const hour = Math.floor(Math.max(...times) / hourMs) * hourMs;
            for (const [index, view] of views.entries()) {
              const lastEndMs = hour + (index === 0 ? 1 : 4) * hourMs;
              const isOutside = (row: string): boolean => {
                const [id = '', end] = row.split(' ');
                const endMs = Number(end);
                return !ids.has(id) || endMs <= Math.min(...times) || endMs > lastEndMs;
              };
              const rows = [...(kept[index] ?? []).filter(isOutside), ...(added[index] ?? [])];
              expect(await rowsIn(disk, view)).toEqual(rows.sort());
            }
          },
        ),
        runs(15),
      );
    },
  );
});
