// Measures the cost of a rebalance: how many partitions move when members come and go, with our
// sticky assignor and with kafkajs's round robin; and how long the built program pauses on live
// input when a process joins or leaves.
//   node bench/rebalance.mjs [--partitions 16] [--sensors 20000] [--rate 5000] [--workers N] [--keep]
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { assignSticky } from '../dist/log/sticky-assignment.js';
import { openBenchLog } from './bench-log.mjs';
import { feedLive } from './feed-live.mjs';
import { defaultWorkers, startLive } from './measured-program.mjs';
import { report, spread } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const { values: flags } = parseArgs({
  options: {
    partitions: { type: 'string', default: '16' },
    sensors: { type: 'string', default: '20000' },
    rate: { type: 'string', default: '5000' },
    workers: { type: 'string', default: defaultWorkers },
    keep: { type: 'boolean', default: false },
  },
});
const [partitions, sensors, rate] = ['partitions', 'sensors', 'rate'].map((name) =>
  Number(flags[name]),
);
const settleMs = 20_000;
const watchMs = 25_000;
const pollMs = 50;

const services = startServices();
const log = await openBenchLog(services.brokers);
// After our log, which must be the first to load it.
const { AssignerProtocol, PartitionAssigners } = createRequire(import.meta.url)('kafkajs');
try {
  report('rebalance', {
    workload: { partitions, sensors, rate, workers: Number(flags.workers) },
    movedPartitions: await movedByAssignors(),
    live: await live(),
  });
} finally {
  await log.close();
  if (!flags.keep) stopServices();
}

/**
 * Returns the partitions that change hands among those who stay, for one member more and for one
 * less.
 */
async function movedByAssignors() {
  const topics = ['raw_readings', 'raw_readings.rekeyed'];
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  const assignors = { sticky: stickily(topics, numbers), roundRobin: roundRobin(topics, numbers) };
  const result = {};
  for (const [before, after] of [
    [2, 4],
    [4, 2],
    [4, 6],
    [6, 4],
  ]) {
    const counts = { sticky: [], roundRobin: [] };
    for (let trial = 0; trial < 200; trial += 1) {
      // A broker makes member ids of random UUIDs: their order says nothing.
      const ids = Array.from({ length: Math.max(before, after) }, () => crypto.randomUUID());
      for (const [name, assign] of Object.entries(assignors)) {
        const held = await assign(ids.slice(0, before), new Map());
        const then = await assign(ids.slice(0, after), held);
        // Those of members that left move in any case.
        const stayed = new Set(ids.slice(0, Math.min(before, after)));
        const moves = [...held].filter(
          ([place, id]) => stayed.has(id) && then.get(place) !== id,
        ).length;
        counts[name].push(moves);
      }
    }
    result[`${before} to ${after} members`] = {
      ofPartitions: 2 * partitions,
      sticky: spread(counts.sticky, 0),
      roundRobin: spread(counts.roundRobin, 0),
    };
  }
  return result;
}

function stickily(topics, numbers) {
  const all = new Map(topics.map((topic) => [topic, numbers]));
  return async (ids, held) => {
    const members = ids.map((member) => {
      const owned = [...held]
        .filter(([, id]) => id === member)
        .map(([place]) => ({ topic: place.split('/')[0], partition: Number(place.split('/')[1]) }));
      return { id: member, topics, held: owned };
    });
    return placesOf(
      [...assignSticky(members, all)].map(([id, byTopic]) => [id, Object.fromEntries(byTopic)]),
    );
  };
}

function roundRobin(topics, numbers) {
  const cluster = {
    findTopicPartitionMetadata: () => numbers.map((partitionId) => ({ partitionId })),
  };
  const assignor = PartitionAssigners.roundRobin({ cluster });
  return async (ids) => {
    const members = ids.map((memberId) => ({ memberId, memberMetadata: Buffer.alloc(0) }));
    const answer = await assignor.assign({ members, topics });
    return placesOf(
      answer.map(({ memberId, memberAssignment }) => [
        memberId,
        AssignerProtocol.MemberAssignment.decode(memberAssignment).assignment,
      ]),
    );
  };
}

/** `topic/partition` → member id. */
function placesOf(assignment) {
  return new Map(
    assignment.flatMap(([id, byTopic]) =>
      Object.entries(byTopic).flatMap(([topic, some]) =>
        some.map((partition) => [`${topic}/${partition}`, id]),
      ),
    ),
  );
}

/** One process folds; a second joins; it leaves by a drain; it joins again and is killed. */
async function live() {
  const input = `rebalance_${Date.now()}`;
  await log.ensureTopics([{ topic: input, partitions }]);
  const start = () =>
    startLive(services, input, {
      WORKERS: flags.workers,
      SNAPSHOT_INTERVAL_MS: '5000',
      LOG_LEVEL: 'info',
    });
  const feeding = new AbortController();
  const fed = feedLive(log, { topic: input, rate, sensors }, feeding.signal);
  const first = start();
  await ready(first);
  await sleep(settleMs);
  const result = {};
  let second;
  result.steady = await watched([first], async () => undefined);
  result.join = await watched([first], async () => {
    second = start();
    return second;
  });
  result.drain = await watched([first], () => second.stop());
  result.joinAgain = await watched([first], async () => {
    second = start();
    return second;
  });
  result.kill = await watched([first], () => second.kill());
  feeding.abort();
  await fed;
  await first.stop();
  return result;
}

/**
 * Does `act`, then watches: the longest time without any reading folded by anybody, the greatest
 * lag of any partition in readings, and how many times a shard was opened anew.
 */
async function watched(programs, act) {
  const beganMs = performance.now();
  const opened = programs.map(joins);
  const acting = Promise.resolve(act());
  const all = [...programs];
  void acting.then((program) => program && all.push(program)).catch(() => undefined);
  let folded = await foldedBy(all);
  let progressMs = performance.now();
  let longestMs = 0;
  while (performance.now() - beganMs < watchMs) {
    await sleep(pollMs);
    const now = await foldedBy(all);
    if (now !== folded) {
      longestMs = Math.max(longestMs, performance.now() - progressMs);
      progressMs = performance.now();
      folded = now;
    }
  }
  await acting;
  const changes = programs.map((program, index) => joins(program).slice(opened[index].length));
  return {
    longestStandstillMs: Math.round(Math.max(longestMs, performance.now() - progressMs)),
    addedToThoseWhoStayed: changes.flat().reduce((sum, { added }) => sum + added, 0),
    takenFromThoseWhoStayed: changes.flat().reduce((sum, { removed }) => sum + removed, 0),
    rebalances: changes[0].length / Number(flags.workers),
  };
}

function joins(program) {
  return program
    .output()
    .split('\n')
    .filter((line) => line.includes('"joined the group"') && line.includes('"worker"'))
    .map((line) => JSON.parse(line));
}

async function foldedBy(programs) {
  const counts = await Promise.all(
    programs.map(async (program) => {
      const url = urlOf(program);
      if (url === undefined) return 0;
      try {
        const text = await (await fetch(`${url}/metrics`)).text();
        return Number(/^sensorium_readings_total (\d+)/m.exec(text)?.[1] ?? 0);
      } catch {
        return 0;
      }
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function urlOf(program) {
  return /http:\/\/[\d.:]+/.exec(program.output())?.[0];
}

async function ready(program) {
  for (;;) {
    const url = urlOf(program);
    const answer =
      url === undefined ? undefined : await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(100);
  }
}
