// Faults of a history: in its processes, threads, calls, disk and feature store.
import type { TopicPartition } from '../../src/records/record.ts';
import type { HistoryEventKind, HistoryPlan } from './history.ts';
import { operatorRebuilds } from './simulated-operator.ts';
import type { Scheduler } from './scheduler.ts';
import type { CallFault, CallName, Calls } from './simulated-calls.ts';
import type { Life } from './simulated-life.ts';
import { simulatedTopics, type SimulatedProcess } from './simulated-process.ts';
import { diskFaults, type SimulatedDisk } from './simulated-snapshots.ts';
import type { World } from './simulated-threads.ts';

type StoreEventKind = Extract<HistoryEventKind, `store${string}`>;

export const isOfStore = (kind: HistoryEventKind): kind is StoreEventKind =>
  kind.startsWith('store');

export interface PlantedFaults {
  /** A thread of the first process has started. */
  onThread(name: string, life: Life): void;
  /** From here on nothing fails any more: the history then settles. */
  stop(): void;
}

/** Plants the faults of calls and disk, and the doom of a thread. */
export function plantFaults(
  plan: HistoryPlan,
  parts: { readonly scheduler: Scheduler; readonly calls: Calls; readonly disk: SimulatedDisk },
): PlantedFaults {
  const { scheduler, calls, disk } = parts;
  let over = false;
  let doomed = plan.doom?.times ?? 0;
  const made = new Map<CallName, number>();
  calls.faults = (call): CallFault => {
    if (over) return 'none';
    const nth = (made.get(call) ?? 0) + 1;
    made.set(call, nth);
    const crash = plan.crashes.find((each) => each.call === call && each.nth === nth);
    if (crash !== undefined) return crash.when;
    if (scheduler.random() >= plan.callFaults) return 'none';
    const lost = scheduler.random() < 0.5 ? 'before' : 'after';
    // A member whose joining failed would be a member all the same: the adapters leave, and the
    // simulated log does not.
    return call === 'joinGroup' ? 'before' : lost;
  };
  disk.faults = () => {
    if (over || scheduler.random() >= plan.diskFaults) return 'none';
    return diskFaults[Math.floor(scheduler.random() * diskFaults.length)] ?? 'none';
  };
  return {
    onThread(name, life) {
      const { doom } = plan;
      if (doom === undefined || over || doomed === 0 || name !== nameOf(plan, doom.thread)) return;
      doomed -= 1;
      scheduler.after(doom.afterMs, () => life.crash());
    },
    stop: () => (over = true),
  };
}

const nameOf = ({ workers }: HistoryPlan, thread: number): string =>
  thread % (workers + 1) === workers ? 'projector' : `worker ${thread % (workers + 1)}`;

/** Does to a process what the plan says. */
export function strike(
  { broker, scheduler }: World,
  target: SimulatedProcess,
  kind: Exclude<HistoryEventKind, 'join' | StoreEventKind>,
  clientTime: HistoryPlan['clientTime'],
): void {
  const { life } = target;
  const thread = target.thread(Math.floor(scheduler.random() * 6));
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
      return stall(scheduler, life);
    case 'clockBack':
      if (clientTime === 'wall') target.fallSilent(skewedMs);
      return skewClock(scheduler, life, -3_600_000);
    case 'clockAhead':
      return skewClock(scheduler, life, 3_600_000);
    case 'threadDies':
      return thread?.crash();
    case 'threadHangs':
      return thread && target.hang(thread);
    case 'threadStalls':
      return thread && stall(scheduler, thread);
    case 'membershipLost':
      for (const group of broker.groups) if (thread !== undefined) group.fail(thread);
      return;
    default:
      return kind satisfies never;
  }
}

/** Does to the feature store what the plan says. */
export function strikeStore(world: World, kind: StoreEventKind): void {
  const { scheduler, store } = world;
  const { random } = scheduler;
  switch (kind) {
    case 'storeAway':
      return store.goAway(random() * 15_000);
    case 'storeSlow':
      store.travelMs = 4_000;
      scheduler.after(random() * 15_000, () => (store.travelMs = 20));
      return;
    case 'storeFailover':
      return store.failOver(random() * 10_000, random() * 5_000);
    case 'storeWiped':
      store.wipe();
      return operatorRebuilds(world);
    default:
      return kind satisfies never;
  }
}

/**
 * Denies the writers of the plan's partitions to write for a while. Then somebody gives the right
 * back and asks every process to try again; where they are killed or frozen meanwhile, the next
 * owner finds out by itself.
 */
export function plantDenials(
  plan: HistoryPlan,
  { broker, scheduler }: World,
  { feedMs, living }: { readonly feedMs: number; living(): readonly SimulatedProcess[] },
): void {
  const denied = new Map<number, number>();
  broker.denies = ({ topic, partition }) =>
    topic === simulatedTopics.input && (denied.get(partition) ?? 0) > 0;
  const count = (partition: number, by: number): void => {
    denied.set(partition, (denied.get(partition) ?? 0) + by);
  };
  for (const { from, share, partition: number } of plan.denials ?? []) {
    const partition = number % plan.partitions;
    scheduler.after(from * feedMs, () => count(partition, 1));
    scheduler.after(Math.min(1, from + share) * feedMs, () => {
      count(partition, -1);
      for (const process of living()) process.retry({ ...inputOf(partition), acceptGap: false });
    });
  }
}

const inputOf = (partition: number): TopicPartition => ({
  topic: simulatedTopics.input,
  partition,
});

function stall(scheduler: Scheduler, life: Life): void {
  life.fetchesStalled = true;
  scheduler.after(5_000 + scheduler.random() * 15_000, () => (life.fetchesStalled = false));
}

const skewedMs = 20_000;

/** Somebody sets the clock, and time synchronisation sets it right again a little later. */
function skewClock(scheduler: Scheduler, life: Life, byMs: number): void {
  life.skewClock(byMs);
  scheduler.after(skewedMs, () => life.skewClock(-byMs));
}
