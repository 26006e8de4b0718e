// One chaos run: a broker, a Redis and several processes of the program of its own, a steady feed, faults by a seeded
// schedule until the time is up, and then the comparison of all that was written with a sequential model.
//
//   feed ──▶ Kafka ──▶ members (killed, frozen, drained, crashed at points) ──▶ Kafka ──▶ Redis
//              └──────────────── watchers, all the time; the model, at the end ─────────────┘
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { assert } from '../../src/errors.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { startClusterServices } from '../cluster/cluster-services.ts';
import type { ThreeBrokers } from '../cluster/three-brokers.ts';
import { startOwnServices, type OwnServices } from '../integration/own-services.ts';
import { openTestFeatureStore, openTestLog } from '../integration/peers.ts';
import { runProgram } from '../integration/program.ts';
import { createTestTopics } from '../integration/topics.ts';
import { operatorToken, type Bench, type ChaosPlan } from './bench.ts';
import { feedSensors, startFeed } from './feed.ts';
import { Fleet, type FleetCounts } from './fleet.ts';
import { befall } from './mishaps.ts';
import { strikeNodes } from './nodes.ts';
import {
  describeFault,
  isCarriedOut,
  rounds,
  type Blow,
  type Fault,
  type Round,
  type Timeouts,
} from './schedule.ts';
import { judge } from './verdict.ts';
import { watchRows, watchStore } from './watchers.ts';

export interface ChaosReport {
  /** Empty: all is as the model says. */
  readonly problems: readonly string[];
  /** Faults of the first round that never came about, however often tried. */
  readonly unreached: readonly string[];
  readonly counts: FleetCounts & {
    readonly faults: number;
    readonly readings: number;
    readonly rows: number;
    readonly deadLetters: number;
    readonly forwards: number;
    readonly abortedCommits: number;
    readonly observations: number;
  };
}

const timeouts: Timeouts = { sessionMs: 4_000, transactionMs: 20_000 };
const residents = 2;
// Fed ones: more than there are members at any time, so that each has some of the input and of the output.
const partitions = 6;
const longFromMinutes = 10;
const breathMs = 1_000;

/** Runs the schedule of the seed for at least `minutes`, and until each fault was done once. */
export async function runChaos(plan: ChaosPlan): Promise<ChaosReport> {
  mkdirSync(plan.folder, { recursive: true });
  const startedMs = Date.now();
  const note = (line: string): void => {
    const stamped = `${((Date.now() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`;
    appendFileSync(join(plan.folder, 'chaos.log'), `${stamped}\n`);
    plan.print(stamped);
  };
  note(`seed ${plan.seed}, ${plan.minutes} min, ${plan.perSecond} readings/s, in ${plan.folder}`);
  const folder = join(plan.folder, 'services');
  const { services, cluster }: { services: OwnServices; cluster?: ThreeBrokers } = plan.cluster
    ? await startClusterServices(folder)
    : { services: await startOwnServices(folder) };
  const logs = await Promise.all([1, 2, 3].map(() => openTestLog(services.brokers)));
  try {
    return await onServices(plan, { services, cluster }, logs, note);
  } finally {
    await Promise.all(logs.map((log) => log.close()));
    await services.stop();
  }
}

async function onServices(
  plan: ChaosPlan,
  { services, cluster }: Pick<Bench, 'services' | 'cluster'>,
  [feedLog, watchLog, log]: readonly EventLog[],
  note: (line: string) => void,
): Promise<ChaosReport> {
  if (feedLog === undefined || watchLog === undefined || log === undefined) throw new Error('logs');
  const topics = await createTestTopics(log, services.brokers, partitions + 1);
  const broker = { up: Promise.resolve() };
  const fleet = new Fleet({
    folder: plan.folder,
    env: { ...topics.env, REDIS_URL: services.redisUrl, HTTP_TOKEN: operatorToken },
    ...timeouts,
    canStart: () => broker.up,
    note,
  });
  const featureStore = await openTestFeatureStore(services.redisUrl);
  const feed = startFeed(feedLog, { ...plan, topic: topics.input, partitions });
  const bench: Bench = {
    plan,
    services,
    cluster,
    log,
    topics,
    fleet,
    rows: watchRows(watchLog, topics.output, partitions + 1),
    store: watchStore(featureStore, feedSensors),
    spare: partitions,
    broker,
    trimmed: new Map(),
    problems: [],
    unreached: [],
    note,
    faults: 0,
  };
  try {
    await fleet.startResidents(residents);
    note('all members are ready; the faults begin');
    await strike(bench);
    await feed.stop();
    note(`the feed ended with ${feed.appended()} readings; the last windows close`);
    await fleet.ready().catch((error: unknown) => bench.problems.push(String(error)));
    const judgement = await judge({ ...bench, featureStore, output: () => fleet.output() });
    const exits = await fleet.stop();
    if (exits.some((code) => code !== 0)) bench.problems.push(`exits ${exits.join(', ')}`);
    await Promise.all([bench.rows.stop(), bench.store.stop()]);
    const counts = {
      ...fleet.counts,
      faults: bench.faults,
      readings: feed.appended(),
      ...judgement.counts,
      abortedCommits: services.abortedCommits(),
      observations: bench.store.observations(),
    };
    const problems = [...bench.problems, ...judgement.problems];
    return { problems, unreached: bench.unreached, counts };
  } finally {
    fleet.killAll();
    await Promise.all([feed.stop(), bench.rows.stop(), bench.store.stop()]).catch(() => undefined);
    await featureStore.close();
  }
}

