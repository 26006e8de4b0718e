// Where to ask for a sensor that no shard of this process holds: the member of the group that owns
// its partition says its address when it joins. Asked of the log at most once a second, however
// many ask us.
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog, GroupMemberView, TopicPartition } from '../log/event-log.ts';
import { partitionForKey } from '../log/partitioning.ts';

export interface SensorOwnersOptions {
  readonly log: Pick<EventLog, 'describeTopic' | 'groupMembers'>;
  readonly clock: Clock;
  readonly groupId: string;
  readonly inputTopic: string;
  readonly rekeyedTopic: string;
  /**
   * This process's own, as it tells the group; undefined: it tells none, and sends nobody
   * elsewhere.
   */
  readonly advertisedUrl: string | undefined;
}

export interface SensorOwners {
  /**
   * Returns the addresses of other processes that may hold the sensor, the likelier first: whoever
   * owns the partition of the input that its id belongs in, and of the rekeyed topic.
   */
  urlsOf(sensorId: string): Promise<readonly string[]>;
  /**
   * Returns the address of the other process that holds the shard; none where it is unknown or this
   * one.
   */
  urlsOfShard(shard: TopicPartition): Promise<readonly string[]>;
}

interface GroupView {
  readonly partitions: number;
  readonly members: readonly GroupMemberView[];
}

const knownMs = 1_000;

export function createSensorOwners(options: SensorOwnersOptions): SensorOwners {
  const { log, clock, groupId, inputTopic, rekeyedTopic, advertisedUrl } = options;
  let known: Promise<GroupView> | undefined;
  let askedMs = -Infinity;

  const look = async (): Promise<GroupView> => {
    const [topic, members] = await Promise.all([
      log.describeTopic(inputTopic),
      log.groupMembers(groupId, inputTopic),
    ]);
    return { partitions: topic?.partitions ?? 0, members };
  };
  const current = (): Promise<GroupView> => {
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - askedMs < knownMs) return known;
    askedMs = nowMs;
    const asked = look();
    known = asked;
    // One that failed is not kept.
    asked.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked;
  };
  /** The addresses of others that hold one of the places, which are made of the view. */
  const urlsOfOthers = async (
    placesIn: (view: GroupView) => readonly TopicPartition[],
  ): Promise<readonly string[]> => {
    if (advertisedUrl === undefined) return [];
    let view: GroupView;
    try {
      view = await current();
    } catch (error) {
      if (isSensoriumError(error) && error.directive === 'retry') return [];
      throw error;
    }
    const urls = placesIn(view).map((place) => urlOfOwner(view.members, place));
    return [...new Set(urls)].filter(
      (url): url is string => url !== undefined && url !== advertisedUrl,
    );
  };
  return {
    urlsOf: (sensorId) =>
      urlsOfOthers(({ partitions }) => {
        if (partitions === 0) return [];
        const partition = partitionForKey(Buffer.from(sensorId), partitions);
        return [inputTopic, rekeyedTopic].map((topic) => ({ topic, partition }));
      }),
    urlsOfShard: (shard) => urlsOfOthers(() => [shard]),
  };
}

function urlOfOwner(
  members: readonly GroupMemberView[],
  place: TopicPartition,
): string | undefined {
  const owner = members.find(({ partitions }) =>
    partitions.some(
      ({ topic, partition }) => topic === place.topic && partition === place.partition,
    ),
  );
  return owner === undefined || owner.info === '' ? undefined : owner.info;
}
