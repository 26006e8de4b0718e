// A wall clock set back by an hour delays neither the windows of a quiet partition nor snapshots.
// Both go by the time that passes. The clock stands wrong from second 24 to second 44 of a minute.
import { expect, it } from 'vitest';

import { fixedHistories, quietHistory } from './fixed-histories.ts';
import { runHistory, type HistoryPlan, type HistoryWorld } from './history.ts';
import { simulatedTopics } from './simulated-process.ts';

const plan: HistoryPlan = {
  ...quietHistory,
  events: [{ at: 0.4, process: 0, kind: 'clockBack' }],
};

/** Returns what `look` saw while the clock was wrong: at its beginning and just before its end. */
async function seenWhileWrong<T>(
  history: HistoryPlan,
  look: (world: HistoryWorld) => T,
): Promise<readonly T[]> {
  const seen: T[] = [];
  await runHistory(history, (world) => {
    const startMs = world.scheduler.nowMs;
    for (const atMs of [24_100, 43_900]) {
      world.scheduler.after(startMs + atMs - world.scheduler.nowMs, () => seen.push(look(world)));
    }
  });
  return seen;
}

const rowsOf = ({ broker }: HistoryWorld): number =>
  broker.partitions.get(`${simulatedTopics.output}/0`)?.length ?? 0;

it('the windows of a partition that fell silent close while the clock is an hour back', async () => {
  // Silent from second 20 to second 44: three windows of 10 s begin before that.
  const [before = 0, after = 0] = await seenWhileWrong({ ...plan, silence: 0.4 }, rowsOf);

  expect(after).toBeGreaterThan(before);
});

it('snapshots are taken while the clock is an hour back', async () => {
  const [before = 0, after = 0] = await seenWhileWrong(plan, ({ disk }) => disk.acknowledged.size);

  // One every seven seconds.
  expect(after - before).toBeGreaterThanOrEqual(2);
});

it('a member that goes by the wall clock loses what it held, and one that does not keeps it', async () => {
  const wall = fixedHistories.find(({ plan: { clientTime } }) => clientTime === 'wall')?.plan;
  const owners = async (clientTime: HistoryPlan['clientTime']): Promise<number> => {
    let openings = 0;
    await runHistory({ ...(wall ?? plan), clientTime }, ({ broker, scheduler }) => {
      scheduler.after(60_000, () => (openings = broker.openings));
    });
    return openings;
  };

  expect(await owners('wall')).toBeGreaterThan(await owners('monotonic'));
});
