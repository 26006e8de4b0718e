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
  CommittedPosition,
  EventLog,
  GroupMember,
  OutputRecord,
  PartitionExtent,
  TopicPartition,
} from '../event-log.ts';
import { placeAppend, prepareAppend, type PreparedAppend } from './append.ts';
import { openCommitSignal } from './commit-signal.ts';
import { openDurableTables } from '../../lmdb/tables.ts';
import { findOffsetAtTime, readExtent, readRange, type FetchPlace } from './fetch.ts';
import { joinEmbeddedGroup, type MemberTiming } from './group-member.ts';
import { decodePosition, encodePosition, groupPartitionKey, logTables } from './layout.ts';
import { keepRetention, retentionDefaults, type Retention } from './retention.ts';
import { createTopics, describeStored, openTopicTable } from './topics.ts';
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
  const { clock, logger, access = 'write' } = options;
  const dataDir = resolve(options.dataDir);
  const names = Object.values(logTables);
  const tables = openDurableTables({ dataDir, name: 'log', tables: names, access });
  const signal = openCommitSignal(realpathSync(dataDir));
  const topics = openTopicTable(tables);
  const turn = { next: Math.floor(Math.random() * 1_000_000) };
  const members = new Set<GroupMember>();
  const retention: Retention = { ...retentionDefaults, ...definedOnly(options) };
  const timing: MemberTiming = { ...timingDefaults, ...definedOnly(options) };
  let closed: Promise<void> | undefined;
  const stopRetention =
    access === 'write' ? keepRetention({ tables, retention, clock, logger }) : undefined;

  const prepare = (records: readonly OutputRecord[]): PreparedAppend =>
    prepareAppend(records, topics, { appendTimeMs: clock.nowMs(), turn });
  const place = (partition: TopicPartition): FetchPlace => ({
    topic: partition.topic,
    partition: partition.partition,
    topicId: topics.require(partition).id,
  });
  const extentOf = (partition: TopicPartition): PartitionExtent => {
    const { earliest, end } = readExtent(tables, place(partition));
    return { earliest, end };
  };
  const positionIn = (groupId: string, partition: TopicPartition): CommittedPosition | undefined =>
    decodePosition(tables.get(logTables.positions, groupPartitionKey(groupId, partition)));
  const close = async (): Promise<void> => {
    await Promise.all([...members].map((member) => member.leave()));
    signal.close();
    await stopRetention?.();
    await tables.close();
  };

  return {
    async ensureTopics(specs) {
      const { result, flushed } = await tables.update((view) => createTopics(view, specs));
      await flushed;
      return result;
    },
    async describeTopic(topic) {
      const stored = topics.find(topic);
      return stored === undefined ? undefined : describeStored(topic, stored);
    },
    async offsets(partition) {
      tables.refresh();
      return extentOf(partition);
    },
    async offsetsAll(partitions) {
      tables.refresh();
      return partitions.map(extentOf);
    },
    async offsetAtTime(partition, timeMs) {
      return findOffsetAtTime(tables, place(partition), timeMs);
    },
    async committed(groupId, partition) {
      tables.refresh();
      return positionIn(groupId, partition);
    },
    async observedPositions(groupId, partitions) {
      tables.refresh();
      // Commits are atomic and run one at a time, so none is ever pending.
      return partitions.map((partition) => ({
        committed: positionIn(groupId, partition),
        pending: false,
      }));
    },
    async commitOffsets(groupId, positions) {
      const { flushed } = await tables.update((view) => {
        for (const position of positions) {
          const key = groupPartitionKey(groupId, position);
          view.put(logTables.positions, key, encodePosition(position));
        }
      });
      await flushed;
    },
    read({ from, to, ...partition }) {
      const range = to === undefined ? { from } : { from, to };
      return readRange(tables, place(partition), range);
    },
    async append(records) {
      const prepared = prepare(records);
      const { result, flushed } = await tables.update((view) => placeAppend(view, prepared));
      signal.ring();
      await flushed;
      return result;
    },
    async joinGroup(joinOptions) {
      if (closed !== undefined) throw new UnavailableError('The embedded log is closed');
      const memberLog = { tables, topics, signal, clock, logger, ...timing };
      const member = await joinEmbeddedGroup(memberLog, joinOptions);
      members.add(member);
      return member;
    },
    groupMembers: () => Promise.resolve([]),
    async openWriter(groupId, partition, signalToAbort) {
      if (signalToAbort?.aborted === true) {
        throw new UnavailableError('Opening the partition writer was aborted');
      }
      topics.require(partition);
      const writerLog = {
        prepare: ({ records }: Commit) => prepare([...records]),
        update: tables.update,
        committed: () => signal.ring(),
      };
      return openPartitionWriter(writerLog, groupId, partition);
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
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
