// A reader beside the writer of a history: wherever the writer is between two calls of the reader,
// the files that the reader holds have each row below its positions once, and no other.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openBlockFile } from '../../src/stores/parquet/block-file.ts';
import type { DeclaredFeature } from '../../src/stores/parquet/elements.ts';
import type { ReadingDisk } from '../../src/stores/parquet/history-disk.ts';
import type { HistoryFolder } from '../../src/stores/parquet/history-folder.ts';
import { snapshotHistory } from '../../src/stores/parquet/history-snapshot.ts';
import { openHistory } from '../../src/stores/parquet/open-history.ts';
import { runs, titled } from '../seed.ts';
import { Killed, noKill, SimulatedDisk, type Kill } from '../simulation/simulated-disk.ts';

const folder = 'history/sensor_features';
const hourMs = 3_600_000;
const limits = {
  ...{ rowsMax: 40, dayGroupRows: 5, pieceGroupRows: 3, piecesPerLevel: 3 },
  publishIntervalMs: 0,
};
const features: readonly DeclaredFeature[] = [
  { name: 'row', type: 'Int64', unit: '', description: '' },
];

type Step =
  | { readonly type: 'commit'; readonly hours: readonly number[] }
  | { readonly type: 'publish'; readonly closedHour: number };

const stepOf: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant('commit' as const),
    hours: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 }),
  }),
  fc.record({
    type: fc.constant('publish' as const),
    closedHour: fc.integer({ min: 0, max: 72 }),
  }),
);

describe('a snapshot of a history', () => {
  it(
    titled('holds each row below its positions once, whatever the writer does meanwhile'),
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(stepOf, { maxLength: 12 }),
          fc.array(fc.array(stepOf, { maxLength: 3 }), { maxLength: 12 }),
          fc.option(fc.integer({ min: 10, max: 120 }), { nil: Infinity }),
          async (before, between, afterCalls) => {
            const disk = new SimulatedDisk();
            const opened = await openedFolder(disk, { afterCalls, when: 'after' });
            if (opened === undefined) return;
            const writer = new Writer(opened);
            for (const step of before) await writer.take(step);
            const pending = [...between];

            const held = await snapshotHistory({
              ...{ folder, links: 'links' },
              disk: readingDisk(disk, async () => {
                for (const step of pending.shift() ?? []) await writer.take(step);
              }),
            });

            const rows = await rowsIn(disk, held?.files ?? []);
            const expected = Array.from({ length: held?.positions[0] ?? 0 }, (_, row) => row);
            expect(rows.sort((a, b) => a - b)).toEqual(expected);
          },
        ),
        runs(60),
      );
    },
  );
});

/** Writes rows numbered from 0, their offsets in a topic of one partition, until it is killed. */
class Writer {
  readonly #history: HistoryFolder;
  #next = 0;
  #isDead = false;

  constructor(history: HistoryFolder) {
    this.#history = history;
  }

  async take(step: Step): Promise<void> {
    if (this.#isDead) return;
    try {
      await this.#take(step);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      this.#isDead = true;
    }
  }

  async #take(step: Step): Promise<void> {
    if (step.type === 'publish') {
      const closedMs = step.closedHour * hourMs;
      return this.#history.publish({ closedMs, when: 'now' });
    }
    for (const hour of step.hours) {
      const [endMs, row] = [hour * hourMs, this.#next];
      this.#next += 1;
      this.#history.add({
        row: {
          ...{ sensor_id: `s${hour % 3}`, window_start: endMs - 1, window_end: endMs },
          ...{ event_time: '', features: { row } },
          lineage: { topic: 'raw', partition: 0, first_offset: 0, last_offset: 0 },
        },
        ...{ createdMs: endMs, availableMs: endMs },
      });
    }
    await this.#history.commit({ positions: [this.#next], newestMs: [0], gaps: [] });
  }
}

/** Returns undefined where the writer dies before it has opened the folder. */
async function openedFolder(disk: SimulatedDisk, kill: Kill): Promise<HistoryFolder | undefined> {
  try {
    return await openHistory({
      ...{ disk: disk.view(kill), folder, features, limits },
      ...{ view: 'sensor_features', topic: 'sensor_features' },
      ...{ writer: { id: 'w', host: 'here', pid: 1 }, isAlive: () => false },
      ...{ whenTaken: 'wait', whenGrown: 'migrate' },
      ...{ clock: systemClock, signal: new AbortController().signal },
    });
  } catch (error) {
    if (error instanceof Killed) return undefined;
    throw error;
  }
}

/** The disk as the reader has it; `between` runs before each of its calls. */
function readingDisk(disk: SimulatedDisk, between: () => Promise<void>): ReadingDisk {
  const view = disk.view(noKill);
  return {
    open: async (path) => {
      await between();
      return view.open(path);
    },
    remove: async (path) => {
      await between();
      return view.remove(path);
    },
    link: async (from, to) => {
      await between();
      const bytes = disk.files.get(from);
      if (bytes !== undefined) disk.files.set(to, bytes);
      return bytes !== undefined;
    },
  };
}

async function rowsIn(disk: SimulatedDisk, files: readonly string[]): Promise<number[]> {
  const rows: number[] = [];
  for (const path of files) {
    const file = await disk.view(noKill).open(path);
    if (file === undefined) throw new Error(`${path} is gone`);
    const reader = await openBlockFile(file, path);
    for await (const block of reader.blocks(['row'])) rows.push(...(block.features[0] ?? []));
  }
  return rows;
}
