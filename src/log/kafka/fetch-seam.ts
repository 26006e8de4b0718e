// The parts of kafkajs 2.2.4 that are replaced, through require.cache, before a thread loads it.
// Fetch responses come out as whole encoded record batches (one message each, CRC checked). Only
// this adapter moves a partition's fetch position. A failure of one partition stays its own.
// Next on the line: fetched-batch.ts turns the batches into cursors.
import { systemClock } from '../../clock.ts';
import { assert, InvariantError } from '../../errors.ts';
import { steadyConsumerGroup, type ConsumerGroupClass } from './consumer-group.ts';
import { checkedBatches, type CheckedBatch } from '../record-batch-header.ts';
import { nameFetchFailures, parseFetchResponse } from './fetch-response.ts';
import { holdFrame } from './frame-pool.ts';
import { replaceReceiving, type ReceivingConnection } from './frame-socket.ts';
import { withMonotonicDate } from './monotonic-date.ts';
import { nameRefusals } from './named-refusals.ts';
import { replaceReauthentication } from './reauthentication.ts';
import { framingCreateRequest, type CreateRequest } from './request-frame.ts';
import {
  replaceTimeout,
  replaceTimers,
  type QueueingConnection,
  type RequestQueue,
} from './request-queue.ts';

export const pinnedVersion = '2.2.4';
const installed = Symbol.for('sensorium.kafkajs.seam');

interface ProtocolErrors {
  readonly errorCodes: object[];
  readonly createErrorFromCode: (code: number) => Error;
}

const sleepers = new Set<() => void>();

/** Ends the sleep of consumers that found nothing to fetch: a partition has been resumed. */
export function wakeFetchers(): void {
  for (const wake of sleepers) wake();
}

/**
 * Installs the replacements in this thread; a second call does nothing.
 * @throws InvariantError when kafkajs is not the pinned version or was loaded before.
 */
export function installFetchSeam(require: NodeJS.Require): void {
  const load = (path: string): object => require(`kafkajs/${path}`) as object;
  const errors = load('src/protocol/error') as ProtocolErrors;
  if (Reflect.get(errors, installed) === true) return;
  const { version } = load('package.json') as { version?: string };
  assert(version === pinnedVersion, 'The fetch seam fits one version of kafkajs only', {
    expected: pinnedVersion,
    installed: version,
  });
  const loadedBefore = Object.keys(require.cache).some((id) =>
    id.includes('/kafkajs/src/consumer/'),
  );
  assert(!loadedBefore, 'kafkajs was loaded before the fetch seam');
  Reflect.set(errors, installed, true);
  withMonotonicDate(require, () => {
    replaceModules(require, errors);
    load('index.js');
  });
}

function replaceModules(require: NodeJS.Require, errors: ProtocolErrors): void {
  const load = (path: string): object => require(`kafkajs/${path}`) as object;
  const replace = (path: string, replacement: object): void => {
    const id = require.resolve(`kafkajs/${path}`);
    load(path);
    const cached = require.cache[id];
    assert(cached !== undefined, 'A module of kafkajs is not where it was', { path });
    cached.exports = replacement;
  };
  const { createErrorFromCode } = errors;
  replace('src/protocol/requests/fetch/v4/decodeMessages.js', decodeMessages);
  // Every version's parse is that of v0; each is loaded when it is first used.
  const responsePath = 'src/protocol/requests/fetch/v0/response.js';
  replace(responsePath, { ...load(responsePath), parse: parseFetchResponse });
  replace('src/consumer/batch.js', SeamBatch);
  replace('src/utils/sleep.js', interruptibleSleep);
  const requestPath = 'src/protocol/request.js';
  const Encoder = load('src/protocol/encoder.js') as new () => { readonly buffer: Buffer };
  replace(requestPath, framingCreateRequest(load(requestPath) as CreateRequest, Encoder));
  replaceOffsetManager(load('src/consumer/offsetManager') as { prototype: OffsetManager });
  const queue = load('src/network/requestQueue') as { prototype: RequestQueue };
  replaceTimers(queue);
  const connection = load('src/network/connection') as {
    prototype: QueueingConnection & ReceivingConnection;
  };
  replaceTimeout(queue, connection);
  replaceReceiving(connection);
  replaceReauthentication(
    connection,
    load('src/broker/saslAuthenticator') as Parameters<typeof replaceReauthentication>[1],
  );
  addErrorCodes(errors.errorCodes);
  const broker = load('src/broker') as { prototype: object };
  nameRefusals(broker, createErrorFromCode, load);
  nameFetchFailures(broker, createErrorFromCode);
  const groupPath = 'src/consumer/consumerGroup.js';
  const group = load(groupPath) as ConsumerGroupClass;
  replace(
    groupPath,
    steadyConsumerGroup(group, (delayMs) => systemClock.sleep(delayMs)),
  );
}

interface ByteDecoder {
  readInt32(): number;
  canReadBytes(length: number): boolean;
  readBytes(length: number): Buffer;
}

