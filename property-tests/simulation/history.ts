// One seeded history: input with disorder, duplicates, late, bad and unkeyed records, appended at a steady pace while
// processes are killed, frozen, drained and started, die inside calls, and calls and disks fail; then quiet until
// everything settled.
import type { OutputRecord } from '../../src/log/event-log.ts';
import type { ShardSettings } from '../../src/actors/shard-context.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import { watchCommits } from './invariants.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import type { Life } from './simulated-life.ts';
import { SimulatedBroker, type CallFault } from './simulated-log.ts';
import {
  simulatedFeatureTopics,
  simulatedTopics,
  startProcess,
  type SimulatedProcess,
} from './simulated-process.ts';
import { diskFaults, SimulatedDisk } from './simulated-snapshots.ts';

export type HistoryEventKind =
  | 'kill'
  | 'drain'
  | 'join'
  /** SIGSTOP for longer than the session timeout, then SIGCONT: a zombie. */
  | 'freeze'
  /** SIGSTOP for less than it. */
  | 'nap'
  /** No fetch answers for a while. */
  | 'stall'
  /** The wall clock steps by an hour, and back after 20 s. */
  | 'clockBack'
  | 'clockAhead';

export interface HistoryPlan {
  readonly seed: number;
  readonly partitions: number;
  readonly sensors: number;
  readonly readings: number;
  /** Shares in [0, 1]. */
  readonly unkeyed: number;
  readonly bad: number;
  readonly late: number;
  /** Chance that one call to the log fails, and that one write to the disk does. */
  readonly callFaults: number;
  readonly diskFaults: number;
  readonly processes: number;
  /** What happens to a process, at which share of the run. */
  readonly events: readonly {
    readonly at: number;
    readonly process: number;
    readonly kind: HistoryEventKind;
  }[];
  /** The process that makes the nth call of that name dies there. */
  readonly crashes: readonly {
    readonly call: 'openWriter' | 'committed' | 'offsets' | 'read' | 'commit';
    readonly nth: number;
    readonly when: 'crashBefore' | 'crashAfter';
  }[];
  /** The input falls silent for this share of the run, after one third of it. */
  readonly silence: number;
  readonly inputKeying: 'auto' | 'rekey';
  readonly baseline: 'cumulative' | 'adaptive';
}

export interface HistoryResult {
  readonly broker: SimulatedBroker;
  readonly disk: SimulatedDisk;
  readonly failures: readonly unknown[];
  /** What did not hold at some commit on the way. */
  readonly violations: readonly string[];
}

