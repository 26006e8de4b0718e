// The stored state of a group: its members with their last heartbeats, and the holder of each
// partition. A partition moves only once its holder has released it, or has missed the session
// timeout.
//
//   value = generation u64 (grows with every change except heartbeats) · JSON
import { assert } from '../../errors.ts';
import type { PlanView } from '../../lmdb/plan-view.ts';
import { parsePartitionKey, partitionKey } from '../../records/partition-key.ts';
import { assignSticky } from '../sticky-assignment.ts';
import { logTables, nameKey } from './layout.ts';

interface GroupMemberState {
  readonly topics: readonly string[];
  readonly info: string;
  readonly heartbeatMs: number;
}

interface GroupState {
  readonly version: 1;
  /** Members of any other process are dead, since only one process holds the folder. */
  readonly processToken: string;
  members: Record<string, GroupMemberState>;
  claims: Record<string, string>;
}

export interface HeartbeatInput {
  readonly groupId: string;
  readonly memberId: string;
  readonly processToken: string;
  readonly topics: readonly string[];
  readonly info: string;
  /** Monotonic clock shared by all threads: a wall clock set ahead would expire every member. */
  readonly monotonicMs: number;
  readonly sessionTimeoutMs: number;
  readonly partitionsOf: (topic: string) => number;
  /** Partitions whose delivery has stopped since the last heartbeat. */
  readonly released: readonly string[];
}

export interface HeartbeatOutcome {
  /** False if the group no longer knew the member: its partitions may belong to others by now. */
  readonly wasMember: boolean;
  /** Partitions the member holds now. */
  readonly claimed: readonly string[];
  /** Partitions among them that it should release. */
  readonly surplus: readonly string[];
  readonly generation: number;
  readonly changed: boolean;
}

/** Records a heartbeat, which also joins the member; claims free partitions assigned to it. */
export function heartbeat(view: PlanView, input: HeartbeatInput): HeartbeatOutcome {
  const { state, generation } = loadGroup(view, input);
  const before = shapeOf(state);
  dropSilentMembers(state, input);
  const wasMember = state.members[input.memberId] !== undefined;
  const { topics, info, monotonicMs, memberId } = input;
  state.members[memberId] = { topics, info, heartbeatMs: monotonicMs };
  for (const name of input.released) {
    if (state.claims[name] === memberId) delete state.claims[name];
  }
  const target = targetOf(state, input);
  for (const [name, id] of target) {
    if (id === memberId && state.claims[name] === undefined) state.claims[name] = memberId;
  }
  const claimed = Object.keys(state.claims).filter((name) => state.claims[name] === memberId);
  const surplus = claimed.filter((name) => target.get(name) !== memberId);
  const changed = shapeOf(state) !== before;
  const next = changed ? generation + 1 : generation;
  storeGroup(view, input.groupId, state, next);
  return { wasMember, claimed, surplus, generation: next, changed };
}

/** Removes a member and releases its partitions. */
export function removeMember(view: PlanView, input: HeartbeatInput): void {
  const { state, generation } = loadGroup(view, input);
  forget(state, input.memberId);
  storeGroup(view, input.groupId, state, generation + 1);
}

/** Returns the generation of a stored group; 0 if there is none. */
export function generationOf(value: Buffer | undefined): number {
  return value === undefined ? 0 : Number(value.readBigUInt64BE(0));
}

function loadGroup(
  view: PlanView,
  input: HeartbeatInput,
): { state: GroupState; generation: number } {
  const value = view.get(logTables.groups, nameKey(input.groupId));
  const generation = generationOf(value);
  const { processToken } = input;
  const fresh: GroupState = { version: 1, processToken, members: {}, claims: {} };
  if (value === undefined) return { state: fresh, generation };
  const state = JSON.parse(value.toString('utf8', 8)) as GroupState;
  assert(state.version === 1, 'The group was written by another version', {
    version: state.version,
  });
  return { state: state.processToken === processToken ? state : fresh, generation };
}

function storeGroup(view: PlanView, groupId: string, state: GroupState, generation: number): void {
  const json = Buffer.from(JSON.stringify(state));
  const value = Buffer.alloc(8 + json.length);
  value.writeBigUInt64BE(BigInt(generation), 0);
  json.copy(value, 8);
  view.put(logTables.groups, nameKey(groupId), value);
}

function dropSilentMembers(state: GroupState, input: HeartbeatInput): void {
  for (const [id, member] of Object.entries(state.members)) {
    if (input.monotonicMs - member.heartbeatMs > input.sessionTimeoutMs) forget(state, id);
  }
}

function forget(state: GroupState, memberId: string): void {
  delete state.members[memberId];
  for (const [name, id] of Object.entries(state.claims)) {
    if (id === memberId) delete state.claims[name];
  }
}

/** Returns the member that should hold each partition, by partition key. */
function targetOf(state: GroupState, input: HeartbeatInput): ReadonlyMap<string, string> {
  const members = Object.entries(state.members).map(([id, { topics }]) => ({
    id,
    topics,
    held: Object.keys(state.claims)
      .filter((key) => state.claims[key] === id)
      .map(parsePartitionKey),
  }));
  const topics = new Set(members.flatMap((member) => member.topics));
  const partitions = new Map(
    [...topics].map((topic) => [topic, [...Array(input.partitionsOf(topic)).keys()]]),
  );
  const target = new Map<string, string>();
  for (const [id, shares] of assignSticky(members, partitions)) {
    for (const [topic, numbers] of shares) {
      for (const partition of numbers) target.set(partitionKey({ topic, partition }), id);
    }
  }
  return target;
}

function shapeOf(state: GroupState): string {
  const members = Object.entries(state.members).map(([id, { topics }]) => [id, topics]);
  return JSON.stringify([members, Object.entries(state.claims).sort()]);
}
