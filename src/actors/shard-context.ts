// What every shard of one worker thread shares: ports, settings and the topics' shapes. Made once
// by the worker.
import type { Clock } from '../clock.ts';
import type { EventLog, TopicPartition } from '../log/event-log.ts';
import type { TopicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { CreateBaseline } from '../sensors/create-baseline.ts';
import type { ClosedWindow, Semantics } from '../sensors/shard-state.ts';
import type { SnapshotStore } from '../stores/snapshot-store.ts';

import type { JournalShards } from './journal-shards.ts';
import type { ShardMemory } from './shard-memory.ts';

export interface ShardSettings {
  readonly groupId: string;
  readonly idleTimeoutMs: number;
  readonly commitIntervalMs: number;
  readonly snapshotIntervalMs: number;
  /** Kafka aborts a commit that takes longer. */
  readonly transactionTimeoutMs: number;
  readonly openWindowsMax: number;
  readonly startingOffsets: 'earliest' | 'latest';
  /** Go on where records were deleted before they were read. */
  readonly acceptGap: boolean;
  readonly anomalyEvents: 'alarms' | 'all' | 'off';
  readonly outputFormat: 'json' | 'avro';
}

export interface ShardContext {
  readonly log: EventLog;
  readonly snapshots: SnapshotStore;
  readonly semantics: Semantics;
  readonly settings: ShardSettings;
  readonly topics: TopicNames;
  /** Topics of feature rows by window length, `topics.output` the first. */
  readonly featureTopics: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Partitions of the input topic = sources of the rekeyed topic. */
  readonly sourcePartitions: number;
  readonly rekeyedPartitions: number;
  readonly journalPartitions: number;
  /** Encodes a feature row; fixed by OUTPUT_FORMAT. */
  encodeFeatureRow(window: ClosedWindow, shard: TopicPartition): Uint8Array;
  readonly rekeying: RekeyingView;
  readonly snapshotTurn: SnapshotTurn;
  readonly journalShards: JournalShards;
  /** Bytes that one transaction may hold; left out, as many as fit its time. Tests want few. */
  readonly commitBytesMax?: number;
  /** The baseline that the semantics name, unless a test brings one of its own. */
  readonly createBaseline?: CreateBaseline;
}

/**
 * A snapshot may be hundreds of megabytes: the shards of a thread take turns in copying and storing
 * theirs.
 */
export interface SnapshotTurn {
  taken: boolean;
}

/** What the router learns once a second about the rekeyed topic, for all shards of the thread. */
export interface RekeyingView {
  /** Some rekeyed partition holds records, so sources must keep their clocks heard. */
  active: boolean;
  /**
   * The least event time (ms) among sources that are not idle, from committed metadata; undefined =
   * unknown.
   */
  leastSourceMs: number | undefined;
}

/** Returns the key of a shard in journal, snapshots and log lines. */
export function shardKeyOf(groupId: string, shard: TopicPartition): string {
  return `${groupId}/${shard.topic}/${shard.partition}`;
}

/** Returns whether the source is so far ahead of its slowest sibling that it must wait for it. */
export function runsAhead(memory: ShardMemory, context: ShardContext): boolean {
  const { rekeying, settings, semantics } = context;
  if (memory.role !== 'source' || !rekeying.active || rekeying.leastSourceMs === undefined) {
    return false;
  }
  const aheadMs = memory.sourceMaxMs - rekeying.leastSourceMs;
  return aheadMs > settings.openWindowsMax * semantics.windowMs;
}
