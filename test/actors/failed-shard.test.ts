// A shard that cannot go on beside one that can, over the simulated world: what an operator sees of
// it, and its cure.
import { describe, expect, it } from 'vitest';

import { expectedRestarts } from '../../property-tests/simulation/expected-restarts.ts';
import { quietHistory } from '../../property-tests/simulation/fixed-histories.ts';
import { historySemantics } from '../../property-tests/simulation/history.ts';
import { recoverySettings } from '../../property-tests/simulation/recovery-world.ts';
import { createScheduler, type Scheduler } from '../../property-tests/simulation/scheduler.ts';
import { Calls } from '../../property-tests/simulation/simulated-calls.ts';
import { SimulatedFeatureStore } from '../../property-tests/simulation/simulated-feature-store.ts';
import { SimulatedBroker } from '../../property-tests/simulation/simulated-log.ts';
import {
  simulatedFeatureTopics,
  simulatedTopics,
  startProcess,
} from '../../property-tests/simulation/simulated-process.ts';
import { SimulatedDisk } from '../../property-tests/simulation/simulated-snapshots.ts';
import type { ShardRetryOutcome } from '../../src/actors/protocol.ts';
import type { Supervisor } from '../../src/supervisor/supervisor.ts';
import type { ShardView } from '../../src/supervisor/supervisor-view.ts';

const semantics = historySemantics(quietHistory);
const startMs = 1_700_000_000_000;
const denied = { topic: simulatedTopics.input, partition: 0 };

interface Bench {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly supervisor: Supervisor;
  readonly threadEnds: readonly string[];
  setDenied(to: boolean): void;
  /** Appends a reading of sensor `a` to partition 0 and one of `b` to partition 1. */
  appendBoth(): void;
  pass(ms: number): Promise<void>;
  /** Returns the result of `work`, in the scheduler's time. */
  inTime<T>(work: Promise<T>): Promise<T>;
  shard(partition: number): ShardView | undefined;
}

async function bench(): Promise<Bench> {
  const scheduler = createScheduler(1, startMs);
  const calls = new Calls(scheduler);
  const broker = new SimulatedBroker(scheduler, { calls });
  const featureTopics = simulatedFeatureTopics(semantics);
  const { input, rekeyed, anomalies, deadLetters, journal } = simulatedTopics;
  for (const topic of [input, ...featureTopics.map((each) => each.topic), anomalies]) {
    broker.create(topic, 2);
  }
  for (const topic of [rekeyed, deadLetters, journal]) broker.create(topic, 1);
  const disk = new SimulatedDisk(scheduler);
  const store = new SimulatedFeatureStore(scheduler, calls);
  const threadEnds: string[] = [];
  const { supervisor } = startProcess({
    world: { scheduler, broker, disk, store, featureTopics, traps: false },
    semantics,
    settings: recoverySettings,
    workers: 1,
    restarts: expectedRestarts(scheduler, []),
    onEnded: () => threadEnds.push('process'),
    onThread: () => undefined,
    onTaskEnded: () => threadEnds.push('task'),
  });
  let isDenied = false;
  broker.denies = ({ topic, partition }) =>
    isDenied && topic === denied.topic && partition === denied.partition;
  let readings = 0;
  const pass = async (ms: number): Promise<void> => {
    await scheduler.runUntil(scheduler.nowMs + ms);
  };
  await pass(10_000);
  return {
    scheduler,
    broker,
    supervisor,
    threadEnds,
    setDenied: (to) => (isDenied = to),
    appendBoth() {
      readings += 1;
      const timestamp = startMs + readings * 10_000;
      broker.append(
        ['a', 'b'].map((sensorId, partition) => ({
          topic: input,
          partition,
          key: Buffer.from(sensorId),
          value: Buffer.from(JSON.stringify({ sensor_id: sensorId, timestamp, value: 1 })),
        })),
      );
    },
    pass,
    async inTime(work) {
      let done = false;
      const settled = work.finally(() => (done = true));
      settled.catch(() => undefined);
      await scheduler.runUntil(scheduler.nowMs + 60_000, () => done);
      return settled;
    },
    shard: (partition) =>
      supervisor
        .tree()
        .workers.flatMap(({ shards }) => shards)
        .find((each) => each.topic === input && each.partition === partition),
  };
}

/** A bench whose partition 0 has failed with two readings committed and two more to fold. */
async function failedBench(): Promise<Bench> {
  const made = await bench();
  made.appendBoth();
  made.appendBoth();
  await made.pass(2_000);
  made.setDenied(true);
  made.appendBoth();
  made.appendBoth();
  await made.pass(6_000);
  return made;
}

