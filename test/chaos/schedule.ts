// What a chaos run does to its processes and services, drawn from a seed: every fault once, in an order of the seed's,
// then again in another order until the time is up. Lanes go on side by side, each one fault after another.
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
  | { readonly kind: 'emptyRedis' };

export type Fault = Crash | Freeze | Blow;

/** Each lane's faults of one round. */
export interface Round {
  readonly crashes: readonly Crash[];
  readonly freezes: readonly Freeze[];
  readonly blows: readonly Blow[];
}

export interface Timeouts {
  readonly sessionMs: number;
  readonly transactionMs: number;
}

/** Returns the rounds of a seed, without end; `residents` processes can be hit by blows. */
export function* rounds(
  seed: number,
  options: { readonly residents: number; readonly timeouts: Timeouts; readonly long: boolean },
): Generator<Round, never> {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1));
  // The first numbers of neighbouring seeds are neighbours.
  for (let skipped = 0; skipped < 8; skipped += 1) random();
  const between = (from: number, to: number): number => Math.floor(from + random() * (to - from));
  const shuffled = <T>(items: readonly T[]): readonly T[] =>
    items
      .map((item) => ({ item, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  const { residents, timeouts, long } = options;
  for (;;) {
    const crashes = crashPoints.map((point) => ({
      kind: 'crash' as const,
      point,
      nth: /^(initProducerId|offsetFetch|snapshot|redis)/.test(point) ? 1 : between(1, 4),
    }));
    const freezes = freezesOf(timeouts).map((freeze) => ({ ...freeze, nth: between(1, 3) }));
    const blows = blowsOf(between, { residents, timeouts, long });
    yield { crashes: shuffled(crashes), freezes: shuffled(freezes), blows: shuffled(blows) };
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
  options: { readonly residents: number; readonly timeouts: Timeouts; readonly long: boolean },
): readonly Blow[] {
  const { residents, timeouts, long } = options;
  const member = (): number => between(0, residents);
  return [
    { kind: 'killMember', member: member() },
    { kind: 'killMember', member: member() },
    { kind: 'drainMember', member: member() },
    { kind: 'drainMember', member: member() },
    { kind: 'pauseMember', member: member(), forMs: between(500, timeouts.sessionMs / 2) },
    { kind: 'pauseMember', member: member(), forMs: timeouts.sessionMs + between(1_000, 4_000) },
    { kind: 'killBroker', forMs: between(500, 4_000) },
    { kind: 'freezeBroker', forMs: between(2_000, timeouts.sessionMs + 2_000) },
    { kind: 'killRedis', forMs: between(500, 5_000) },
    { kind: 'emptyRedis' },
    // Longer than the coordinator needs to notice a transaction past its time: it looks every ten seconds.
    ...(long ? [{ kind: 'pauseAll' as const, forMs: timeouts.transactionMs + 12_000 }] : []),
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
    case 'killRedis':
      return `kill -9 of Redis, away for ${seconds(fault.forMs)}, empty then`;
    case 'emptyRedis':
      return 'FLUSHALL, then project --rebuild';
    default:
      return fault satisfies never;
  }
}
