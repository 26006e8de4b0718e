// The committed state of both groups: position and lag per partition, and the shard's metadata.
import { decodePositionMetadata, journaledEntries } from '../actors/position-metadata.ts';
import { knownTimeMs } from '../actors/source-clocks.ts';
import type { Config } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { featureTopics, topicNames } from '../log/topics.ts';

/** Printed as it is by `inspect --json`, hence the snake case. */
export interface GroupPosition {
  readonly topic: string;
  readonly partition: number;
  /** Next offset; null if nothing was ever committed. */
  readonly position: number | null;
  readonly earliest: number;
  readonly end: number;
  /** Records from the position to the end; from the earliest offset if nothing was committed. */
  readonly lag: number;
}

export interface ShardPosition extends GroupPosition {
  readonly origin: number | null;
  readonly watermark_ms: number | null;
  readonly fingerprint: string | null;
  readonly journal_entries: number;
  readonly snapshots: readonly {
    readonly id: string;
    readonly bytes: number;
    readonly taken_ms: number;
  }[];
}

export interface Groups {
  readonly group: string;
  readonly shards: readonly ShardPosition[];
  readonly projection_group: string;
  readonly projection: readonly GroupPosition[];
}

/** Returns the positions of the processing group and its projection; none for missing topics. */
export async function readGroups(log: EventLog, config: Config): Promise<Groups> {
  const { process: settings } = config;
  const names = topicNames(settings);
  const group = settings.groupId;
  const projectionGroup = `${group}-projection`;
  const projection: Committed[] = [];
  for (const { topic } of featureTopics(config)) {
    projection.push(...(await readTopic(log, projectionGroup, topic)));
  }
  return {
    group,
    shards: await readShardPositions(log, group, [names.input, names.rekeyed]),
    projection_group: projectionGroup,
    projection: projection.map(({ position }) => position),
  };
}

type PositionLog = Pick<EventLog, 'describeTopic' | 'observedPositions' | 'offsetsAll'>;

/** Returns what a group has committed for the shards of `topics`; none for missing topics. */
export async function readShardPositions(
  log: PositionLog,
  groupId: string,
  topics: readonly string[],
): Promise<readonly ShardPosition[]> {
  const shards: Committed[] = [];
  for (const topic of topics) shards.push(...(await readTopic(log, groupId, topic)));
  return shards.map(({ position, metadata }) => ({
    ...position,
    ...describe(position, metadata),
  }));
}

interface Committed {
  readonly position: GroupPosition;
  readonly metadata: string;
}

async function readTopic(
  log: PositionLog,
  groupId: string,
  topic: string,
): Promise<readonly Committed[]> {
  const description = await log.describeTopic(topic);
  const places = partitionsOf(topic, description?.partitions ?? 0);
  const positions = await log.observedPositions(groupId, places);
  const extents = await log.offsetsAll(places);
  return places.map(({ partition }, index) => {
    const committed = positions[index]?.committed;
    const { earliest, end } = extents[index] ?? { earliest: 0, end: 0 };
    const position = committed?.nextOffset ?? null;
    const lag = Math.max(0, end - Math.max(earliest, position ?? earliest));
    return {
      position: { topic, partition, position, earliest, end, lag },
      metadata: committed?.metadata ?? '',
    };
  });
}

function describe(
  { topic, partition }: GroupPosition,
  text: string,
): Omit<ShardPosition, keyof GroupPosition> {
  const metadata = text === '' ? undefined : decodePositionMetadata(text, `${topic}/${partition}`);
  return {
    origin: metadata?.origin ?? null,
    watermark_ms: knownTimeMs(metadata?.watermarkMs ?? -Infinity),
    fingerprint: metadata?.fingerprint ?? null,
    journal_entries: metadata === undefined ? 0 : journaledEntries(metadata),
    snapshots: (metadata?.snapshots ?? []).map(({ id, length, takenMs }) => ({
      id,
      bytes: length,
      taken_ms: takenMs,
    })),
  };
}
