// A group on a real Kafka that is migrated in the middle of its input, by a command that is killed
// inside its requests: every row of before and after is there once, and equals the model's.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { rowDifferences } from '../../property-tests/models/pipeline-oracle.ts';
import { decodePositionMetadata } from '../../src/actors/position-metadata.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { partitionKey } from '../../src/records/partition-key.ts';
import { partitionsOf } from '../../src/records/partitioning.ts';
import { openTestLog } from './peers.ts';
import { partitions, planOf, Programs, semantics, semanticsEnv, settle } from './pipeline.ts';
import { eventually, runProgram } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, readOutcome, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const crashPoints = join(import.meta.dirname, '../chaos/crash-points.cjs');
const features = 'count,avg_value,min_value,max_value,std_dev,anomaly_count,anomaly_rate';
const next = { FEATURES: `${features},sum,median`, WINDOWS: '20s' };
const windows = [{ name: '20s', sizeMs: 20_000, hopMs: 20_000 }];

describe.skipIf(brokers === '')('a group that is migrated on a real Kafka', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('keeps its rows through kills, computes new columns and lengths, and goes back', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const env = { ...semanticsEnv, ...topics.env };
    const readings = makeReadings({ ...planOf(topics, 6_000), unkeyed: 0.1 });
    await log.append(readings.slice(0, 3_000));
    const before = await programs.start(topics, { IDLE_TIMEOUT_MS: '600000' });
    await foldedAll(log, topics);

    const refused = await runProgram(['migrate'], { ...env, ...next });
    expect(refused.output).toContain('running members');
    expect(await before.stop()).toBe(0);
    const cuts = await cutsOf(log, topics);
    await migrateWithKills(env);

    const after = await programs.start(topics, next);
    await log.append(readings.slice(3_000));
    const { rows } = await settle(log, topics, programs);
    expect(await after.stop()).toBe(0);
    const withNew = rows.filter((row) => 'median' in row.features && 'sum' in row.features);
    const known = rows.filter(({ lineage }) => lineage.first_offset >= cutOf(cuts, lineage).offset);
    expect(withNew).toEqual(known);
    expect(withNew.length).toBeGreaterThan(100);
    const model = await readOutcome(log, topics, { ...semantics, windows });
    const begun = model.expected.larger.filter(
      (row) => row.window_start + semantics.windowMs > cutOf(cuts, row).watermarkMs,
    );
    expect(begun.length).toBeGreaterThan(100);
    expect(rowDifferences(begun, model.larger[0] ?? [], 1e-9)).toEqual([]);

    const back = await runProgram(['migrate'], env);
    expect(back.output).toContain('as if never migrated');
    const again = await programs.start(topics, { WORKERS: '1' });
    await again.ready();
    await settle(log, topics, programs);
    expect(await again.stop()).toBe(0);
  });

  /** Kills the command before and after the end of a shard's commit, and runs it to its end. */
  async function migrateWithKills(env: Readonly<Record<string, string>>): Promise<void> {
    for (const point of ['endTxn.before:2', 'endTxn.after']) {
      const killed = await runProgram(['migrate'], {
        ...{ ...env, ...next, NODE_OPTIONS: `--require ${crashPoints}` },
        SENSORIUM_CRASH_AT: point,
      });
      expect(killed.exitCode, killed.output).toBe('SIGKILL');
    }
    for (const settings of [{}, next]) {
      const { exitCode, output } = await runProgram([], { ...env, ...settings });
      expect([exitCode, output]).toEqual([1, expect.stringMatching(/differ.*`migrate`/s)]);
    }
    const migrated = await runProgram(['migrate'], { ...env, ...next });
    expect(migrated.exitCode, migrated.output).toBe(0);
    expect(migrated.output).toMatch(/FEATURES +afresh +sum, median: .*WINDOWS +afresh +20s/s);
  }
});

interface Cut {
  readonly offset: number;
  readonly watermarkMs: number;
}

/** Where each shard stands. */
async function cutsOf(log: EventLog, topics: TestTopics): Promise<ReadonlyMap<string, Cut>> {
  const shards = [topics.input, topics.rekeyed].flatMap((topic) => partitionsOf(topic, partitions));
  const positions = await log.observedPositions(topics.groupId, shards);
  return new Map(
    shards.map((shard, index) => {
      const { nextOffset = 0, metadata = '' } = positions[index]?.committed ?? {};
      const { watermarkMs } = decodePositionMetadata(metadata, shard.topic);
      return [partitionKey(shard), { offset: nextOffset, watermarkMs: watermarkMs ?? -Infinity }];
    }),
  );
}

function cutOf(
  cuts: ReadonlyMap<string, Cut>,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): Cut {
  return cuts.get(partitionKey({ topic, partition })) ?? { offset: NaN, watermarkMs: NaN };
}

/** Resolves once the group has committed all of the input. */
async function foldedAll(log: EventLog, topics: TestTopics): Promise<void> {
  await eventually(
    async () => {
      const places = partitionsOf(topics.input, partitions);
      const positions = await log.observedPositions(topics.groupId, places);
      const extents = await log.offsetsAll(places);
      const at = positions.map(({ committed }) => committed?.nextOffset);
      expect(at).toEqual(extents.map(({ end }) => end));
    },
    { timeoutMs: 30_000 },
  );
}
