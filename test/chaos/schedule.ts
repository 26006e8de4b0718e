// The faults of a chaos run, drawn from a seed: every fault once, in an order of the seed's, then
// again in another order until the time is up. Lanes go on side by side, each one fault after
// another.
import { seededRandom } from '../integration/readings.ts';

/** The points of test/chaos/crash-points.cjs that are struck, each as `<request>.<moment>`. */
export const crashPoints = [
  'initProducerId.after',
  'offsetFetch.after',
  'addOffsetsToTxn.before',
  'addOffsetsToTxn.after',
  'addPartitionsToTxn.after',
  'txnOffsetCommit.before',
  'txnOffsetCommit.after',
  'produce.before',
  'produce.sent',
  'produce.after',
  'endTxn.before',
  'endTxn.sent',
  'endTxn.after',
  'snapshot.before',
  'snapshot.sent',
  'snapshot.after',
  'redis.before',
  'redis.sent',
  'redis.after',
] as const;

export type CrashPoint = (typeof crashPoints)[number];

/** A member more joins and dies at the point. */
export interface Crash {
  readonly kind: 'crash';
  readonly point: CrashPoint;
  readonly nth: number;
}

/** A member more joins, freezes at the point, comes back after `forMs` and leaves. */
export interface Freeze {
  readonly kind: 'freeze';
  readonly point: CrashPoint;
  readonly nth: number;
  readonly forMs: number;
}

/** Something that happens to a resident process or to a service, at whatever it is doing. */
export type Blow =
  | { readonly kind: 'killMember' | 'drainMember'; readonly member: number }
  | { readonly kind: 'pauseMember'; readonly member: number; readonly forMs: number }
  | { readonly kind: 'killBroker' | 'freezeBroker' | 'killRedis'; readonly forMs: number }
  | { readonly kind: 'pauseAll'; readonly forMs: number }
  | { readonly kind: 'emptyRedis' }
  | NodeBlow;

/** Action of the broker that is hit at that moment. */
export const nodeRoles = ['inputLeader', 'outputLeader', 'group', 'transactions'] as const;
export type NodeRole = (typeof nodeRoles)[number];

/** Something that happens to brokers of a cluster of three. */
export type NodeBlow =
  | {
      readonly kind: 'killNode' | 'freezeNode' | 'cutOffNode';
      readonly role: NodeRole;
      readonly forMs: number;
    }
  /** Each is shut down and started in its turn, once the one before is in sync. */
  | { readonly kind: 'rollNodes' }
  /** One alone is below min.insync.replicas, and no majority of controllers. */
  | { readonly kind: 'killTwoNodes'; readonly forMs: number };

/** Something that an operator, another deployment or a machine does to a pipeline that runs. */
export type Mishap =
  /** The wall clock of a resident is set, and stays so until the process ends. */
  | { readonly kind: 'stepClock'; readonly member: number; readonly byMs: number }
  /** A process with other semantics starts in the same group. */
  | { readonly kind: 'stranger' }
  /** Records of one partition are deleted while nobody reads them for so long. */
  | { readonly kind: 'trim'; readonly partition: number; readonly forMs: number }
  /** A sensor whose clock is in 2000 speaks, alone in its partition. */
  | { readonly kind: 'oldClock' }
  /** The input of a pipeline beside this one, with INPUT_KEYING=rekey, gets more partitions. */
  | { readonly kind: 'grow' }
  /** The offsets of a pipeline beside this one are deleted, as its group's retention does. */
  | { readonly kind: 'forgetOffsets' };

export type Fault = Crash | Freeze | Blow | Mishap;

/** Returns whether a run carries the fault out; `only` are the kinds asked for, all of them where it is empty. */
export function isCarriedOut({ kind }: Fault, only: readonly string[]): boolean {
  return only.length === 0 || only.includes(kind);
}

/** Each lane's faults of one round. */
export interface Round {
  readonly crashes: readonly Crash[];
  readonly freezes: readonly Freeze[];
  readonly blows: readonly Blow[];
  readonly mishaps: readonly Mishap[];
}

export interface Timeouts {
  readonly sessionMs: number;
  readonly transactionMs: number;
}

export interface ScheduleOptions {
  /** Processes that can be hit by blows. */
  readonly residents: number;
  /** Of the input: those that can be trimmed. */
  readonly partitions: number;
  readonly timeouts: Timeouts;
  readonly long: boolean;
  /** Three brokers, of which one may be away, instead of one. */
  readonly cluster: boolean;
}