const retryOf = (made: Bench, acceptGap = false): Promise<ShardRetryOutcome | undefined> =>
  made.inTime(made.supervisor.retryShard({ ...denied, acceptGap }));

describe('a shard whose input is deleted and made again while it runs', () => {
  it.each([
    ['input', simulatedTopics.input],
    ['journal', simulatedTopics.journal],
  ])('has failed within seconds, with the cure: the %s', async (_, name) => {
    const made = await bench();
    made.appendBoth();
    await made.pass(2_000);
    expect(made.shard(0)).toMatchObject({ phase: 'running', committedOffset: 1 });

    made.broker.topicIds.set(name, 'another');
    await made.pass(6_000);

    expect(made.shard(0)).toMatchObject({
      phase: 'failed',
      error: {
        code: 'CONFIG',
        message: expect.stringMatching(
          /deleted and made again.*Start with a new GROUP_ID/,
        ) as string,
      },
    });
    expect(made.supervisor.ready().ready).toBe(false);
    expect(made.threadEnds).toEqual([]);
  });
});

describe('a shard that may not write', () => {
  it('is failed, with why and since when, and ends no thread', async () => {
    const made = await failedBench();

    expect(made.shard(0)).toMatchObject({ phase: 'failed', error: { code: 'CONFIG' } });
    expect(made.shard(0)?.failedSinceMs).toBeGreaterThan(startMs);
    const { ready, reasons } = made.supervisor.ready();
    expect(ready).toBe(false);
    expect(reasons).toEqual([
      expect.stringMatching(/^shard raw_readings\/0 failed since 20\S+Z: .*may not write$/),
    ]);
    expect([made.supervisor.live(), made.threadEnds]).toEqual([true, []]);
    expect(made.shard(1)).toMatchObject({ phase: 'running', lag: 0, committedOffset: 4 });
  });

  it('shows a lag that grows, and what it had counted', async () => {
    const made = await failedBench();

    expect(made.shard(0)).toMatchObject({ position: 2, lag: 2, readings: 2, sensors: 1 });
    made.appendBoth();
    await made.pass(6_000);
    expect(made.shard(0)).toMatchObject({ position: 2, lag: 3, readings: 2, sensors: 1 });
    const metrics = await made.inTime(made.supervisor.metrics());
    const labels = '{topic="raw_readings",partition="0"}';
    expect(metrics).toContain(`sensorium_lag_records${labels} 3`);
    expect(metrics).toContain(`sensorium_shard_failed${labels} 1`);
    expect(metrics).toContain('sensorium_shard_failed{topic="raw_readings",partition="1"} 0');
    expect(metrics).toContain('sensorium_shard_failures_total{code="CONFIG"} 1');
    expect(metrics).toContain('sensorium_shard_failures_total{code="INVARIANT"} 0');
  });

  it('stops no command on a sensor of another shard', async () => {
    const made = await failedBench();

    const command = { name: 'quarantine', sensorId: 'b', message: '' } as const;

    expect(await made.inTime(made.supervisor.command(command))).toMatchObject([{ partition: 1 }]);
  });

  it('goes on when it is asked to, and not before', async () => {
    const made = await failedBench();

    expect(await retryOf(made)).toMatchObject({ retried: true, phase: 'failed' });
    made.setDenied(false);
    await made.pass(6_000);
    expect(made.shard(0)?.phase).toBe('failed');
    expect(await retryOf(made)).toMatchObject({ retried: true, phase: 'running' });

    await made.pass(2_500);
    expect(made.supervisor.ready().reasons).toEqual([
      expect.stringMatching(/^shard raw_readings\/0 running, failed since 20\S+Z: /),
    ]);
    await made.pass(6_000);
    expect(made.supervisor.ready()).toEqual({ ready: true, reasons: [] });
    expect(made.shard(0)).toMatchObject({ phase: 'running', lag: 0, committedOffset: 4 });
    expect(made.shard(0)).not.toHaveProperty('error');
    expect(made.shard(0)).not.toHaveProperty('failedSinceMs');
    expect(await retryOf(made)).toMatchObject({ retried: false, phase: 'running' });
    expect(made.threadEnds).toEqual([]);
  });

  it('goes on by itself after a minute', async () => {
    const made = await failedBench();
    made.setDenied(false);

    await made.pass(65_000);

    expect(made.shard(0)?.phase).toBe('running');
  });

  it('says of one that no worker holds that there is none', async () => {
    const made = await bench();

    const elsewhere = { topic: 'raw_readings', partition: 7, acceptGap: false };

    expect(await made.inTime(made.supervisor.retryShard(elsewhere))).toBeUndefined();
  });
});
