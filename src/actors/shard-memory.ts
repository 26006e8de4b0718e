// Everything a shard knows that must equal a pure function of (input log, journal): dropped as a
// whole when anything is indefinite, rebuilt by recovery, copied into snapshots. Wall-clock facts
// live in the shard, never here.
import {
  createShardState,
  restoreShardState,
  type Semantics,
  type ShardState,
  type ShardStateOptions,
} from '../sensors/shard-state.ts';
import { defaultShape } from '../kernel/flat-shape.ts';
import { createKernel } from '../kernel/kernel.ts';
import type { RecordScanner } from '../kernel/record-scanner.ts';
import { shapeOf } from '../kernel/shape.ts';
import { migrateState, type Migration } from '../sensors/migrated-state.ts';
import type { CreateBaseline } from '../sensors/create-baseline.ts';
import { CorruptSnapshotError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import type { TopicNames } from '../log/topics.ts';
import { hashKey } from './hash-key.ts';
import type { QuarantineCause } from './journal.ts';
import { createSourceClocks, type SourceClocks } from './source-clocks.ts';

export type ShardRole =
  /** A partition of the input topic: folds keyed readings, forwards the others. */
  | 'source'
  /** A partition of the rekeyed topic: its event time is the minimum over its sources. */
  | 'rekeyed';

/** The reason of a quarantine, for display. */
export interface Quarantine {
  readonly cause: QuarantineCause;
  readonly message: string;
  /** Offset of the quarantine. */
  readonly offset: number;
  /** Wall clock when it was decided, ms. */
  readonly decidedMs: number;
}

export interface ShardMemory {
  readonly role: ShardRole;
  readonly state: ShardState;
  /** Scanner whose rows the kernel can fold in bulk; undefined if this state cannot. */
  readonly scanner: RecordScanner | undefined;
  /** Next offset to fold. */
  position: number;
  /**
   * Max event time of all readings of this source, keyed or not, ms; -Infinity before the first.
   */
  sourceMaxMs: number;
  /** Empty except in a rekeyed shard. */
  readonly clocks: SourceClocks;
  /** Journal entries applied so far. */
  journalSequence: number;
  /**
   * Reasons of the quarantined sensors, by id; the state's lifecycle decides who is quarantined.
   */
  readonly quarantines: Map<string, Quarantine>;
  /**
   * When the shard last set a sensor or a record aside by itself, wall clock ms, oldest first;
   * bounded.
   */
  failuresMs: readonly number[];
  /** Ids of schemas that the registry does not have, oldest first; see unknown-schemas.ts. */
  readonly unknownSchemas: Set<number>;
}

/** Returns the role of the partition. */
export function roleOf(topics: Pick<TopicNames, 'rekeyed'>, { topic }: TopicPartition): ShardRole {
  return topic === topics.rekeyed ? 'rekeyed' : 'source';
}

/** Returns the memory of a shard without readings. */
export function emptyMemory(
  role: ShardRole,
  semantics: Semantics,
  position: number,
  createBaseline?: CreateBaseline,
): ShardMemory {
  return {
    role,
    ...stateOf(role, semantics, createBaseline, (options) => createShardState(semantics, options)),
    position,
    sourceMaxMs: -Infinity,
    clocks: createSourceClocks(),
    journalSequence: 0,
    quarantines: new Map(),
    failuresMs: [],
    unknownSchemas: new Set(),
  };
}

const watermarkOf = (role: ShardRole): 'own' | 'external' =>
  role === 'source' ? 'own' : 'external';

/** Returns the part of the memory that `create` makes from options for the role. */
function stateOf(
  role: ShardRole,
  { input }: Semantics,
  createBaseline: CreateBaseline | undefined,
  create: (options: ShardStateOptions) => ShardState,
): Pick<ShardMemory, 'state' | 'scanner'> {
  // Rekeyed records carry headers, which no scan reads.
  const shape = input === undefined ? defaultShape : shapeOf(input);
  const kernel = role === 'source' && shape !== undefined ? createKernel(shape) : undefined;
  const state = create({
    watermark: watermarkOf(role),
    kernel,
    hashKey,
    ...(createBaseline === undefined ? {} : { createBaseline }),
  });
  return { state, scanner: state.foldsRows ? kernel?.scanner : undefined };
}

// A snapshot's bytes:
//
//   0  "SSNP" | 4  u32le header length h | 8  header, JSON UTF-8, padded with spaces to a multiple of 8 | 8+h  state
const magic = Buffer.from('SSNP');
const prefixBytes = 8;

interface SnapshotHeader {
  readonly version: 1;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly sourceMaxMs: number | null;
  readonly sourceTimes: readonly (number | 'idle' | null)[];
  readonly journalSequence: number;
  /** Entries after journalSequence lie at or above this offset of the journal partition. */
  readonly journalOffset: number;
  /** Left out where there are none, as in snapshots of versions that knew none. */
  readonly quarantines?: readonly (readonly [string, Quarantine])[];
  readonly failuresMs?: readonly number[];
  readonly unknownSchemas?: readonly number[];
}

/**
 * Returns the memory as bytes: a copy, made between two readings, in `room` where that is large
 * enough.
 */
export function encodeShardSnapshot(
  memory: ShardMemory,
  shard: TopicPartition,
  journalOffset: number,
  room?: Uint8Array<ArrayBuffer>,
): Uint8Array {
  const header: SnapshotHeader = {
    version: 1,
    topic: shard.topic,
    partition: shard.partition,
    offset: memory.position,
    sourceMaxMs: memory.sourceMaxMs === -Infinity ? null : memory.sourceMaxMs,
    sourceTimes: memory.clocks.times,
    journalSequence: memory.journalSequence,
    journalOffset,
    ...(memory.quarantines.size === 0 ? {} : { quarantines: [...memory.quarantines] }),
    ...(memory.failuresMs.length === 0 ? {} : { failuresMs: memory.failuresMs }),
    ...(memory.unknownSchemas.size === 0 ? {} : { unknownSchemas: [...memory.unknownSchemas] }),
  };
  const json = Buffer.from(JSON.stringify(header));
  const headerEnd = Math.ceil((prefixBytes + json.length) / 8) * 8;
  const bytes = memory.state.snapshot(headerEnd, room);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  magic.copy(view);
  view.writeUInt32LE(headerEnd - prefixBytes, 4);
  view.fill(' ', prefixBytes, headerEnd);
  json.copy(view, prefixBytes);
  return bytes;
}

/**
 * Returns the memory that `bytes` hold, and where the journal goes on from it.
 * @throws CorruptSnapshotError when the bytes are not a snapshot of this shard.
 * @throws ConfigError when other semantics computed it.
 */
export function decodeShardSnapshot(
  bytes: Uint8Array,
  shard: TopicPartition,
  role: ShardRole,
  semantics: Semantics,
  createBaseline?: CreateBaseline,
): { readonly memory: ShardMemory; readonly journalOffset: number } {
  const header = decodeHeader(bytes);
  if (header.topic !== shard.topic || header.partition !== shard.partition) {
    throw new CorruptSnapshotError(
      `expected a snapshot of ${shard.topic}/${shard.partition}, found one of ${header.topic}/${header.partition}`,
    );
  }
  const memory: ShardMemory = {
    role,
    ...stateOf(role, semantics, createBaseline, (options) =>
      restoreShardState(bytes.subarray(stateStart(bytes)), semantics, options),
    ),
    position: header.offset,
    sourceMaxMs: header.sourceMaxMs ?? -Infinity,
    clocks: createSourceClocks(header.sourceTimes),
    journalSequence: header.journalSequence,
    quarantines: new Map(header.quarantines ?? []),
    failuresMs: header.failuresMs ?? [],
    unknownSchemas: new Set(header.unknownSchemas ?? []),
  };
  return { memory, journalOffset: header.journalOffset };
}

/**
 * Returns a snapshot of the shard, made by `encodeShardSnapshot`, carried over to other settings.
 * @throws ConfigError where the state has no meaning under them.
 */
export function migrateShardSnapshot(bytes: Uint8Array, change: Migration): Uint8Array {
  const start = stateStart(bytes);
  const migrated = migrateState(bytes.subarray(start), change, start);
  migrated.set(bytes.subarray(0, start));
  return migrated;
}

const stateStart = (bytes: Uint8Array): number =>
  prefixBytes + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(4);

function decodeHeader(bytes: Uint8Array): SnapshotHeader {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < prefixBytes || !view.subarray(0, 4).equals(magic)) {
    throw new CorruptSnapshotError(`not a snapshot: it begins with ${view.toString('hex', 0, 8)}`);
  }
  const end = stateStart(bytes);
  if (end > view.length) throw new CorruptSnapshotError('the snapshot ends inside its header');
  let header: SnapshotHeader;
  try {
    header = JSON.parse(view.toString('utf8', prefixBytes, end)) as SnapshotHeader;
  } catch (error) {
    throw new CorruptSnapshotError('the snapshot header is no JSON', {}, error);
  }
  if (header.version !== 1 || !Number.isSafeInteger(header.offset)) {
    throw new CorruptSnapshotError(
      `expected snapshot version 1, found ${String(header.version)} at offset ${String(header.offset)}`,
    );
  }
  return header;
}