/** Returns the rounds of a seed, without end. */
export function* rounds(seed: number, options: ScheduleOptions): Generator<Round, never> {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1));
  // The first numbers of neighbouring seeds are neighbours.
  for (let skipped = 0; skipped < 8; skipped += 1) random();
  const between = (from: number, to: number): number => Math.floor(from + random() * (to - from));
  const shuffled = <T>(items: readonly T[]): readonly T[] =>
    items
      .map((item) => ({ item, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  for (;;) {
    const crashes = crashPoints.map((point) => ({
      kind: 'crash' as const,
      point,
      nth: /^(initProducerId|offsetFetch|snapshot|redis)/.test(point) ? 1 : between(1, 4),
    }));
    const freezes = freezesOf(options.timeouts).map((freeze) => ({
      ...freeze,
      nth: between(1, 3),
    }));
    const blows = blowsOf(between, options);
    const round = {
      crashes: shuffled(crashes),
      freezes: shuffled(freezes),
      blows: shuffled(blows),
    };
    yield { ...round, mishaps: shuffled(mishapsOf(between, options)) };
  }
}

function freezesOf({ sessionMs, transactionMs }: Timeouts): readonly Omit<Freeze, 'nth'>[] {
  const kind = 'freeze';
  return [
    { kind, point: 'endTxn.before', forMs: sessionMs / 2 },
    { kind, point: 'endTxn.before', forMs: sessionMs + 3_000 },
    { kind, point: 'produce.after', forMs: transactionMs + 4_000 },
    { kind, point: 'redis.before', forMs: sessionMs + 3_000 },
  ];
}

function blowsOf(
  between: (from: number, to: number) => number,
  { residents, timeouts, long, cluster }: ScheduleOptions,
): readonly Blow[] {
  const member = (): number => between(0, residents);
  return [
    { kind: 'killMember', member: member() },
    { kind: 'killMember', member: member() },
    { kind: 'drainMember', member: member() },
    { kind: 'drainMember', member: member() },
    { kind: 'pauseMember', member: member(), forMs: between(500, timeouts.sessionMs / 2) },
    { kind: 'pauseMember', member: member(), forMs: timeouts.sessionMs + between(1_000, 4_000) },
    ...(cluster ? nodeBlowsOf(between) : brokerBlowsOf(between, timeouts)),
    { kind: 'killRedis', forMs: between(500, 5_000) },
    { kind: 'emptyRedis' },
    // Longer than the coordinator needs to notice a transaction past its time: it looks every ten
    // seconds.
    ...(long ? [{ kind: 'pauseAll' as const, forMs: timeouts.transactionMs + 12_000 }] : []),
  ];
}

function brokerBlowsOf(
  between: (from: number, to: number) => number,
  { sessionMs }: Timeouts,
): readonly Blow[] {
  return [
    { kind: 'killBroker', forMs: between(500, 4_000) },
    { kind: 'freezeBroker', forMs: between(2_000, sessionMs + 2_000) },
  ];
}

/** A role moves once the cluster has missed its node for 9 s: half of them last longer. */
function nodeBlowsOf(between: (from: number, to: number) => number): readonly Blow[] {
  return [
    ...nodeRoles.map((role) => ({
      kind: 'killNode' as const,
      role,
      forMs: between(1_000, 18_000),
    })),
    { kind: 'freezeNode', role: 'inputLeader', forMs: between(2_000, 8_000) },
    { kind: 'freezeNode', role: 'transactions', forMs: between(10_000, 18_000) },
    { kind: 'cutOffNode', role: 'group', forMs: between(10_000, 18_000) },
    { kind: 'cutOffNode', role: 'outputLeader', forMs: between(10_000, 18_000) },
    { kind: 'rollNodes' },
    { kind: 'killTwoNodes', forMs: between(2_000, 12_000) },
  ];
}

const hourMs = 3_600_000;

function mishapsOf(
  between: (from: number, to: number) => number,
  { residents, partitions }: ScheduleOptions,
): readonly Mishap[] {
  const member = (): number => between(0, residents);
  return [
    { kind: 'stepClock', member: member(), byMs: -hourMs },
    { kind: 'stepClock', member: member(), byMs: hourMs },
    { kind: 'stranger' },
    { kind: 'trim', partition: between(0, partitions), forMs: between(1_500, 2_500) },
    { kind: 'oldClock' },
    { kind: 'grow' },
    { kind: 'forgetOffsets' },
  ];
}

/** Returns the fault in words. */
export function describeFault(fault: Fault): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  switch (fault.kind) {
    case 'crash':
      return `kill -9 at ${fault.point}, time ${fault.nth}`;
    case 'freeze':
      return `SIGSTOP at ${fault.point}, time ${fault.nth}, for ${seconds(fault.forMs)}`;
    case 'killMember':
      return `kill -9 of member ${fault.member}, and start`;
    case 'drainMember':
      return `SIGTERM to member ${fault.member}, and start`;
    case 'pauseMember':
      return `SIGSTOP of member ${fault.member} for ${seconds(fault.forMs)}`;
    case 'pauseAll':
      return `SIGSTOP of all members for ${seconds(fault.forMs)}`;
    case 'killBroker':
      return `kill -9 of the broker, away for ${seconds(fault.forMs)}`;
    case 'freezeBroker':
      return `SIGSTOP of the broker for ${seconds(fault.forMs)}`;
    case 'killNode':
      return `kill -9 of the broker of ${fault.role}, away for ${seconds(fault.forMs)}`;
    case 'freezeNode':
      return `SIGSTOP of the broker of ${fault.role} for ${seconds(fault.forMs)}`;
    case 'cutOffNode':
      return `the broker of ${fault.role} is cut off for ${seconds(fault.forMs)}`;
    case 'rollNodes':
      return 'the brokers are rolled';
    case 'killTwoNodes':
      return `kill -9 of two brokers, away for ${seconds(fault.forMs)}`;
    case 'killRedis':
      return `kill -9 of Redis, away for ${seconds(fault.forMs)}, empty then`;
    case 'emptyRedis':
      return 'FLUSHALL, then project --rebuild';
    case 'stepClock':
      return `the clock of member ${fault.member} is set by ${seconds(fault.byMs)}`;
    case 'stranger':
      return 'a process with another WINDOW_MS starts in the group';
    case 'trim':
      return `partition ${fault.partition} is trimmed while nobody reads for ${seconds(fault.forMs)}`;
    case 'oldClock':
      return 'a sensor whose clock is in 2000 speaks, alone in its partition';
    case 'grow':
      return 'beside it: an input with INPUT_KEYING=rekey gets more partitions';
    case 'forgetOffsets':
      return 'beside it: the offsets of a group are deleted';
    default:
      return fault satisfies never;
  }
}