/** Lanes of faults side by side, each its rounds until the time is up; the first round whole. */
async function strike(bench: Bench): Promise<void> {
  const { plan, fleet } = bench;
  const until = Date.now() + plan.minutes * 60_000;
  const long = plan.minutes >= longFromMinutes;
  const lane = async <F extends Fault>(
    pick: (round: Round) => readonly F[],
    act: (fault: F) => Promise<boolean>,
  ): Promise<void> => {
    const { seed, cluster } = plan;
    const source = rounds(seed, { residents, partitions, timeouts, long, cluster });
    for (let round = 0; round === 0 || Date.now() < until; round += 1) {
      for (const fault of pick(source.next().value)) {
        if (!isCarriedOut(fault, plan.only)) continue;
        if (round > 0 && Date.now() >= until) return;
        const done = await strikeOnce(bench, fault, () => act(fault));
        if (!done && round === 0) bench.unreached.push(describeFault(fault));
      }
    }
  };
  // A member that died at a point holds the group up until its session ends: two may do so together.
  const crashesOf = (half: 0 | 1): Promise<void> =>
    lane(
      ({ crashes }) => crashes.filter((_, index) => index % 2 === half),
      (fault) => fleet.crash(fault),
    );
  await Promise.all([
    crashesOf(0),
    crashesOf(1),
    lane(
      ({ freezes }) => freezes,
      (fault) => fleet.freeze(fault),
    ),
    lane(
      ({ blows }) => blows,
      async (blow) => {
        await deal(bench, blow);
        await sleep(breathMs);
        return true;
      },
    ),
    lane(
      ({ mishaps }) => mishaps,
      (mishap) => befall(bench, mishap),
    ),
  ]);
}

const attemptsMax = 3;

/** Returns whether the fault came about. */
async function strikeOnce(
  bench: Bench,
  fault: Fault,
  act: () => Promise<boolean>,
): Promise<boolean> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    bench.note(describeFault(fault));
    if (await act()) {
      bench.faults += 1;
      return true;
    }
    bench.note(`not reached: ${describeFault(fault)}`);
  }
  return false;
}

async function deal(bench: Bench, blow: Blow): Promise<void> {
  const { fleet, services, store } = bench;
  switch (blow.kind) {
    case 'killMember':
      return fleet.killResident(blow.member);
    case 'drainMember':
      return fleet.drainResident(blow.member);
    case 'pauseMember':
      return fleet.pauseResidents([blow.member], blow.forMs);
    case 'pauseAll':
      return fleet.pauseResidents(
        Array.from({ length: residents }, (_, member) => member),
        blow.forMs,
      );
    case 'killBroker':
      services.signal('kafka', 'SIGKILL');
      bench.broker.up = sleep(blow.forMs).then(() => services.start('kafka'));
      return bench.broker.up;
    case 'freezeBroker':
      services.signal('kafka', 'SIGSTOP');
      bench.broker.up = sleep(blow.forMs).then(() => services.signal('kafka', 'SIGCONT'));
      return bench.broker.up;
    case 'killRedis':
      // It keeps nothing on disk: what it held is gone, and the projection writes the last minute again.
      store.forget();
      services.signal('redis', 'SIGKILL');
      await sleep(blow.forMs);
      await services.start('redis');
      return store.forget();
    case 'emptyRedis':
      return emptyAndRebuild(bench);
    default:
      assert(bench.cluster !== undefined, 'A run without a cluster has no nodes to strike');
      return strikeNodes(bench, bench.cluster, blow);
  }
}

async function emptyAndRebuild(bench: Bench): Promise<void> {
  const { services, store, topics, rows } = bench;
  store.forget();
  await services.emptyRedis();
  store.forget();
  const before = new Map(rows.newest);
  const env = { ...topics.env, REDIS_URL: services.redisUrl };
  const { exitCode, output } = await runProgram(['project', '--rebuild'], env);
  if (exitCode !== 0)
    bench.problems.push(`project --rebuild exited ${String(exitCode)}: ${output}`);
  const reader = await openTestFeatureStore(services.redisUrl);
  try {
    const ids = [...before.keys()];
    const found = await reader.read(ids);
    const older = ids.filter((id, at) => (found[at]?.eventTimeMs ?? 0) < (before.get(id) ?? 0));
    if (older.length > 0) bench.problems.push(`after the rebuild ${older.join(', ')} are older`);
  } finally {
    await reader.close();
  }
}
