// Pipelines beside the one of the chaos run, on the same broker and under the same faults of it: for mishaps that stop a
// whole group, or need settings of their own. Each is fed, befallen, and judged by the model.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { openTestLog } from '../integration/peers.ts';
import { semantics } from '../integration/pipeline.ts';
import { eventually } from '../integration/program.ts';
import {
  administer,
  createTestTopics,
  outcomeDifferences,
  readOutcome,
  type Outcome,
  type TestTopics,
} from '../integration/topics.ts';
import type { Bench } from './bench.ts';
import { startFeed, type FeedPlan } from './feed.ts';
import { Fleet } from './fleet.ts';

const partitions = 2;
const grownPartitions = 5;
const fedMs = 12_000;
const perSecond = 30;
const settleMsMax = 300_000;
// A broker that was killed is away for some seconds, and a group empty once its session is over.
const adminMsMax = 180_000;

interface Beside {
  readonly topics: TestTopics;
  readonly fleet: Fleet;
  readonly inputKeying: 'auto' | 'rekey';
  feed(plan: Partial<FeedPlan>): Promise<void>;
  fleetOf(env: Readonly<Record<string, string>>): Fleet;
}

/** More partitions than at the start: readings of the new ones are folded like any. */
export async function growInput(bench: Bench): Promise<void> {
  await beside(bench, 'rekey', async ({ topics, fleet, feed, inputKeying }) => {
    await fleet.startResidents(1);
    await feed({});
    await surely(bench, (admin) =>
      admin.createPartitions({
        topicPartitions: [{ topic: topics.input, count: grownPartitions }],
      }),
    );
    const fed = feed({ partitions: grownPartitions, seed: bench.plan.seed + 1 });
    await fleet.killResident(0);
    await fed;
    await settled(bench, topics, { inputKeying, output: () => fleet.output() });
    await stopped(fleet);
  });
}

/** The start is refused and writes nothing; under the cure of the refusal all is computed once more. */
export async function forgetOffsets(bench: Bench): Promise<void> {
  await beside(bench, 'auto', async ({ topics, fleet, feed, fleetOf, inputKeying }) => {
    await fleet.startResidents(1);
    await feed({ unkeyed: false });
    const output = (): string => fleet.output();
    const before = await settled(bench, topics, { inputKeying, output });
    await stopped(fleet);
    await surely(bench, (admin) => admin.deleteGroups([topics.groupId]));

    const refused = await fleet.startRefused({});
    if (refused.code !== 1 || !/no committed offset.*new GROUP_ID/.test(refused.output)) {
      throw new Error(`the start ended with ${String(refused.code)}: ${refused.output}`);
    }
    const after = await settled(bench, topics, { inputKeying, output });
    if (after.rows.length !== before.rows.length) throw new Error('the refused start wrote rows');

    const again = { ...topics, groupId: `${topics.groupId}-2`, output: `${topics.output}-2` };
    const renamed = { ...again, anomalies: `${again.output}.anomalies` };
    const cured = fleetOf({ GROUP_ID: renamed.groupId, OUTPUT_TOPIC: renamed.output });
    await cured.startResidents(1);
    // Its dead letters come beside those of before, which the group of before has written.
    await settled(bench, renamed, { inputKeying, output: () => cured.output(), letters: false });
    await stopped(cured);
  });
}

/** Makes the topics and a fleet, does `work`, and leaves nothing running. */
async function beside(
  bench: Bench,
  inputKeying: Beside['inputKeying'],
  work: (beside: Beside) => Promise<void>,
): Promise<void> {
  const { services, plan, note } = bench;
  const log = await openTestLog(services.brokers);
  const topics = await eventually(() => createTestTopics(log, services.brokers, partitions), {
    timeoutMs: adminMsMax,
  });
  const fleets: Fleet[] = [];
  const fleetOf = (env: Readonly<Record<string, string>>): Fleet => {
    const fleet = new Fleet({
      folder: join(plan.folder, `${topics.groupId}-${fleets.length}`),
      // Of the same sensors, and not the rows that the store's watcher looks at.
      env: {
        ...topics.env,
        INPUT_KEYING: inputKeying,
        REDIS_URL: services.redisUrl.replace(/\/0$/, '/1'),
        ...env,
      },
      sessionMs: 4_000,
      transactionMs: 20_000,
      canStart: () => bench.broker.up,
      note,
    });
    fleets.push(fleet);
    return fleet;
  };
  const feed = async (part: Partial<FeedPlan>): Promise<void> => {
    const { seed } = plan;
    // A log that is open already goes by the partitions that it knows, for minutes.
    const feedLog = await openTestLog(services.brokers);
    const feeding = startFeed(feedLog, {
      ...{ topic: topics.input, partitions, perSecond, seed },
      ...part,
    });
    await sleep(fedMs);
    await feeding.stop();
    await feedLog.close();
  };
  try {
    await work({ topics, fleet: fleetOf({}), inputKeying, feed, fleetOf });
  } finally {
    for (const fleet of fleets) fleet.killAll();
    await log.close();
  }
}

async function surely({ services }: Bench, work: Parameters<typeof administer>[1]): Promise<void> {
  await eventually(() => administer(services.brokers, work), { timeoutMs: adminMsMax });
}

/** Resolves with what is committed once it is what the model says. */
function settled(
  { log }: Bench,
  topics: TestTopics,
  options: {
    readonly inputKeying: Beside['inputKeying'];
    readonly output: () => string;
    readonly letters?: boolean;
  },
): Promise<Outcome> {
  const { inputKeying, output, letters = true } = options;
  return eventually(
    async () => {
      const outcome = await readOutcome(log, topics, { ...semantics, inputKeying });
      const { expected } = outcome;
      const judged = letters ? outcome : { ...outcome, deadLetters: expected.deadLetters };
      const differences = outcomeDifferences(judged);
      if (differences.length === 0) return outcome;
      await sleep(1_000);
      throw new Error(`${differences.length}: ${differences.slice(0, 10).join('\n')}`);
    },
    { timeoutMs: settleMsMax, onTimeout: output },
  );
}

async function stopped(fleet: Fleet): Promise<void> {
  const exits = await fleet.stop();
  if (exits.some((code) => code !== 0)) throw new Error(`exits ${exits.join(', ')}`);
}
