// The migration of one shard over the simulated broker: killed before and after each of its calls,
// it has happened or not; run again, it ends in the same state. And the way back.
import { describe, expect, it } from 'vitest';

import {
  recoveredShard as shard,
  recoverySemantics as from,
  recoveryWorld,
  type RecoveryWorld,
} from '../../property-tests/simulation/recovery-world.ts';
import { foldAll } from '../../property-tests/models/run-fold.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import { encodePositionMetadata } from '../../src/actors/position-metadata.ts';
import { ConfigError } from '../../src/errors.ts';
import { migrateShard, type MigratedShard } from '../../src/migration/migrate-shard.ts';
import { semanticsFingerprint } from '../../src/sensors/fingerprint.ts';
import { migrateState } from '../../src/sensors/migrated-state.ts';
import { createShardState, type Semantics } from '../../src/sensors/shard-state.ts';

const to: Semantics = {
  ...from,
  features: [...from.features, 'median'],
  windows: [...from.windows, { name: '60s', sizeMs: 60_000, hopMs: 60_000 }],
};
const key = `group|${shard.topic}/0`;
const readings: readonly OracleReading[] = Array.from({ length: 60 }, (_, offset) => ({
  offset,
  recordTimestampMs: 1_000 * offset,
  sensorId: offset % 3 === 0 ? 'a' : 'b',
  timestampMs: 1_000 * offset,
  value: offset % 7,
}));

class Killed extends Error {}

/** A shard that is committed at `offset` under `from`, without any snapshot. */
async function committedAt(offset: number): Promise<RecoveryWorld> {
  const world = recoveryWorld();
  for (const { recordTimestampMs, sensorId, timestampMs, value } of readings) {
    world.broker.append([
      {
        ...shard,
        timestampMs: recordTimestampMs,
        key: Buffer.from(sensorId),
        value: Buffer.from(JSON.stringify({ sensor_id: sensorId, timestamp: timestampMs, value })),
      },
    ]);
  }
  await world.recover();
  commitAt(world, offset);
  return world;
}

function commitAt(world: RecoveryWorld, nextOffset: number): void {
  const metadata = encodePositionMetadata(world.committed());
  world.broker.commits.set(key, { nextOffset, metadata });
}

interface Tried {
  readonly migrated: MigratedShard | undefined;
  readonly calls: number;
}

/** Migrates; the process is killed at call number `dies` of its ports, before or after its effect. */
async function migrate(
  world: RecoveryWorld,
  change: { readonly from: Semantics; readonly to: Semantics },
  { dies = Infinity, when = 'before' }: { dies?: number; when?: 'before' | 'after' } = {},
): Promise<Tried> {
  const { scheduler, snapshots } = world;
  let calls = 0;
  const call = async <T>(effect: () => Promise<T>): Promise<T> => {
    calls += 1;
    if (calls > dies || (calls === dies && when === 'before')) throw new Killed();
    const result = await effect();
    if (calls === dies) throw new Killed();
    return result;
  };
  const { log } = world.context;
  const context = {
    ...world.context,
    semantics: change.from,
    log: {
      ...log,
      openWriter: async (group: string) => {
        const writer = await call(() => log.openWriter(group, shard));
        return {
          ...writer,
          epoch: writer.epoch,
          begin: () => writer.begin(),
          close: () => writer.close(),
          commit: (commit: Parameters<typeof writer.commit>[0]) =>
            call(() => writer.commit(commit)),
        };
      },
      committed: (...of: Parameters<typeof log.committed>) => call(() => log.committed(...of)),
      offsets: (...of: Parameters<typeof log.offsets>) => call(() => log.offsets(...of)),
    },
    snapshots: {
      ...world.context.snapshots,
      write: (_: string, id: string, bytes: Uint8Array) =>
        call(() => {
          snapshots.set(id, Uint8Array.from(bytes));
          return Promise.resolve({ id, place: 'map', length: bytes.length, checksum: 0 });
        }),
    },
  };
  let done = false;
  const work = migrateShard({ context, shard, to: change.to, clock: world.context.clock }).finally(
    () => (done = true),
  );
  work.catch(() => undefined);
  await scheduler.runUntil(scheduler.nowMs + 60_000, () => done);
  const migrated = await work.catch((error: unknown) => {
    if (!(error instanceof Killed)) throw error;
    return undefined;
  });
  return { migrated, calls };
}

const stateOf = async (world: RecoveryWorld, semantics: Semantics): Promise<Buffer> => {
  const { memory } = await world.recover({ semantics });
  return Buffer.from(memory.state.snapshot());
};

/** The state at `offset` under `semantics`, folded without any shard. */
function folded(semantics: Semantics, offset: number): Uint8Array {
  const state = createShardState(semantics, { watermark: 'own' });
  foldAll(state, readings.slice(0, offset));
  return state.snapshot();
}

