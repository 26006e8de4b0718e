// One seeded history: input with disorder, duplicates, late, bad and unkeyed records, appended at a steady pace while
// processes are killed, drained and started and calls are lost; then quiet until everything settled.
import type { OutputRecord } from '../../src/log/event-log.ts';
import type { ShardSettings } from '../../src/actors/shard-context.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { SimulatedBroker } from './simulated-log.ts';
import {
  simulatedSnapshots,
  simulatedTopics,
  startProcess,
  type SimulatedProcess,
} from './simulated-process.ts';

export interface HistoryPlan {
  readonly seed: number;
  readonly partitions: number;
  readonly sensors: number;
  readonly readings: number;
  /** Shares in [0, 1]. */
  readonly unkeyed: number;
  readonly bad: number;
  readonly late: number;
  /** Chance that one call to the log or the snapshot store fails. */
  readonly callFaults: number;
  readonly processes: number;
  /** What happens to a process, at which share of the run. */
  readonly events: readonly {
    readonly at: number;
    readonly process: number;
    readonly kind: 'kill' | 'drain' | 'join';
  }[];
  readonly inputKeying: 'auto' | 'rekey';
  readonly baseline: 'cumulative' | 'adaptive';
}

export interface HistoryResult {
  readonly broker: SimulatedBroker;
  readonly failures: readonly unknown[];
  readonly settled: boolean;
}

export const historySemantics = (plan: HistoryPlan): Semantics => ({
  windowMs: 10_000,
  watermarkDelayMs: 2_000,
  maxAheadMs: 300_000,
  baseline: plan.baseline,
  baselineHalfLife: 4_000,
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  sensorsMax: 1_000_000,
  inputKeying: plan.inputKeying,
  features: [
    'count',
    'avg_value',
    'min_value',
    'max_value',
    'std_dev',
    'anomaly_count',
    'anomaly_rate',
  ],
});

const settings: ShardSettings = {
  groupId: 'group',
  idleTimeoutMs: 5_000,
  commitIntervalMs: 100,
  snapshotIntervalMs: 7_000,
  openWindowsMax: 60,
  startingOffsets: 'earliest',
};

const startMs = 1_700_000_000_000;
const feedMs = 60_000;

/** Runs the history and returns what the broker holds at its end. */
export async function runHistory(plan: HistoryPlan): Promise<HistoryResult> {
  const scheduler = createScheduler(plan.seed, startMs);
  const broker = new SimulatedBroker(scheduler);
  broker.create(simulatedTopics.input, plan.partitions);
  broker.create(simulatedTopics.rekeyed, plan.partitions);
  broker.create(simulatedTopics.output, plan.partitions);
  broker.create(simulatedTopics.deadLetters, 1);
  broker.create(simulatedTopics.journal, 1);
  let faulty = true;
  broker.faults = (call) => {
    // Joining is the adapter's to retry.
    if (call === 'joinGroup') return 'none';
    if (!faulty || scheduler.random() >= plan.callFaults) return 'none';
    return scheduler.random() < 0.5 ? 'before' : 'after';
  };
  const snapshots = simulatedSnapshots();
  const start = (): SimulatedProcess =>
    startProcess({
      scheduler,
      broker,
      snapshots,
      semantics: historySemantics(plan),
      settings,
      partitions: plan.partitions,
    });
  const processes = Array.from({ length: plan.processes }, start);
  const all = [...processes];
  feed(plan, scheduler, broker);
  for (const event of plan.events) {
    scheduler.after(event.at * feedMs, () => {
      const index = event.process % processes.length;
      const old = processes[index];
      if (event.kind === 'join') processes.push(start());
      else if (old?.alive === true) {
        if (event.kind === 'kill') old.kill();
        else void old.drain();
        // A supervisor starts it anew a little later.
        scheduler.after(3_000, () => (processes[index] = start()));
      }
      all.push(...processes.filter((p) => !all.includes(p)));
    });
  }
  await scheduler.runUntil(startMs + feedMs);
  faulty = false;
  if (!processes.some((p) => p.alive)) processes.push(start());
  const settled = await scheduler.runUntil(startMs + feedMs + 120_000, undefined);
  all.push(...processes.filter((p) => !all.includes(p)));
  for (const process of processes) if (process.alive) await settleDrain(scheduler, process);
  return { broker, failures: all.flatMap((p) => p.failures), settled };
}

async function settleDrain(scheduler: Scheduler, process: SimulatedProcess): Promise<void> {
  let done = false;
  void process.drain().then(() => (done = true));
  await scheduler.runUntil(scheduler.nowMs + 30_000, () => done);
}

function feed(plan: HistoryPlan, scheduler: Scheduler, broker: SimulatedBroker): void {
  for (let i = 0; i < plan.readings; i += 1) {
    const atMs = (i / plan.readings) * feedMs;
    scheduler.after(atMs, () => broker.append([makeRecord(plan, scheduler, i)]));
  }
}

/** Every reading carries a value of its own, so that a lost or doubled one can be named. */
function makeRecord(plan: HistoryPlan, scheduler: Scheduler, index: number): OutputRecord {
  const { random } = scheduler;
  const sensorId = `s${Math.floor(random() * plan.sensors)}`;
  const lateMs = random() < plan.late ? 15_000 + random() * 20_000 : random() * 1_900;
  const timestamp = Math.floor(scheduler.nowMs - lateMs);
  const value = 20 + index / 1_000 + (random() < 0.02 ? 50 : 0);
  const text =
    random() < plan.bad
      ? `{"sensor_id":"${sensorId}","value":`
      : JSON.stringify({ sensor_id: sensorId, timestamp, value });
  const keyed = random() >= plan.unkeyed;
  const spread = { partition: Math.floor(random() * plan.partitions) };
  return {
    topic: simulatedTopics.input,
    ...(keyed ? {} : spread),
    key: keyed ? Buffer.from(sensorId) : null,
    value: Buffer.from(text),
  };
}
