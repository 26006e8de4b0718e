// The history folder against a plain model: whatever is committed, published, merged and killed in
// between, the folder holds each row of the topic below its positions once, sorted, in its UTC day.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import type { HistoryEntry, HistoryProgress } from '../../src/stores/history-store.ts';
import { openBlockFile } from '../../src/stores/parquet/block-file.ts';
import type { DeclaredFeature } from '../../src/stores/parquet/elements.ts';
import { dayOf } from '../../src/stores/parquet/history-block.ts';
import type { HistoryDisk } from '../../src/stores/parquet/history-disk.ts';
import type { HistoryFolder } from '../../src/stores/parquet/history-folder.ts';
import { readManifest } from '../../src/stores/parquet/manifest.ts';
import { openHistory, type OpenHistoryOptions } from '../../src/stores/parquet/open-history.ts';
import { runs, titled } from '../seed.ts';
import { Killed, noKill, SimulatedDisk, type Kill } from '../simulation/simulated-disk.ts';

const folder = 'history/sensor_features';
const hourMs = 3_600_000;
const partitions = 2;
const limits = {
  ...{ rowsMax: 40, dayGroupRows: 5, pieceGroupRows: 3, piecesPerLevel: 3 },
  publishIntervalMs: 0,
};

const declared = (name: string): DeclaredFeature => ({
  ...{ name, type: name === 'row' ? ('Int64' as const) : ('Float64' as const) },
  ...{ unit: '', description: '' },
});
const baseFeatures = [declared('row'), declared('mean')];
const grownFeatures = [...baseFeatures, declared('extra')];

interface TopicRow {
  /** Identifies the row over all partitions; its feature `row`. */
  readonly row: number;
  readonly sensorId: string;
  readonly endMs: number;
  readonly mean: number;
}

type Command =
  | { readonly type: 'commit'; readonly partition: number; readonly rows: number }
  | { readonly type: 'publish'; readonly closedHour: number; readonly when: 'due' | 'now' }
  | { readonly type: 'beat' };

/** One process: its commands, and where it dies; or it is overtaken by the next while it lives. */
interface Life {
  readonly commands: readonly Command[];
  readonly kill: Kill;
  readonly grows: boolean;
  readonly leaves: 'closed' | 'killed' | 'overtaken';
}

const commandOf: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      partition: fc.integer({ min: 0, max: partitions - 1 }),
      rows: fc.integer({ min: 0, max: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      closedHour: fc.integer({ min: 0, max: 72 }),
      when: fc.constantFrom('due' as const, 'now' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('beat' as const) }) },
);

const lifeOf: fc.Arbitrary<Life> = fc.record({
  commands: fc.array(commandOf, { minLength: 1, maxLength: 12 }),
  kill: fc.oneof(
    { weight: 1, arbitrary: fc.constant(noKill) },
    {
      weight: 4,
      arbitrary: fc.record({
        afterCalls: fc.integer({ min: 0, max: 120 }),
        when: fc.constantFrom('before' as const, 'midway' as const, 'after' as const),
      }),
    },
  ),
  grows: fc.boolean(),
  leaves: fc.constantFrom('closed' as const, 'killed' as const, 'overtaken' as const),
});

const topicOf = fc
  .array(
    fc.array(
      fc.record({
        // Ids whose UTF-16 order is not their UTF-8 order among them.
        sensorId: fc.constantFrom('a', 'ab', 'b', '\u{ff5e}', '\u{1f321}'),
        hour: fc.integer({ min: 0, max: 71 }),
        mean: fc.constantFrom(0, -0, 1.5, 1e300),
      }),
      { minLength: 5, maxLength: 60 },
    ),
    { minLength: partitions, maxLength: partitions },
  )
  .map((lists) =>
    lists.map((list, partition) =>
      list.map(({ sensorId, hour, mean }, offset): TopicRow => {
        const row = offset * partitions + partition;
        return { row, sensorId, endMs: hour * hourMs, mean };
      }),
    ),
  );

