// Finds the process that holds a sensor or shard unknown here. Every member of the group publishes
// its URL when it joins. The group is read at most once a second, however many requests need it.
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog, GroupMemberView } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionForKey } from '../records/partitioning.ts';
import { deviceOf, type InputDeclaration } from '../sensors/input-declaration.ts';

export interface SensorOwnersOptions {
  readonly log: Pick<EventLog, 'describeTopic' | 'groupMembers'>;
  readonly clock: Clock;
  readonly groupId: string;
  readonly inputTopic: string;
  readonly rekeyedTopic: string;
  /** URL this process publishes to the group; undefined publishes none and disables redirects. */
  readonly advertisedUrl: string | undefined;
  /** The declared shape of the records: their key is the device, not the sensor. */
  readonly input?: InputDeclaration | undefined;
}

export interface SensorOwners {
  /**
   * Resolves with the URLs of other processes that may hold the sensor, most likely first: the
   * owners of its partition in the input topic and in the rekeyed topic.
   */
  urlsOf(sensorId: string): Promise<readonly string[]>;
  /** Resolves with the URL of the process that holds the shard; empty if unknown or this one. */
  urlsOfShard(shard: TopicPartition): Promise<readonly string[]>;
  /** Resolves with the URLs of all other processes that hold a partition. */
  urlsOfAll(): Promise<readonly string[]>;
}

interface GroupView {
  /** Of the input and of the rekeyed topic; they may differ. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly members: readonly GroupMemberView[];
}

const cachedMs = 1_000;

export function createSensorOwners(options: SensorOwnersOptions): SensorOwners {
  const { log, clock, groupId, inputTopic, rekeyedTopic, advertisedUrl, input } = options;
  let cached: Promise<GroupView> | undefined;
  let requestedMs = -Infinity;

  const readGroup = async (): Promise<GroupView> => {
    const [input, rekeyed, members] = await Promise.all([
      log.describeTopic(inputTopic),
      log.describeTopic(rekeyedTopic),
      log.groupMembers(groupId, inputTopic),
    ]);
    const partitions = new Map([
      [inputTopic, input?.partitions ?? 0],
      [rekeyedTopic, rekeyed?.partitions ?? 0],
    ]);
    return { partitions, members };
  };
  const current = (): Promise<GroupView> => {
    const nowMs = clock.monotonicMs();
    if (cached !== undefined && nowMs - requestedMs < cachedMs) return cached;
    requestedMs = nowMs;
    const requested = readGroup();
    cached = requested;
    // A failed request is not cached.
    requested.catch(() => {
      if (cached === requested) cached = undefined;
    });
    return requested;
  };
  /** Resolves with the URLs of the other processes that hold one of the partitions. */
  const urlsOfOthers = async (
    partitionsIn: (view: GroupView) => readonly TopicPartition[],
  ): Promise<readonly string[]> => {
    if (advertisedUrl === undefined) return [];
    let view: GroupView;
    try {
      view = await current();
    } catch (error) {
      if (isSensoriumError(error) && error.directive === 'retry') return [];
      throw error;
    }
    const urls = partitionsIn(view).map((partition) => urlOfOwner(view.members, partition));
    return [...new Set(urls)].filter(
      (url): url is string => url !== undefined && url !== advertisedUrl,
    );
  };
  return {
    urlsOf: (sensorId) =>
      urlsOfOthers(({ partitions }) => {
        const key = Buffer.from(deviceOf(sensorId, input));
        return [...partitions].flatMap(([topic, count]) =>
          count === 0 ? [] : [{ topic, partition: partitionForKey(key, count) }],
        );
      }),
    urlsOfShard: (shard) => urlsOfOthers(() => [shard]),
    urlsOfAll: () => urlsOfOthers(({ members }) => members.flatMap((member) => member.partitions)),
  };
}

function urlOfOwner(
  members: readonly GroupMemberView[],
  wanted: TopicPartition,
): string | undefined {
  const owner = members.find(({ partitions }) =>
    partitions.some(
      ({ topic, partition }) => topic === wanted.topic && partition === wanted.partition,
    ),
  );
  return owner === undefined || owner.info === '' ? undefined : owner.info;
}
