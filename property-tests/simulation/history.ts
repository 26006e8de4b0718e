// One seeded history: input with disorder, duplicates, late, bad and unkeyed records, appended at a
// steady pace while processes and threads are killed, frozen, drained and started, die inside
// calls, and calls, disks and the feature store fail; then quiet until everything settled.
import type { OutputRecord } from '../../src/records/record.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';
import type { SensorCommand } from '../../src/actors/protocol.ts';
import type { ShardSettings } from '../../src/actors/shard-context.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import { watchProjection } from './check-store.ts';
import { expectedRestarts } from './expected-restarts.ts';
import { isOfStore, plantDenials, plantFaults, strike, strikeStore } from './faults.ts';
import { watchCommits } from './invariants.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { Calls, watchLeftovers, type CallFault, type CallName } from './simulated-calls.ts';
import { SimulatedFeatureStore } from './simulated-feature-store.ts';
import type { Life } from './simulated-life.ts';
import { SimulatedBroker } from './simulated-log.ts';
import {
  simulatedFeatureTopics,
  simulatedTopics,
  startProcess,
  type SimulatedProcess,
} from './simulated-process.ts';
import { SimulatedDisk } from './simulated-snapshots.ts';
import { watchClocks, type ClockChange } from './source-laws.ts';
import { trapMin } from './trapped-baseline.ts';

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
  /** The wall clock steps by an hour, and back after 20 s; the group client goes by it where `clientTime` says so. */
  | 'clockBack'
  | 'clockAhead'
  /** One thread of it dies of an uncaught error, spins for ever, or hears of no record for a while. */
  | 'threadDies'
  | 'threadHangs'
  | 'threadStalls'
  /** A thread loses its membership for good: its task fails, its thread goes on. */
  | 'membershipLost'
  /** The feature store is away, is slow, fails over to a replica that lacks its last writes, is emptied. */
  | 'storeAway'
  | 'storeSlow'
  | 'storeFailover'
  | 'storeWiped';

export interface HistoryPlan {
  readonly seed: number;
  readonly partitions: number;
  readonly sensors: number;
  readonly readings: number;
  /** Chance that a record is preceded by offsets of none; unless 0, each transaction ends with a marker. */
  readonly holes: number;
  /** Shares in [0, 1]. */
  readonly unkeyed: number;
  readonly bad: number;
  readonly late: number;
  /** Chance that one call to the log fails, and that one write to the disk does. */
  readonly callFaults: number;
  readonly diskFaults: number;
  /** Whether the disk can say which snapshots it holds. */
  readonly diskLists: boolean;
  readonly processes: number;
  /** Worker threads of each process, beside its projector. */
  readonly workers: number;
  /** Faults of a process, and at which share of the run. */
  readonly events: readonly {
    readonly at: number;
    readonly process: number;
    readonly kind: HistoryEventKind;
  }[];
  /** The process or thread that makes the nth call of that name dies there. */
  readonly crashes: readonly {
    readonly call: CallName;
    readonly nth: number;
    readonly when: Exclude<CallFault, 'none' | 'before' | 'after'>;
  }[];
  /** A thread of the first process that dies so long after each of its starts, so many times. */
  readonly doom?: { readonly thread: number; readonly afterMs: number; readonly times: number };
  /** Partitions of the input whose writers may not write, from one share of the run and for another. */
  readonly denials?: readonly {
    readonly partition: number;
    readonly from: number;
    readonly share: number;
  }[];
  /** Share of readings whose fold throws. */
  readonly traps: number;
  /** An operator's commands to a process, and at which share of the run. */
  readonly commands: readonly {
    readonly at: number;
    readonly process: number;
    readonly sensor: number;
    readonly name: SensorCommand['name'];
  }[];
  /** The input falls silent for this share of the run, after one third of it. */
  readonly silence: number;
  readonly inputKeying: 'auto' | 'rekey';
  /** Left out or Infinity: no sensor is forgotten. */
  readonly sensorTtlMs?: number;
  readonly silentAfterMs?: number | 'auto';
  readonly stuckAfter?: number;
  readonly alarmResolveAfterMs?: number;
  readonly baseline: 'cumulative' | 'adaptive';
  /** `wall`: as processes of older versions, a member whose clock is set back sends no heartbeat until it is right again. */
  readonly clientTime: 'monotonic' | 'wall';
  /** Bytes that one transaction may hold: a commit of more is split into parts. */
  readonly commitBytesMax?: number | undefined;
  /**
   * Partitions that the input, the rekeyed topic and the journal get more at 0.45 of the run; only
   * under `inputKeying` rekey, for the others refuse it.
   */
  readonly grows?: number;
  /**
   * A partition of its own, in which a sensor speaks whose clock is in 2000, or nothing that can be
   * read; or one reading a year ahead, as its record says too, in the first partition.
   */
  readonly odd?: 'past' | 'unreadable' | 'ahead';
}