describe('a history folder', () => {
  it(
    titled('holds each row of the topic once, whatever is killed in between'),
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          topicOf,
          fc.array(lifeOf, { minLength: 1, maxLength: 5 }),
          async (topic, lives) => {
            const disk = new SimulatedDisk();
            let overtaken: Process | undefined;
            for (const [index, life] of lives.entries()) {
              const process = await begin(disk, topic, life, index);
              if (process !== undefined) {
                for (const command of life.commands) {
                  await overtaken?.step(command);
                  await process.step(command);
                }
                if (life.leaves === 'closed') await process.close();
                overtaken = life.leaves === 'overtaken' ? process : undefined;
              }
              await expectExactly(disk, topic);
            }
            await finish(disk, topic, lives.length);
          },
        ),
        runs(Number(process.env['HISTORY_RUNS'] ?? 60)),
      );
    },
  );
});

class Process {
  readonly #folder: HistoryFolder;
  readonly #topic: readonly (readonly TopicRow[])[];
  #isDead = false;

  constructor(opened: HistoryFolder, topic: readonly (readonly TopicRow[])[]) {
    this.#folder = opened;
    this.#topic = topic;
  }

  /** Runs `command`; a process that was killed or fenced does nothing any more. */
  async step(command: Command): Promise<void> {
    if (this.#isDead) return;
    try {
      if (command.type === 'beat') await this.#folder.beat();
      else if (command.type === 'publish') {
        const { closedHour, when } = command;
        await this.#folder.publish({ closedMs: closedHour * hourMs, when });
      } else await this.#commit(command.partition, command.rows);
    } catch (error) {
      if (!isEnd(error)) throw error;
      this.#isDead = true;
    }
  }

  async close(): Promise<void> {
    if (this.#isDead) return;
    await this.#folder.close().catch((error: unknown) => {
      if (!isEnd(error)) throw error;
    });
  }

  async #commit(partition: number, rows: number): Promise<void> {
    const progress = this.#folder.progress();
    const from = progress.positions[partition] ?? 0;
    const added = (this.#topic[partition] ?? []).slice(from, from + rows);
    for (const row of added) this.#folder.add(entryOf(row));
    await this.#folder.commit(movedTo(progress, partition, from + added.length));
  }
}

async function begin(
  disk: SimulatedDisk,
  topic: readonly (readonly TopicRow[])[],
  { kill, grows }: Pick<Life, 'kill' | 'grows'>,
  index: number,
): Promise<Process | undefined> {
  try {
    const features = grows ? grownFeatures : baseFeatures;
    const opened = await openHistory(optionsOf(disk.view(kill), `w${index}`, features));
    return new Process(opened, topic);
  } catch (error) {
    if (isEnd(error)) return undefined;
    throw error;
  }
}

function optionsOf(
  disk: HistoryDisk,
  id: string,
  features: readonly DeclaredFeature[],
): OpenHistoryOptions {
  return {
    ...{ disk, folder, features, limits, view: 'sensor_features', topic: 'sensor_features' },
    ...{ writer: { id, host: 'here', pid: 1 }, isAlive: () => false },
    ...{ whenTaken: 'wait', whenGrown: 'migrate' },
    ...{ clock: systemClock, signal: new AbortController().signal },
  };
}

/** Reads all that is left, publishes, and holds what readers see against the topic. */
async function finish(
  disk: SimulatedDisk,
  topic: readonly (readonly TopicRow[])[],
  index: number,
): Promise<void> {
  const last = await begin(disk, topic, { kill: noKill, grows: true }, index);
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let left = (topic[partition] ?? []).length; left > 0; left -= 12) {
      await last?.step({ type: 'commit', partition, rows: 12 });
    }
  }
  await last?.step({ type: 'publish', closedHour: 72, when: 'now' });
  const seen = (await visibleRows(disk)).map(({ row }) => row);
  expect(seen.sort(byNumber)).toEqual(
    topic
      .flat()
      .map(({ row }) => row)
      .sort(byNumber),
  );
  const view = disk.view(noKill);
  const manifest = await readManifest(view, folder);
  expect(manifest?.pieces).toEqual([]);
  expect(await view.list(`${folder}/.pieces`)).toEqual([]);
  expect(Object.values(manifest?.days ?? {}).every(({ closed }) => closed)).toBe(true);
  expect(await lacking(disk, manifest?.features ?? [])).toEqual([]);
}

