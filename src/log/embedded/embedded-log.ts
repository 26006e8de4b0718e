// The embedded event log: the event-log port on LMDB, for all threads of one process, durable
// through kill -9. Each thread opens it on the same folder. A commit is one transaction
// (src/lmdb/tables.ts).
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

import type { Clock } from '../../clock.ts';
import { UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type {
  Commit,
  CommitResult,
  CommittedPosition,
  EventLog,
  FetchedBatch,
  GroupMember,
  GroupMemberView,
  ObservedPosition,
  PartitionExtent,
  PartitionWriter,
  TopicDescription,
  TopicSpec,
} from '../event-log.ts';
import type { OutputRecord, TopicPartition } from '../../records/record.ts';
import { placeAppend, prepareAppend, type PreparedAppend } from './append.ts';
import { openCommitSignal, type CommitSignal } from './commit-signal.ts';
import { openDurableTables, type Tables } from '../../lmdb/tables.ts';
import { findOffsetAtTime, readExtent, readRange, type FetchPlace } from './fetch.ts';
import { joinEmbeddedGroup, type MemberOptions, type MemberTiming } from './group-member.ts';
import { decodePosition, encodePosition, groupPartitionKey, logTables } from './layout.ts';
import { keepRetention, retentionDefaults, type Retention } from './retention.ts';
import { createTopics, describeStored, openTopicTable, type TopicTable } from './topics.ts';
import { openPartitionWriter } from './writer.ts';

export interface EmbeddedLogOptions extends Partial<MemberTiming>, Partial<Retention> {
  /** Folder of the log (in `log/`), used by one process at a time. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `read` opens read-only, even beside the process that holds the folder. Default `write`. */
  readonly access?: 'write' | 'read';
}

const timingDefaults: MemberTiming = { heartbeatMs: 1_000, sessionTimeoutMs: 6_000 };

/**
 * Opens the embedded log of `dataDir`, creating it if missing.
 * @throws ConfigError if another process holds the folder (with its pid), or it cannot be written.
 */
export function openEmbeddedLog(options: EmbeddedLogOptions): EventLog {
  return new EmbeddedLog(options);
}

class EmbeddedLog implements EventLog {
  readonly #options: EmbeddedLogOptions;
  readonly #tables: Tables;
  readonly #signal: CommitSignal;
  readonly #topics: TopicTable;
  readonly #members: Set<GroupMember> = new Set();
  readonly #turn = { next: Math.floor(Math.random() * 1_000_000) };
  readonly #stopRetention: (() => Promise<void>) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: EmbeddedLogOptions) {
    const { clock, logger, access = 'write' } = options;
    const dataDir = resolve(options.dataDir);
    const names = Object.values(logTables);
    this.#options = options;
    this.#tables = openDurableTables({ dataDir, name: 'log', tables: names, access });
    this.#signal = openCommitSignal(realpathSync(dataDir));
    this.#topics = openTopicTable(this.#tables);
    const retention: Retention = { ...retentionDefaults, ...definedOnly(options) };
    this.#stopRetention =
      access === 'write'
        ? keepRetention({ tables: this.#tables, retention, clock, logger })
        : undefined;
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    const { result, flushed } = await this.#tables.update((view) => createTopics(view, specs));
    await flushed;
    return result;
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    const stored = this.#topics.find(topic);
    return stored === undefined ? undefined : describeStored(topic, stored);
  }

  async topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const ids = topics.map((topic) => [topic, this.#topics.find(topic)?.uuid] as const);
    return new Map(ids.flatMap(([topic, id]) => (id === undefined ? [] : [[topic, id]])));
  }

  async offsets(partition: TopicPartition): Promise<PartitionExtent> {
    this.#tables.refresh();
    return this.#extentOf(partition);
  }

  async offsetsAll(partitions: readonly TopicPartition[]): Promise<readonly PartitionExtent[]> {
    this.#tables.refresh();
    return partitions.map((partition) => this.#extentOf(partition));
  }

  async offsetAtTime(partition: TopicPartition, timeMs: number): Promise<number> {
    return findOffsetAtTime(this.#tables, this.#place(partition), timeMs);
  }

  async committed(
    groupId: string,
    partition: TopicPartition,
  ): Promise<CommittedPosition | undefined> {
    this.#tables.refresh();
    return this.#positionIn(groupId, partition);
  }

  async observedPositions(
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly ObservedPosition[]> {
    this.#tables.refresh();
    // Commits are atomic and run one at a time, so none is ever pending.
    return partitions.map((partition) => ({
      committed: this.#positionIn(groupId, partition),
      pending: false,
    }));
  }

  async commitOffsets(
    groupId: string,
    positions: readonly (TopicPartition & CommittedPosition)[],
  ): Promise<void> {
    const { flushed } = await this.#tables.update((view) => {
      for (const position of positions) {
        const key = groupPartitionKey(groupId, position);
        view.put(logTables.positions, key, encodePosition(position));
      }
    });
    await flushed;
  }

  read({ from, to, ...partition }: Parameters<EventLog['read']>[0]): AsyncIterable<FetchedBatch> {
    const range = to === undefined ? { from } : { from, to };
    return readRange(this.#tables, this.#place(partition), range);
  }

  async append(records: readonly OutputRecord[]): Promise<CommitResult> {
    const prepared = this.#prepare(records);
    const { result, flushed } = await this.#tables.update((view) => placeAppend(view, prepared));
    this.#signal.ring();
    await flushed;
    return result;
  }

  async joinGroup(joinOptions: MemberOptions): Promise<GroupMember> {
    if (this.#closed !== undefined) throw new UnavailableError('The embedded log is closed');
    const { clock, logger } = this.#options;
    const member = await joinEmbeddedGroup(
      {
        tables: this.#tables,
        topics: this.#topics,
        signal: this.#signal,
        clock,
        logger,
        ...timingDefaults,
        ...definedOnly(this.#options),
      },
      joinOptions,
    );
    this.#members.add(member);
    return member;
  }

  groupMembers(): Promise<readonly GroupMemberView[]> {
    return Promise.resolve([]);
  }

  async openWriter(
    groupId: string,
    partition: TopicPartition,
    signalToAbort?: AbortSignal,
  ): Promise<PartitionWriter> {
    if (signalToAbort?.aborted === true) {
      throw new UnavailableError('Opening the partition writer was aborted');
    }
    this.#topics.require(partition);
    const writerLog = {
      prepare: ({ records }: Commit) => this.#prepare([...records]),
      update: this.#tables.update,
      committed: () => this.#signal.ring(),
    };
    return openPartitionWriter(writerLog, groupId, partition);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.leave()));
    this.#signal.close();
    await this.#stopRetention?.();
    await this.#tables.close();
  }

  #prepare(records: readonly OutputRecord[]): PreparedAppend {
    const appendTimeMs = this.#options.clock.nowMs();
    return prepareAppend(records, this.#topics, { appendTimeMs, turn: this.#turn });
  }

  #place(partition: TopicPartition): FetchPlace {
    return {
      topic: partition.topic,
      partition: partition.partition,
      topicId: this.#topics.require(partition).id,
    };
  }

  #extentOf(partition: TopicPartition): PartitionExtent {
    const { earliest, end } = readExtent(this.#tables, this.#place(partition));
    return { earliest, end };
  }

  #positionIn(groupId: string, partition: TopicPartition): CommittedPosition | undefined {
    return decodePosition(
      this.#tables.get(logTables.positions, groupPartitionKey(groupId, partition)),
    );
  }
}

/** Returns only the options that are set, so that a spread keeps the defaults. */
function definedOnly(options: EmbeddedLogOptions): Partial<MemberTiming> & Partial<Retention> {
  const { heartbeatMs, sessionTimeoutMs, retentionMs, retentionBytes } = options;
  return {
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(retentionBytes === undefined ? {} : { retentionBytes }),
  };
}