export interface HistoryResult {
  readonly broker: SimulatedBroker;
  readonly disk: SimulatedDisk;
  readonly store: SimulatedFeatureStore;
  /** Ends of threads that nobody planned. */
  readonly bugs: readonly string[];
  /** The last lines of processes that gave up. */
  readonly lastLines: readonly string[];
  /** Signs that all is not well long after the last fault: not ready, or not drained by itself. */
  readonly unready: readonly string[];
  /** Violations at some commit, write or end of a thread on the way. */
  readonly violations: readonly string[];
  readonly acknowledged: SimulatedProcess['acknowledged'];
  readonly clocks: readonly ClockChange[];
}

export const historySemantics = (plan: HistoryPlan): Semantics => ({
  windowMs: 10_000,
  watermarkDelayMs: 2_000,
  maxAheadMs: 300_000,
  fastClocks: 'hold',
  baseline: plan.baseline,
  baselineHalfLife: 4_000,
  alarmRest: 'calm',
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  sensorsMax: 1_000_000,
  silentAfterMs: plan.silentAfterMs ?? Infinity,
  stuckAfter: plan.stuckAfter ?? Infinity,
  alarmResolveAfterMs: plan.alarmResolveAfterMs ?? Infinity,
  sensorTtlMs: plan.sensorTtlMs ?? Infinity,
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
  transactionTimeoutMs: 60_000,
  openWindowsMax: 60,
  startingOffsets: 'earliest',
  acceptGap: false,
  anomalyEvents: 'all',
  outputFormat: 'json',
};

export const startMs = 1_700_000_000_000;
const feedMs = 60_000;
/** The lead of the clock of s0, in every second history. */
const fastClockMs = 40_000;
/** A thread that hangs as the faults end is noticed after 31 s, and restarted up to 10 s later. */
const settleMs = 90_000;
/** Event time that every partition has reached in the end; idle ones follow the clock. */
export const reachedMs: number = startMs + feedMs + settleMs - 10_000;
const aloneMs = 10_000;

/** Read-only view of a history while it runs. */
export interface HistoryWorld extends Pick<HistoryResult, 'broker' | 'disk' | 'store'> {
  readonly scheduler: Scheduler;
  /** No fault begins after it. */
  readonly faultsEndMs: number;
}

/** Runs the history, `beside` it from its start, and returns what broker, disk and store hold at its end. */
export async function runHistory(
  plan: HistoryPlan,
  beside: (world: HistoryWorld) => void = () => undefined,
): Promise<HistoryResult> {
  const scheduler = createScheduler(plan.seed, startMs);
  const calls = new Calls(scheduler);
  const broker = createBroker(plan, scheduler, calls);
  const disk = new SimulatedDisk(scheduler);
  disk.lists = plan.diskLists;
  const store = new SimulatedFeatureStore(scheduler, calls);
  const semantics = historySemantics(plan);
  const featureTopics = simulatedFeatureTopics(semantics);
  const traps = plan.traps > 0;
  const { commitBytesMax } = plan;
  const world = { scheduler, broker, disk, store, featureTopics, traps, commitBytesMax };
  const violations = watchCommits({ ...world, ...semantics });
  const clocks = watchClocks(broker, scheduler);
  watchProjection(world, violations);
  const restarts = expectedRestarts(scheduler, violations);
  const faults = plantFaults(plan, { scheduler, calls, disk });
  const onTaskEnded = watchLeftovers(scheduler, calls, violations);
  const all: SimulatedProcess[] = [];
  const processes: SimulatedProcess[] = [];
  const start = (index: number, workers = plan.workers): void => {
    // Whoever runs the processes starts one that ended anew a little later.
    const onEnded = (): void => restart(index);
    const onThread = (name: string, life: Life): void => {
      if (index === 0) faults.onThread(name, life);
    };
    const parts = { world, semantics, settings, workers, restarts, onEnded, onThread, onTaskEnded };
    all.push((processes[index] = startProcess(parts)));
  };
  const restart = (index: number): void => {
    scheduler.after(3_000, () => start(index));
  };
  beside({ ...world, faultsEndMs: startMs + feedMs });
  for (let index = 0; index < plan.processes; index += 1) start(index);
  feed(plan, scheduler, broker);
  feedOddly(plan, scheduler, broker);
  if (plan.inputKeying === 'rekey' && plan.grows !== undefined)
    growAll(plan.grows, scheduler, broker);
  plantDenials(plan, world, { feedMs, living: () => all.filter(({ life }) => life.alive) });
  for (const { at, process, kind } of plan.events) {
    scheduler.after(at * feedMs, () => {
      if (kind === 'join') return start(processes.length);
      if (isOfStore(kind)) return strikeStore(world, kind);
      const index = process % processes.length;
      const target = processes[index];
      if (target?.life.alive !== true || target.life.frozen) return;
      if (kind === 'kill' || kind === 'drain') restart(index);
      strike(world, target, kind, plan.clientTime);
    });
  }
  for (const { at, process, sensor, name } of plan.commands) {
    scheduler.after(at * feedMs, () => {
      const sensorId = `s${sensor % plan.sensors}`;
      processes[process % processes.length]?.command(commandOf(name, sensorId));
    });
  }
  await scheduler.runUntil(startMs + feedMs);
  faults.stop();
  await scheduler.runUntil(startMs + feedMs + settleMs);
  const unready: string[] = [];
  const drainAll = async (): Promise<void> => {
    const living = all.filter(({ life }) => life.alive);
    unready.push(...living.flatMap(({ supervisor }) => supervisor.ready().reasons));
    for (const process of living) unready.push(...(await settleDrain(scheduler, process)));
  };
  await drainAll();
  // Alone, with nobody to take a partition from it while it drains, it leaves a snapshot of every
  // shard.
  start(processes.length, 1);
  await scheduler.runUntil(scheduler.nowMs + aloneMs);
  await drainAll();
  const acknowledged = all.flatMap((process) => process.acknowledged);
  return { broker, disk, store, violations, unready, acknowledged, clocks, ...restarts };
}

function createBroker(plan: HistoryPlan, scheduler: Scheduler, calls: Calls): SimulatedBroker {
  const broker = new SimulatedBroker(scheduler, { calls, holes: plan.holes });
  const ofItsOwn = plan.odd === 'past' || plan.odd === 'unreadable' ? 1 : 0;
  broker.create(simulatedTopics.input, plan.partitions + ofItsOwn);
  broker.create(simulatedTopics.rekeyed, plan.partitions);
  for (const { topic } of simulatedFeatureTopics(historySemantics(plan))) {
    broker.create(topic, plan.partitions);
  }
  broker.create(simulatedTopics.anomalies, plan.partitions);
  broker.create(simulatedTopics.deadLetters, 1);
  broker.create(simulatedTopics.journal, 1);
  return broker;
}

/** Returns the threads that did not end by themselves. */
async function settleDrain(
  scheduler: Scheduler,
  process: SimulatedProcess,
): Promise<readonly string[]> {
  let unfinished: readonly string[] | undefined;
  void process.drain().then((threads) => (unfinished = threads));
  await scheduler.runUntil(scheduler.nowMs + 30_000, () => unfinished !== undefined);
  return (unfinished ?? ['drain']).map((thread) => `${thread} did not finish`);
}

function feed(plan: HistoryPlan, scheduler: Scheduler, broker: SimulatedBroker): void {
  for (let i = 0; i < plan.readings; i += 1) {
    const share = (i / plan.readings) * (1 - plan.silence);
    const atMs = (share < 1 / 3 ? share : share + plan.silence) * feedMs;
    scheduler.after(atMs, () => broker.append([makeRecord(plan, scheduler, broker, i)]));
  }
}

const yearMs = 365 * 86_400_000;
const oddEveryMs = 700;

/** The partitions that are not an odd source's own: all but the one after those of the plan. */
function usualPartitions({ odd, partitions }: HistoryPlan, broker: SimulatedBroker): number {
  return odd === 'past' || odd === 'unreadable'
    ? partitions
    : broker.countOf(simulatedTopics.input);
}

function feedOddly(plan: HistoryPlan, scheduler: Scheduler, broker: SimulatedBroker): void {
  const { odd, partitions } = plan;
  const topic = simulatedTopics.input;
  const key = Buffer.from('odd');
  const valueOf = (timestamp: number): Buffer =>
    Buffer.from(JSON.stringify({ sensor_id: 'odd', timestamp: Math.floor(timestamp), value: 1 }));
  if (odd === 'ahead') {
    scheduler.after(0.3 * feedMs, () => {
      const timestampMs = Math.floor(scheduler.nowMs + yearMs);
      broker.append([{ topic, partition: 0, key: null, value: valueOf(timestampMs), timestampMs }]);
    });
  } else if (odd !== undefined) {
    for (let atMs = 0; atMs < feedMs; atMs += oddEveryMs) {
      scheduler.after(atMs, () => {
        const value = odd === 'past' ? valueOf(scheduler.nowMs - 20 * yearMs) : Buffer.from('{');
        broker.append([{ topic, partition: partitions, key, value }]);
      });
    }
  }
}

const growsAt = 0.45;

function growAll(by: number, scheduler: Scheduler, broker: SimulatedBroker): void {
  const { input, journal, rekeyed } = simulatedTopics;
  scheduler.after(growsAt * feedMs, () => {
    for (const topic of [input, rekeyed, journal]) broker.grow(topic, by);
  });
}

/** Every reading carries a value of its own, so that a lost or doubled one can be named. */
function makeRecord(
  plan: HistoryPlan,
  scheduler: Scheduler,
  broker: SimulatedBroker,
  index: number,
): OutputRecord {
  const { random } = scheduler;
  const sensorId = `s${Math.floor(random() * plan.sensors)}`;
  const lateMs = random() < plan.late ? 15_000 + random() * 20_000 : random() * 1_900;
  const fastMs = plan.seed % 2 === 0 && sensorId === 's0' ? fastClockMs : 0;
  const timestamp = Math.floor(scheduler.nowMs - lateMs + fastMs);
  const plain = 20 + index / 1_000 + (random() < 0.02 ? 50 : 0);
  const value = plan.traps > 0 && random() < plan.traps ? trapMin + plain : plain;
  const text =
    random() < plan.bad
      ? `{"sensor_id":"${sensorId}","value":`
      : JSON.stringify({ sensor_id: sensorId, timestamp, value });
  const keyed = random() >= plan.unkeyed;
  const usual = usualPartitions(plan, broker);
  const spread = { partition: Math.floor(random() * usual) };
  const key = Buffer.from(sensorId);
  return {
    topic: simulatedTopics.input,
    ...(keyed ? { partition: partitionForKey(key, usual) } : spread),
    key: keyed ? key : null,
    value: Buffer.from(text),
  };
}

function commandOf(name: SensorCommand['name'], sensorId: string): SensorCommand {
  const by = { sensorId, message: 'a test' };
  if (name === 'mute') return { name, untilMs: startMs, ...by };
  if (name === 'tune') return { name, sensitivity: 2, direction: 'high', ...by };
  return { name, ...by };
}