// The record set as it came: SeamBatch cuts and checks it, where topic and partition are known.
function decodeMessages(decoder: ByteDecoder): Promise<Uint8Array> {
  const length = decoder.readInt32();
  const whole = length > 0 && decoder.canReadBytes(length);
  const recordSet = whole ? decoder.readBytes(length) : new Uint8Array(0);
  holdFrame(recordSet);
  return Promise.resolve(recordSet);
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/** One partition of a fetch response. */
export interface FetchedPartition {
  readonly partition: number;
  /** Why nothing was fetched, and only of this partition. */
  readonly failure?: Error;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly messages: Uint8Array;
}

/**
 * Stands where kafkajs's Batch stood. It is never "empty", so that every fetch reaches `eachBatch`:
 * batches of nothing but markers, or of compacted or aborted records, must move the position too
 * (traps 8, 13), and an empty fetch tells the high watermark.
 */
export class SeamBatch {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;
  readonly messages: readonly never[] = [];
  readonly fetchedOffset: string;
  readonly recordSet: Uint8Array;
  readonly batches: readonly CheckedBatch[];
  readonly abortedTransactions: readonly AbortedTransaction[];
  /**
   * Why there are no batches: the broker's error, or an InvariantError where one is corrupt (trap
   * 6).
   */
  readonly failure: Error | undefined;

  constructor(topic: string, fetchedOffset: string, data: FetchedPartition) {
    this.topic = topic;
    this.partition = data.partition;
    this.highWatermark = data.highWatermark;
    this.fetchedOffset = fetchedOffset;
    this.recordSet = data.messages;
    this.abortedTransactions = data.abortedTransactions;
    const checked = data.failure ?? batchesOrFailure(data.messages, topic, data.partition);
    this.failure = checked instanceof Error ? checked : undefined;
    this.batches = checked instanceof Error ? [] : checked;
  }

  isEmpty(): boolean {
    return false;
  }

  isEmptyDueToFiltering(): boolean {
    return false;
  }

  firstOffset(): string {
    return this.fetchedOffset;
  }

  /** One below where to go on; kafkajs adds the one. */
  lastOffset(): string {
    const last = this.batches.at(-1)?.header.lastOffset ?? -1;
    return String(Math.max(last, Number(this.fetchedOffset) - 1));
  }

  offsetLag(): string {
    return String(Number(this.highWatermark) - 1 - Number(this.lastOffset()));
  }

  offsetLagLow(): string {
    return String(Number(this.highWatermark) - 1 - Number(this.fetchedOffset));
  }
}

/** Thrown, a corrupt batch of one partition would crash the consumer of all. */
function batchesOrFailure(
  recordSet: Uint8Array,
  topic: string,
  partition: number,
): readonly CheckedBatch[] | InvariantError {
  try {
    return checkedBatches(recordSet, { topic, partition });
  } catch (error) {
    if (error instanceof InvariantError) return error;
    throw error;
  }
}

function interruptibleSleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      sleepers.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, delayMs);
    sleepers.add(wake);
  });
}

interface OffsetManager {
  readonly topics: readonly string[];
  readonly memberAssignment: Readonly<Record<string, readonly number[]>>;
  readonly resolvedOffsets: Readonly<Record<string, Record<number, string>>>;
  committedOffsets(): Record<string, Record<number, string>>;
  resolveOffsets(): Promise<void>;
  setDefaultOffset(place: { readonly topic: string; readonly partition: number }): Promise<void>;
}

// Trap 12: on OFFSET_OUT_OF_RANGE kafkajs commits −2 as the group's offset and reads on elsewhere;
// that error is now delivered with its partition, and this refuses any other way there. And
// positions are ours alone: kafkajs neither asks the group for committed offsets nor falls back to
// the earliest; a partition that was not sought has no "committed" entry and is not fetched.
function replaceOffsetManager({ prototype }: { prototype: OffsetManager }): void {
  prototype.setDefaultOffset = ({ topic, partition }) =>
    Promise.reject(new InvariantError('kafkajs would move a position', { topic, partition }));
  prototype.resolveOffsets = function () {
    const committed = this.committedOffsets();
    for (const topic of this.topics) {
      const known: Record<number, string> = {};
      for (const partition of this.memberAssignment[topic] ?? []) {
        if (this.resolvedOffsets[topic]?.[partition] !== undefined) known[partition] = '0';
      }
      committed[topic] = known;
    }
    return Promise.resolve();
  };
}

function addErrorCodes(errorCodes: object[]): void {
  errorCodes.push(
    { type: 'PRODUCER_FENCED', code: 90, retriable: false, message: 'A newer producer took over' },
    { type: 'TRANSACTIONAL_ID_NOT_FOUND', code: 105, retriable: false, message: 'Id not found' },
    { type: 'TRANSACTION_ABORTABLE', code: 120, retriable: false, message: 'Abort, then retry' },
  );
}
