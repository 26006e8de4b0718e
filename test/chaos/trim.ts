// One partition loses records that nobody has read: its shard fails and says so, wherever it is then assigned, and the
// shards beside it go on; an operator lets it go on without them.
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from '../integration/program.ts';
import { deleteRecords, readRecords } from '../integration/topics.ts';
import { operatorToken, type Bench } from './bench.ts';

// The owner may be killed meanwhile, and the broker with it.
const patienceMs = 90_000;

/** Returns whether records were lost unread. @throws where the shard does not say so, or the cure does not help. */
export async function trimPartition(
  bench: Bench,
  { partition, forMs }: { readonly partition: number; readonly forMs: number },
): Promise<boolean> {
  const { fleet, services, log, topics, trimmed } = bench;
  const place = { topic: topics.input, partition };
  const pausing = fleet.pauseEverybody(forMs);
  await sleep(forMs / 2);
  const records = await readRecords(log, place);
  const below = (records.at(-1)?.offset ?? -1) + 1;
  trimmed.set(partition, [...(trimmed.get(partition) ?? []), ...records]);
  await eventually(() => deleteRecords(services.brokers, topics.input, below, partition), {
    timeoutMs: patienceMs,
  });
  await pausing;
  const failed = await eventually(() => failedShard(bench, partition), { timeoutMs: patienceMs })
    // It was read after all, by a member that was thawed before its time.
    .catch(() => undefined);
  if (failed === undefined) return false;
  await othersGoOn(bench, partition);
  await cured(bench, partition, below);
  return true;
}

/** Returns where the shard has failed. @throws where no process says so, and says that it is not ready for that. */
async function failedShard({ fleet, topics }: Bench, partition: number): Promise<string> {
  for (const url of fleet.urls()) {
    const shards = await shardsOf(url);
    const shard = shards.find(
      (each) => each.topic === topics.input && each.partition === partition,
    );
    if (shard?.phase !== 'failed') continue;
    const ready = await fetch(`${url}/health/ready`);
    const text = await ready.text();
    if (ready.status === 503 && text.includes(`${topics.input}/${partition}`)) return url;
  }
  throw new Error(`no process says that ${topics.input}/${partition} has failed`);
}

/** Expects all other partitions that are fed to be folded further, by whomever. */
async function othersGoOn({ fleet, topics, spare }: Bench, partition: number): Promise<void> {
  const positions = async (): Promise<ReadonlyMap<number, number>> => {
    const all = (await Promise.all(fleet.urls().map((url) => shardsOf(url)))).flat();
    const others = all.filter(
      (each) => each.topic === topics.input && ![partition, spare].includes(each.partition),
    );
    return new Map(others.map((each) => [each.partition, each.position]));
  };
  const waiting = new Map(await positions());
  await eventually(
    async () => {
      // Each by itself: there may be no moment at which all of them have an owner.
      for (const [other, position] of await positions()) {
        if (position > (waiting.get(other) ?? Infinity)) waiting.delete(other);
      }
      if (waiting.size > 0) {
        throw new Error(`stuck beside the failed shard: ${[...waiting].join(' ')}`);
      }
    },
    { timeoutMs: patienceMs, onTimeout: () => fleet.output() },
  );
}

/**
 * Tells whoever has the failed shard to go on, until the group has committed a position past what was deleted: a member
 * may die, and the shard move, before it has committed that it goes on.
 */
async function cured(bench: Bench, partition: number, below: number): Promise<void> {
  const { fleet, log, topics } = bench;
  const place = { topic: topics.input, partition };
  await eventually(
    async () => {
      const url = await failedShard(bench, partition).catch(() => undefined);
      if (url !== undefined) {
        const path = `/shards/${topics.input}/${partition}/retry?accept_gap=true`;
        const headers = { authorization: `Bearer ${operatorToken}` };
        const answer = await fetch(`${url}${path}`, { method: 'POST', headers });
        throw new Error(`${answer.status} ${await answer.text()}`);
      }
      const [observed] = await log.observedPositions(topics.groupId, [place]);
      const position = observed?.committed?.nextOffset ?? 0;
      if (position < below) throw new Error(`${position} is committed, below ${below} is deleted`);
    },
    { timeoutMs: 2 * patienceMs, onTimeout: () => fleet.output() },
  );
}

interface Shard {
  readonly topic: string;
  readonly partition: number;
  readonly phase: string;
  readonly position: number;
}

/** Returns none of a process that does not answer: it was killed, or is about to be. */
async function shardsOf(url: string): Promise<readonly Shard[]> {
  try {
    const answer = await fetch(`${url}/supervisor`, { signal: AbortSignal.timeout(5_000) });
    const tree = (await answer.json()) as { workers: readonly { shards: readonly Shard[] }[] };
    return tree.workers.flatMap(({ shards }) => shards);
  } catch {
    return [];
  }
}
