// The Kafka adapter of the event log: one per thread. kafkajs does connections, TLS, SASL and group
// membership; record batches, transactions, reads and retries are this folder's. Connections are
// shared within a log, not one a partition.
import { assert, UnavailableError } from '../../errors.ts';
import type {
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
import { Appender } from './appender.ts';
import { BatchLimits } from './batch-limits.ts';
import { createClient, type KafkaLogOptions } from './client.ts';
import { Connections } from './connections.ts';
import { groupMembers } from './group-members.ts';
import { KafkaGroupMember, type JoinOptions } from './group-member.ts';
import {
  commitPositions,
  committedPosition,
  firstOffsetAt,
  observedPositions,
  partitionOffsets,
  partitionOffsetsAll,
} from './offsets.ts';
import { openPartitionWriter } from './partition-writer.ts';
import { readPartition, type ReadRange } from './reader.ts';
import { createMissingTopics, describeTopic } from './topic-admin.ts';
import { topicIds } from './topic-ids.ts';

// A broker serves the requests of one connection one after another, so all writers of a thread on
// one would wait for each other's replication; one each would be partitions × brokers connections.
const writerConnectionsMax = 4;

/**
 * Returns the event log over Kafka; nothing is connected before it is used.
 * @throws ConfigError on unreadable PEM.
 */
export function openKafkaLog(options: KafkaLogOptions): EventLog {
  return new KafkaLog(options);
}

class KafkaLog implements EventLog {
  readonly #options: KafkaLogOptions;
  readonly #general: Connections;
  readonly #forWriters: Map<number, Connections> = new Map();
  readonly #limits = new BatchLimits();
  readonly #appender: Appender;
  readonly #members: Set<KafkaGroupMember> = new Set();
  readonly #writers: Set<PartitionWriter> = new Set();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(options: KafkaLogOptions) {
    this.#options = options;
    this.#general = new Connections(createClient(options));
    this.#appender = new Appender(this.#general, this.#limits);
  }

  ensureTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    this.#assertOpen();
    return createMissingTopics(this.#general, specs, this.#options.replicationFactor);
  }

  describeTopic(topic: string): Promise<TopicDescription | undefined> {
    this.#assertOpen();
    return describeTopic(this.#general, topic);
  }

  topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    this.#assertOpen();
    return topicIds(this.#general, topics);
  }

  offsets(place: TopicPartition): Promise<PartitionExtent> {
    this.#assertOpen();
    return partitionOffsets(this.#general, place);
  }

  offsetsAll(places: readonly TopicPartition[]): Promise<readonly PartitionExtent[]> {
    this.#assertOpen();
    return partitionOffsetsAll(this.#general, places);
  }

  offsetAtTime(place: TopicPartition, timeMs: number): Promise<number> {
    this.#assertOpen();
    return firstOffsetAt(this.#general, place, timeMs);
  }

  committed(groupId: string, place: TopicPartition): Promise<CommittedPosition | undefined> {
    this.#assertOpen();
    return committedPosition(this.#general, groupId, place);
  }

  observedPositions(
    groupId: string,
    places: readonly TopicPartition[],
  ): Promise<readonly ObservedPosition[]> {
    this.#assertOpen();
    return observedPositions(this.#general, groupId, places);
  }

  commitOffsets(
    groupId: string,
    positions: readonly (TopicPartition & CommittedPosition)[],
  ): Promise<void> {
    this.#assertOpen();
    for (const member of this.#members) {
      if (member.groupId === groupId) return member.commitOffsets(positions);
    }
    return commitPositions(this.#general, groupId, positions);
  }

  read(range: ReadRange): AsyncIterable<FetchedBatch> {
    this.#assertOpen();
    return readPartition(this.#general, this.#options.fetchDecoder ?? 'fast', range);
  }

  append(records: readonly OutputRecord[]): Promise<CommitResult> {
    this.#assertOpen();
    return this.#appender.append(records);
  }

  async joinGroup(options: JoinOptions): Promise<GroupMember> {
    this.#assertOpen();
    const host = {
      log: this.#options,
      offsets: (place: TopicPartition) => partitionOffsets(this.#general, place),
    };
    const member = new KafkaGroupMember(host, options);
    // Before it joins: as soon as it is assigned partitions, writers of them are opened.
    this.#members.add(member);
    try {
      await member.join();
    } catch (error) {
      this.#members.delete(member);
      throw error;
    }
    if (this.#closing.signal.aborted) await member.leave();
    this.#assertOpen();
    return {
      start: (place, from) => member.start(place, from),
      pause: (place) => member.pause(place),
      resume: (place) => member.resume(place),
      heartbeatAfterNow: () => member.heartbeatAfterNow(),
      unconfirmedMs: () => member.unconfirmedMs(),
      unansweredMs: (place) => member.unansweredMs(place),
      leave: async () => {
        await member.leave();
        this.#members.delete(member);
      },
    };
  }

  groupMembers(groupId: string, topic: string): Promise<readonly GroupMemberView[]> {
    this.#assertOpen();
    return groupMembers(this.#general, groupId, topic);
  }

  async openWriter(
    groupId: string,
    input: TopicPartition,
    signal?: AbortSignal,
  ): Promise<PartitionWriter> {
    this.#assertOpen();
    const connections = this.#connectionsFor(input);
    const { logger, transactionTimeoutMs } = this.#options;
    const stop = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    const writer = await openPartitionWriter(
      {
        connections,
        limits: this.#limits,
        logger,
        groupId,
        input,
        membership: this.#memberAt(groupId, input),
        transactionTimeoutMs,
      },
      stop,
    );
    this.#writers.add(writer);
    return {
      epoch: writer.epoch,
      commit: (commit) => writer.commit(commit),
      begin: () => writer.begin(),
      close: async () => {
        this.#writers.delete(writer);
        await writer.close();
      },
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#members].map((member) => member.leave()));
    await Promise.all([...this.#writers].map((writer) => writer.close()));
    await Promise.all([this.#general, ...this.#forWriters.values()].map((each) => each.close()));
  }

  #connectionsFor({ topic, partition }: TopicPartition): Connections {
    const slot = (topic.length + partition) % writerConnectionsMax;
    const existing = this.#forWriters.get(slot);
    if (existing !== undefined) return existing;
    const connections = new Connections(createClient(this.#options));
    this.#forWriters.set(slot, connections);
    return connections;
  }

  #memberAt(groupId: string, place: TopicPartition): KafkaGroupMember | undefined {
    const members = [...this.#members].filter((member) => member.groupId === groupId);
    return members.find((member) => member.standingAt(place) !== undefined) ?? members[0];
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new UnavailableError('The Kafka log is closed');
    assert(this.#options.brokers.length > 0, 'A Kafka log needs a broker');
  }
}