describe('a migration of a shard', () => {
  it('commits the state of before under the new settings, at the same position', async () => {
    const world = await committedAt(45);

    const { migrated } = await migrate(world, { from, to });

    expect(migrated).toMatchObject({ offset: 45, sensors: 2, way: 'over' });
    expect(world.broker.commits.get(key)?.nextOffset).toBe(45);
    expect(world.committed()).toMatchObject({ migratedAt: 45, former: { settings: /^FEATURES/ } });
    const expected = migrateState(folded(from, 45), { from, to });
    expect((await stateOf(world, to)).equals(expected)).toBe(true);
  });

  it('refuses the former settings from then on', async () => {
    const world = await committedAt(45);
    await migrate(world, { from, to });

    await expect(world.recover({ semantics: from })).rejects.toThrow(/FEATURES.*WINDOWS/s);
  });

  it('has happened or not wherever it is killed, and ends in one state when run again', async () => {
    const { calls } = await migrate(await committedAt(45), { from, to });
    const expected = migrateState(folded(from, 45), { from, to });
    const switched = new Set<boolean>();
    for (let dies = 1; dies <= calls; dies += 1) {
      for (const when of ['before', 'after'] as const) {
        const world = await committedAt(45);
        await migrate(world, { from, to }, { dies, when });

        const isSwitched = world.committed().fingerprint === semanticsFingerprint(to).text;
        switched.add(isSwitched);
        if (!isSwitched) await world.recover();
        const { migrated } = isSwitched ? {} : await migrate(world, { from, to });

        expect(migrated?.offset ?? 45).toBe(45);
        expect((await stateOf(world, to)).equals(expected)).toBe(true);
      }
    }
    expect(calls).toBeGreaterThan(4);
    expect(switched).toEqual(new Set([true, false]));
  });

  it('goes on from what an owner commits until it is fenced', async () => {
    const world = await committedAt(45);
    const { log } = world.context;
    const openWriter: typeof log.openWriter = (...of) => {
      commitAt(world, 50);
      return log.openWriter(...of);
    };
    const running = { ...world, context: { ...world.context, log: { ...log, openWriter } } };

    const { migrated } = await migrate(running, { from, to });

    expect(migrated).toMatchObject({ offset: 50 });
    expect(world.broker.commits.get(key)?.nextOffset).toBe(50);
  });

  it('is fenced by an owner that came meanwhile, and changes nothing', async () => {
    const world = await committedAt(45);
    const { log } = world.context;
    const stolen = {
      ...world,
      context: {
        ...world.context,
        log: {
          ...log,
          offsets: async (...of: Parameters<typeof log.offsets>) => {
            await log.openWriter('group', shard);
            return log.offsets(...of);
          },
        },
      },
    };

    await expect(migrate(stolen, { from, to })).rejects.toThrow(/was taken over/);

    expect(world.committed().fingerprint).toBe(semanticsFingerprint(from).text);
  });

  it('refuses a shard whose commit is out in part', async () => {
    const world = await committedAt(45);
    const partial = {
      ...{ offset: 50, sequence: 1, rows: 1, others: 0, anomalyEvents: 0 },
      ...{ watermarkMs: null, sourceMaxMs: null },
    };
    const metadata = encodePositionMetadata({ ...world.committed(), version: 2, partial });
    world.broker.commits.set(key, { nextOffset: 45, metadata });

    await expect(migrate(world, { from, to })).rejects.toThrow(/out in part: start the program/);
  });

  it('refuses what is impossible, and changes nothing', async () => {
    const world = await committedAt(45);
    const other = { ...from, windowMs: 20_000, windows: [] };

    await expect(migrate(world, { from, to: other })).rejects.toThrow(ConfigError);

    expect(world.committed()).not.toHaveProperty('migratedAt');
  });

  it('does not fold from the origin where no snapshot of the new settings can be read', async () => {
    const world = await committedAt(45);
    await migrate(world, { from, to });
    world.snapshots.clear();

    await expect(world.recover({ semantics: to })).rejects.toThrow(/migrated at offset 45/);
  });
});

describe('a migration back', () => {
  it('gives the state that the former settings would have led to', async () => {
    const world = await committedAt(30);
    await migrate(world, { from, to });
    commitAt(world, 55);

    const { migrated } = await migrate(world, { from: to, to: from });

    expect(migrated).toMatchObject({ offset: 55, way: 'back' });
    expect((await stateOf(world, from)).equals(folded(from, 55))).toBe(true);
  });

  it('carries the present state over where the input of before is gone', async () => {
    const world = await committedAt(30);
    await migrate(world, { from, to });
    commitAt(world, 55);
    world.earliest = 30;

    const { migrated } = await migrate(world, { from: to, to: from });

    expect(migrated).toMatchObject({ offset: 55, way: 'over' });
    const { memory } = await world.recover({ semantics: from });
    const expected = createShardState(from, { watermark: 'own' });
    foldAll(expected, readings.slice(0, 55));
    expect(memory.state.inspect('a')?.baseline).toEqual(expected.inspect('a')?.baseline);
  });

  it('leads to the settings of before alone, not to others', async () => {
    const world = await committedAt(30);
    await migrate(world, { from, to });
    const third = { ...from, features: ['count', 'sum'] };

    const { migrated } = await migrate(world, { from: to, to: third });

    expect(migrated).toMatchObject({ way: 'over' });
  });
});
