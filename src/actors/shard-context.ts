// Shared by every shard of one worker thread: ports, settings and the topics' shapes. Made once
// by the worker.
import type { Clock } from '../clock.ts';
import type { EventLog } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import type { TopicIds } from '../log/topic-ids.ts';
import type { TopicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import type { SchemaSource } from '../registry/schema-source.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { CreateBaseline } from '../sensors/create-baseline.ts';
import type { ClosedWindow, Semantics } from '../sensors/shard-state.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { SnapshotStore } from '../stores/snapshot-store.ts';

import type { GroupCounts } from './group-counts.ts';
import type { HeldPositions } from './held-positions.ts';
import type { JournalShards } from './journal-shards.ts';
import type { SourceWatch } from './source-watch.ts';

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
  /** Deaths of Sparkplug devices are events of the anomaly topic. */
  readonly mqttPayload?: 'json' | 'sparkplug';
  /** Ids of the registered schemas of output topics, by topic; left out without a registry. */
  readonly outputSchemaIds?: Readonly<Record<string, number>>;
}

/** The counts are those of when the thread began. */
export interface ShardContext extends GroupCounts {
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
  /** Encodes a feature row; fixed by OUTPUT_FORMAT. */
  encodeFeatureRow(window: ClosedWindow, shard: TopicPartition): Uint8Array;
  /** How far the sources have come; asked for by one question for all shards of the thread. */
  readonly sources: Pick<SourceWatch, 'active' | 'allIdle' | 'forwardClock' | 'tick' | 'view'>;
  readonly snapshotTurn: SnapshotTurn;
  readonly journalShards: JournalShards;
  readonly heldPositions: HeldPositions;
  readonly topicIds: Pick<TopicIds, 'now'>;
  /** Left out where traces are off. */
  readonly tracer?: Tracer | undefined;
  /** The schemas that records name; left out where the declaration names no registry. */
  readonly schemas?: SchemaSource | undefined;
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

/** Returns the key of a shard in journal, snapshots and log lines. */
export function shardKeyOf(groupId: string, shard: TopicPartition): string {
  return `${groupId}/${shard.topic}/${shard.partition}`;
}
