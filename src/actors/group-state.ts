// The state of a group before this process joins it: the offset range of each shard's partition and
// the position committed for it. Read-only; one request per broker and one page of positions,
// however many partitions there are.
import { forwardGroupOf } from '../codecs/forward-group.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import type { CommittedPosition, EventLog, PartitionExtent } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { IdsByTopic } from '../log/topic-ids.ts';
import { topicNames, type TopicNames } from '../log/topics.ts';
import { keptCounts } from './group-counts.ts';
import { JournalShards } from './journal-shards.ts';
import { decodePositionMetadata } from './position-metadata.ts';
import { journalPartitionOf } from './restore.ts';
import { shardKeyOf } from './shard-context.ts';

export interface GroupShard {
  readonly shard: TopicPartition;
  readonly extent: PartitionExtent;
  /** undefined where the group never committed, or where that is gone. */
  readonly committed: CommittedPosition | undefined;
  /** Whether a transaction that has not ended yet may replace it. */
  readonly pending: boolean;
  /** Where the journal has entries of the shard; looked for only where nothing is committed. */
  readonly journaledIn: TopicPartition | undefined;
}

export interface GroupState {
  /** Partitions of the input; none where it does not exist yet. */
  readonly sources: number;
  /** Of the input and of the rekeyed topic. */
  readonly shards: readonly GroupShard[];
  /** Where a group that is new would find forwards that name no group: they are of another. */
  readonly strangeForwards?: TopicPartition | undefined;
  readonly topicIds: IdsByTopic;
}

type Log = Pick<
  EventLog,
  'describeTopic' | 'observedPositions' | 'offsets' | 'offsetsAll' | 'read' | 'topicIds'
>;

/**
 * Returns the state of the group that `config` names.
 * @throws UnavailableError, ConfigError where it may not be read.
 */
export async function readGroupState(
  log: Log,
  { process: settings }: Pick<Config, 'process'>,
): Promise<GroupState> {
  const { groupId } = settings;
  const topics = topicNames(settings);
  const countOf = async (topic: string): Promise<number> =>
    (await log.describeTopic(topic))?.partitions ?? 0;
  const sources = await countOf(topics.input);
  const places = [
    ...partitionsOf(topics.input, sources),
    ...partitionsOf(topics.rekeyed, await countOf(topics.rekeyed)),
  ];
  const journals = partitionsOf(topics.journal, await countOf(topics.journal));
  const journalShards = new JournalShards(log);
  let journalsOf: ((shard: TopicPartition) => readonly TopicPartition[]) | undefined;
  const journalOf = async (shard: TopicPartition): Promise<TopicPartition | undefined> => {
    for (const journal of journalsOf?.(shard) ?? []) {
      if (await journalShards.has(journal, shardKeyOf(groupId, shard))) return journal;
    }
    return undefined;
  };
  const look = async (of: readonly TopicPartition[]): Promise<readonly GroupShard[]> => {
    // In this order: a group that runs commits nothing past an end that is read after it.
    const positions = await log.observedPositions(groupId, of);
    const found = positions.flatMap(({ committed }) => committed ?? []);
    journalsOf ??= await journalPlaces(log, { journals, found, settings, topics });
    const extents = await log.offsetsAll(of);
    return Promise.all(
      of.map(async (shard, index): Promise<GroupShard> => {
        const extent = extents[index] ?? { earliest: 0, end: 0 };
        const { committed, pending } = positions[index] ?? { committed: undefined, pending: false };
        const journaledIn = committed === undefined ? await journalOf(shard) : undefined;
        return { shard, extent, committed, pending, journaledIn };
      }),
    );
  };
  const first = await look(places);
  // Others may have committed, or trimmed what they had, between two of these answers: then it
  // shows at a second look.
  const again = await look(first.filter(isSuspect).map(({ shard }) => shard));
  const latest = new Map(again.map((state) => [partitionKey(state.shard), state]));
  const shards = first.map((state) => latest.get(partitionKey(state.shard)) ?? state);
  const topicIds = await log.topicIds([topics.input, topics.rekeyed, topics.journal]);
  return { sources, shards, strangeForwards: await strangeForwards(log, shards, topics), topicIds };
}

/**
 * Returns the fingerprint that the group has committed for its input; undefined where it is new, or
 * another program's.
 */
export async function committedFingerprint(
  log: Pick<EventLog, 'describeTopic' | 'observedPositions'>,
  { process: settings }: Pick<Config, 'process'>,
): Promise<string | undefined> {
  const partitions = (await log.describeTopic(settings.inputTopic))?.partitions ?? 0;
  const places = partitionsOf(settings.inputTopic, partitions);
  const observed = await log.observedPositions(settings.groupId, places);
  const found = observed.find(({ committed }) => committed !== undefined)?.committed;
  if (found === undefined) return undefined;
  try {
    return decodePositionMetadata(found.metadata, settings.inputTopic).fingerprint;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/**
 * A group that has committed nothing of its input has forwarded nothing. Forwards that name their
 * group need no look: the fold leaves out those of others.
 */
async function strangeForwards(
  log: Pick<EventLog, 'read'>,
  shards: readonly GroupShard[],
  { input, rekeyed }: TopicNames,
): Promise<TopicPartition | undefined> {
  const isNew = shards
    .filter(({ shard }) => shard.topic === input)
    .every((state) => state.committed === undefined && !state.pending && !state.journaledIn);
  if (!isNew) return undefined;
  for (const { shard, extent } of shards) {
    if (shard.topic !== rekeyed || extent.end === extent.earliest) continue;
    const from = extent.earliest;
    for await (const batch of log.read({ ...shard, from, settledOnly: true })) {
      const record = batch.records();
      if (!record.next()) continue;
      if (forwardGroupOf(record.headers()) === undefined) return shard;
      break;
    }
  }
  return undefined;
}

/**
 * Returns where the journal of a shard may be that has no committed position: the journal may have
 * had fewer partitions when the shard began, as the positions of the others tell.
 */
async function journalPlaces(
  log: Pick<EventLog, 'offsetsAll'>,
  { journals, found, settings, topics }: JournalPlaces,
): Promise<(shard: TopicPartition) => readonly TopicPartition[]> {
  if (found.length > 0) {
    const counts = new Set([...keptJournalCounts(found), journals.length]);
    counts.delete(0);
    return (shard) =>
      [...counts].map((count) => journalPartitionOf({ settings, topics }, shard, count));
  }
  // A new group, or one whose positions are all gone: any partition may hold it.
  const extents = await log.offsetsAll(journals);
  const filled = journals.filter((_, index) => {
    const { earliest, end } = extents[index] ?? { earliest: 0, end: 0 };
    return end > earliest;
  });
  return () => filled;
}

interface JournalPlaces {
  readonly journals: readonly TopicPartition[];
  readonly found: readonly CommittedPosition[];
  readonly settings: Pick<Config['process'], 'groupId'>;
  readonly topics: Pick<TopicNames, 'journal'>;
}

function keptJournalCounts(positions: readonly CommittedPosition[]): readonly number[] {
  try {
    return keptCounts(positions).journal;
  } catch (error) {
    // Another program's positions: `preflight` refuses them.
    if (error instanceof ConfigError) return [];
    throw error;
  }
}

function isSuspect({ committed, extent, journaledIn }: GroupShard): boolean {
  return (
    journaledIn !== undefined || (committed !== undefined && committed.nextOffset < extent.earliest)
  );
}
