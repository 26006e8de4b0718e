// Brokers of a cluster of three die and roll while two processes are fed: every row comes once, in
// order, and no process leaves the group for it. In `npm test` one broker dies and one is rolled;
// CLUSTER=all strikes each role in turn and prints how long each partition was silent. `npm run
// chaos -- --cluster` draws from all faults of a broker.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { startFeed } from '../chaos/feed.ts';
import { watchRows } from '../chaos/watchers.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs, settle } from '../integration/pipeline.ts';
import type { Program } from '../integration/program.ts';
import { createTestTopics, type TestTopics } from '../integration/topics.ts';
import { transactionalIdsOf } from '../../src/log/kafka/transactional-id.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { Silence } from './silence.ts';
import { nodeIds, startThreeBrokers, type Role, type ThreeBrokers } from './three-brokers.ts';

const partitions = 6;
const all = process.env['CLUSTER'] === 'all';
const available = all || inject('kafkaBrokers') !== '';
const settings = { windowMs: 1_000, watermarkDelayMs: 2_000 };
const env = { WINDOW_MS: '1000', WATERMARK_DELAY_MS: '2000', IDLE_TIMEOUT_MS: '20000' };
// The cluster misses a broker after 9 s; a role that has moved is at work again within some seconds.
const awayMs = 15_000;

describe.skipIf(!available)('a cluster of three brokers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-cluster-'));
  const programs = new Programs();
  let cluster: ThreeBrokers;
  let logs: readonly EventLog[];

  beforeAll(async () => {
    cluster = await startThreeBrokers(folder);
    logs = await Promise.all([1, 2, 3].map(() => openTestLog(cluster.brokers)));
  }, 240_000);
  afterAll(async () => {
    await programs.killAll();
    await Promise.all(logs.map((log) => log.close()));
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  it('loses and doubles nothing while brokers die and roll', { timeout: 900_000 }, async () => {
    const [feedLog, watchLog, log] = logs;
    if (feedLog === undefined || watchLog === undefined || log === undefined) throw new Error();
    const topics = await createTestTopics(log, cluster.brokers, partitions);
    const members = [await programs.start(topics, env), await programs.start(topics, env)];
    await Promise.all(members.map((member) => member.ready()));
    const plan = { topic: topics.input, partitions, perSecond: 200, seed: 1, unkeyed: false };
    const feed = startFeed(feedLog, plan);
    const rows = watchRows(watchLog, topics.output, partitions);
    const silence = new Silence(rows, partitions);
    const joined = joinsOf(members);

    for (const [name, role] of Object.entries(rolesOf(topics))) {
      const node = await cluster.nodeOf(role);
      silence.restart();
      cluster.signal(node, 'SIGKILL');
      await sleep(awayMs);
      await cluster.start([node]);
      await cluster.inSync();
      print(`kill -9 of the broker of ${name}: silent for`, silence);
    }
    for (const node of all ? nodeIds : nodeIds.slice(0, 1)) {
      silence.restart();
      await cluster.shutDown(node);
      await cluster.start([node]);
      await cluster.inSync();
      print(`roll of broker ${node}: silent for`, silence);
    }

    await feed.stop();
    await settle(log, topics, programs, { settings });
    expect(joinsOf(members)).toBe(joined);
    await rows.stop();
    silence.stop();
    expect(rows.problems).toEqual([]);
  });
});

function rolesOf({ input, output, groupId }: TestTopics): Readonly<Record<string, Role>> {
  const place = { topic: input, partition: 0 };
  const group: Role = { coordinatorOf: groupId };
  if (!all) return { group };
  return {
    group,
    input: { leaderOf: place },
    output: { leaderOf: { topic: output, partition: 1 } },
    transactions: { transactionsOf: transactionalIdsOf(groupId, place).current },
  };
}

/** Counts the memberships that the processes have begun. */
function joinsOf(members: readonly Program[]): number {
  const output = members.map((member) => member.output()).join('');
  return output.split('joined the group').length - 1;
}

function print(what: string, silence: Silence): void {
  if (all) process.stdout.write(`${what} ${silence.longest().join(', ')} s\n`);
}
