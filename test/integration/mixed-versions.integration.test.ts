// Two versions in one group, as during an upgrade or its rollback: the one of a release before and
// this one hand the shards to each other under a live feed, and what they have committed together
// is what the model says.
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { buildRevision } from '../../bench/revision.mjs';
import type { LoggedRecord } from '../../property-tests/models/pipeline-oracle.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { partitionsOf } from '../../src/records/partitioning.ts';
import { startFeed, type Feed } from '../chaos/feed.ts';
import { openTestLog } from './peers.ts';
import { Programs, settle } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { createTestTopics, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const partitions = 4;
/** The newest version whose group this one joins. */
const before = earlierTree('7a19d02');
const patienceMs = 60_000;
/** The feed's late readings are five minutes behind. */
const lateByMs = 200_000;

describe.skipIf(brokers === '' || before === undefined)('two versions in one group', () => {
  let log: EventLog;
  let feed: Feed | undefined;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(async () => {
    await feed?.stop();
    await programs.killAll();
  });

  it.each(['rekey', 'auto'] as const)(
    'hand the shards back and forth under INPUT_KEYING=%s, and nothing is lost, doubled or late',
    async (inputKeying) => {
      const topics = await createTestTopics(log, brokers, partitions);
      const start = async (version: 'older' | 'newer'): Promise<Program> => {
        // The older one knows no other rule.
        const env = { INPUT_KEYING: inputKeying, FAST_CLOCKS: 'lead', SESSION_TIMEOUT_MS: '6000' };
        const tree = version === 'older' ? { tree: before ?? '' } : {};
        const program = await programs.start(topics, { ...env, WORKERS: '1' }, tree);
        await program.ready(patienceMs);
        await allMove(topics);
        return program;
      };
      const drained = async (program: Program): Promise<void> => {
        expect(await program.stop()).toBe(0);
        await allMove(topics);
      };
      const killed = async (program: Program): Promise<void> => {
        await program.kill();
        await allMove(topics);
      };
      feed = startFeed(log, { topic: topics.input, partitions, perSecond: 100, seed: 1 });

      let older = await start('older');
      let newer = await start('newer');
      await drained(older);
      older = await start('older');
      await killed(newer);
      newer = await start('newer');
      await killed(older);
      older = await start('older');
      await drained(newer);
      newer = await start('newer');
      await drained(older);
      await feed.stop();

      const outcome = await settle(log, topics, programs, {
        settings: { inputKeying, fastClocks: 'lead' },
        timeoutMs: 2 * patienceMs,
      });
      expect(outcome.rows.length).toBeGreaterThan(0);
      expect(outcome.forwards.length).toBeGreaterThan(0);
      expect(await lateThoughInTime(topics)).toEqual([]);
    },
    600_000,
  );

  /** Returns the readings that became late by the hand-over: the feed sent them in time. */
  async function lateThoughInTime({ deadLetters }: TestTopics): Promise<readonly LoggedRecord[]> {
    const letters = [...(await readTopic(log, deadLetters)).values()].flat();
    return letters.filter(({ headers, timestampMs, value }) => {
      if (headers.get('dlq.reason') !== 'late') return false;
      const { timestamp } = JSON.parse(value ?? '') as { timestamp: number };
      return timestampMs - timestamp < lateByMs;
    });
  }

  /** Resolves once each source has committed past where it is now: somebody folds it. */
  async function allMove({ groupId, input }: TestTopics): Promise<void> {
    const places = partitionsOf(input, partitions);
    const positions = async (): Promise<readonly number[]> =>
      (await log.observedPositions(groupId, places)).map(
        ({ committed }) => committed?.nextOffset ?? 0,
      );
    const then = await positions();
    await eventually(
      async () => {
        const now = await positions();
        const stuck = places.filter((_, index) => (now[index] ?? 0) <= (then[index] ?? 0));
        expect(stuck).toEqual([]);
      },
      { timeoutMs: patienceMs, onTimeout: () => programs.output() },
    );
  }
});

/** Returns the revision's built tree; undefined where this is no clone that knows it. */
function earlierTree(revision: string): string | undefined {
  if (brokers === '') return undefined;
  const known = spawnSync('git', ['cat-file', '-e', `${revision}^{commit}`]).status === 0;
  return known ? buildRevision(revision).tree : undefined;
}