export const historySemantics = (plan: HistoryPlan): Semantics => ({
  windowMs: 10_000,
  watermarkDelayMs: 2_000,
  maxAheadMs: 300_000,
  baseline: plan.baseline,
  baselineHalfLife: 4_000,
  alarmRest: 'calm',
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  sensorsMax: 1_000_000,
  inputKeying: plan.inputKeying,
  windows: [
    { name: '30s', sizeMs: 30_000, hopMs: 30_000 },
    { name: '40s/20s', sizeMs: 40_000, hopMs: 20_000 },
  ],
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
  anomalyEvents: 'all',
  outputFormat: 'json',
};

const startMs = 1_700_000_000_000;
const feedMs = 60_000;
const settleMs = 120_000;

/** Runs the history and returns what broker and disk hold at its end. */
export async function runHistory(plan: HistoryPlan): Promise<HistoryResult> {
  const scheduler = createScheduler(plan.seed, startMs);
  const broker = createBroker(plan, scheduler);
  const disk = new SimulatedDisk(scheduler);
  const semantics = historySemantics(plan);
  const violations = watchCommits({ scheduler, broker, disk, ...semantics });
  const stopFaults = plantFaults(plan, scheduler, broker, disk);
  const all: SimulatedProcess[] = [];
  const processes: SimulatedProcess[] = [];
  const start = (index: number): void => {
    const onCrash = (): void => restart(index);
    const { partitions } = plan;
    const parts = { scheduler, broker, disk, semantics, settings, partitions, onCrash };
    all.push((processes[index] = startProcess(parts)));
  };
  // A supervisor starts it anew a little later.
  const restart = (index: number): void => {
    scheduler.after(3_000, () => start(index));
  };
  for (let index = 0; index < plan.processes; index += 1) start(index);
  feed(plan, scheduler, broker);
  for (const { at, process, kind } of plan.events) {
    scheduler.after(at * feedMs, () => {
      if (kind === 'join') return start(processes.length);
      const index = process % processes.length;
      const target = processes[index];
      if (target?.life.alive !== true || target.life.frozen) return;
      if (kind === 'kill' || kind === 'drain') restart(index);
      strike(scheduler, target, kind);
    });
  }
  await scheduler.runUntil(startMs + feedMs);
  stopFaults();
  await scheduler.runUntil(startMs + feedMs + settleMs);
  for (const process of all) if (process.life.alive) await settleDrain(scheduler, process);
  return { broker, disk, failures: all.flatMap((p) => p.failures), violations };
}

function createBroker(plan: HistoryPlan, scheduler: Scheduler): SimulatedBroker {
  const broker = new SimulatedBroker(scheduler);
  broker.create(simulatedTopics.input, plan.partitions);
  broker.create(simulatedTopics.rekeyed, plan.partitions);
  for (const topic of simulatedFeatureTopics(historySemantics(plan))) {
    broker.create(topic, plan.partitions);
  }
  broker.create(simulatedTopics.anomalies, plan.partitions);
  broker.create(simulatedTopics.deadLetters, 1);
  broker.create(simulatedTopics.journal, 1);
  return broker;
}

/** Returns how to end the faults: the history then settles. */
function plantFaults(
  plan: HistoryPlan,
  scheduler: Scheduler,
  broker: SimulatedBroker,
  disk: SimulatedDisk,
): () => void {
  let over = false;
  const calls = new Map<string, number>();
  broker.faults = (call): CallFault => {
    // Joining is the adapter's to retry.
    if (over || call === 'joinGroup') return 'none';
    const nth = (calls.get(call) ?? 0) + 1;
    calls.set(call, nth);
    const crash = plan.crashes.find((each) => each.call === call && each.nth === nth);
    if (crash !== undefined) return crash.when;
    if (scheduler.random() >= plan.callFaults) return 'none';
    return scheduler.random() < 0.5 ? 'before' : 'after';
  };
  disk.faults = () => {
    if (over || scheduler.random() >= plan.diskFaults) return 'none';
    return diskFaults[Math.floor(scheduler.random() * diskFaults.length)] ?? 'none';
  };
  return () => {
    over = true;
  };
}

function strike(
  scheduler: Scheduler,
  target: SimulatedProcess,
  kind: Exclude<HistoryEventKind, 'join'>,
): void {
  const { life } = target;
  switch (kind) {
    case 'kill':
      return target.kill();
    case 'drain':
      return void target.drain();
    case 'freeze':
      return target.freeze(9_000 + scheduler.random() * 6_000);
    case 'nap':
      return target.freeze(scheduler.random() * 5_000);
    case 'stall':
      life.fetchesStalled = true;
      scheduler.after(5_000 + scheduler.random() * 15_000, () => (life.fetchesStalled = false));
      return;
    case 'clockBack':
      return skewClock(scheduler, life, -3_600_000);
    case 'clockAhead':
      return skewClock(scheduler, life, 3_600_000);
  }
}

/** Somebody sets the clock, and time synchronisation sets it right again a little later. */
function skewClock(scheduler: Scheduler, life: Life, byMs: number): void {
  life.skewMs += byMs;
  scheduler.after(20_000, () => (life.skewMs -= byMs));
}

async function settleDrain(scheduler: Scheduler, process: SimulatedProcess): Promise<void> {
  let done = false;
  void process.drain().then(() => (done = true));
  await scheduler.runUntil(scheduler.nowMs + 30_000, () => done);
  // Whoever takes over is given the time to become the owner of all, so that the last one leaves every snapshot.
  await scheduler.runUntil(scheduler.nowMs + 15_000);
}

function feed(plan: HistoryPlan, scheduler: Scheduler, broker: SimulatedBroker): void {
  for (let i = 0; i < plan.readings; i += 1) {
    const share = (i / plan.readings) * (1 - plan.silence);
    const atMs = (share < 1 / 3 ? share : share + plan.silence) * feedMs;
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