/** As a reader of the folder would see it at this moment, and as the manifest counts it. */
async function expectExactly(
  disk: SimulatedDisk,
  topic: readonly (readonly TopicRow[])[],
): Promise<void> {
  const visible = (await visibleRows(disk)).map(({ row }) => row);
  const manifest = await readManifest(disk.view(noKill), folder);
  const below = topic.flatMap((rows, partition) =>
    rows.slice(0, manifest?.positions[partition] ?? 0).map(({ row }) => row),
  );
  expect(new Set(visible).size).toBe(visible.length);
  expect(visible.filter((row) => !below.includes(row))).toEqual([]);
  const through = await throughOf(disk);
  const waiting: number[] = [];
  for (const { file, day, sequence } of manifest?.pieces ?? []) {
    if (sequence <= (through.get(day) ?? 0)) continue;
    waiting.push(...(await rowsOf(disk, `${folder}/.pieces/${file}`)).map(({ row }) => row));
  }
  expect([...visible, ...waiting].sort(byNumber)).toEqual(below.sort(byNumber));
}

interface SeenRow {
  readonly row: number;
  readonly mean: number;
}

async function visibleRows(disk: SimulatedDisk): Promise<readonly SeenRow[]> {
  const seen: SeenRow[] = [];
  for (const path of dayFiles(disk)) seen.push(...(await rowsOf(disk, path)));
  return seen;
}

function dayFiles(disk: SimulatedDisk): readonly string[] {
  return [...disk.files.keys()].filter((path) => /features\/\d[^/]*\.parquet$/.test(path));
}

async function rowsOf(disk: SimulatedDisk, path: string): Promise<readonly SeenRow[]> {
  const file = await disk.view(noKill).open(path);
  if (file === undefined) throw new Error(`no ${path}`);
  const reader = await openBlockFile(file, path);
  const rows: (SeenRow & { readonly id: string; readonly endMs: number })[] = [];
  for await (const { sensorIds, times, features } of reader.blocks(['row', 'mean'])) {
    for (const [index, id] of sensorIds.entries()) {
      const [row = NaN, mean = NaN] = features.map((column) => column[index] ?? NaN);
      rows.push({ row, mean, id, endMs: times[0]?.[index] ?? NaN });
    }
  }
  const day = /(\d{4}-\d{2}-\d{2})/.exec(path)?.[1];
  expect(rows.every(({ endMs }) => dayOf(endMs) === day)).toBe(true);
  const sorted = [...rows].sort(
    (a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)) || a.endMs - b.endMs,
  );
  expect(rows).toEqual(sorted);
  expect(reader.facts.rows).toBe(rows.length);
  return rows;
}

async function throughOf(disk: SimulatedDisk): Promise<ReadonlyMap<string, number>> {
  const through = new Map<string, number>();
  for (const path of dayFiles(disk)) {
    const file = await disk.view(noKill).open(path);
    if (file === undefined) continue;
    const day = path.slice(folder.length + 1, -'.parquet'.length);
    through.set(day, (await openBlockFile(file, path)).facts.through);
  }
  return through;
}

/** Day files without one of the folder's columns. */
async function lacking(
  disk: SimulatedDisk,
  features: readonly DeclaredFeature[],
): Promise<readonly string[]> {
  const names = features.map(({ name }) => name);
  const found: string[] = [];
  for (const path of dayFiles(disk)) {
    const file = await disk.view(noKill).open(path);
    if (file === undefined) continue;
    const has = (await openBlockFile(file, path)).facts.features.map(({ name }) => name);
    if (has.join() !== names.join()) found.push(path);
  }
  return found;
}

function entryOf({ row, sensorId, endMs, mean }: TopicRow): HistoryEntry {
  return {
    row: {
      ...{ sensor_id: sensorId, window_start: endMs - hourMs, window_end: endMs },
      ...{ event_time: new Date(endMs).toISOString(), features: { row, mean } },
      lineage: { topic: 'raw_readings', partition: 0, first_offset: 0, last_offset: 0 },
    },
    ...{ createdMs: endMs + 5, availableMs: endMs + 2 },
  };
}

function movedTo(progress: HistoryProgress, partition: number, next: number): HistoryProgress {
  const positions = Array.from({ length: partitions }, (_, index) =>
    index === partition ? next : progress.positions[index],
  );
  return { ...progress, positions };
}

function isEnd(error: unknown): boolean {
  return error instanceof Killed || (error instanceof Error && error.name === 'FencedError');
}

function byNumber(a: number, b: number): number {
  return a - b;
}
