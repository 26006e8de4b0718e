// Searches the sensors of a thread's shards for one page. The search goes in steps of milliseconds,
// and the thread folds in between: people who look must not hold up the stream.
import type { Clock } from '../clock.ts';
import type { TopicPartition } from '../records/record.ts';
import { sensorOrder, type SensorScan, type SensorQuery } from '../sensors/sensor-list.ts';
import type { PlacedSensor, SensorPage, SensorSearch } from './protocol.ts';

export interface SearchedShard {
  readonly partition: TopicPartition;
  /** Returns undefined while the shard has no memory to search. */
  sensorScan(query: SensorQuery): SensorScan | undefined;
}

/** Resolves with the page of all shards together, or of the one that the search names. */
export async function searchShards(
  clock: Clock,
  shards: readonly SearchedShard[],
  { shard, ...query }: SensorSearch,
): Promise<SensorPage> {
  const pages: SensorPage[] = [];
  for (const searched of shards) {
    const { topic, partition } = searched.partition;
    if (shard !== null && (shard.topic !== topic || shard.partition !== partition)) continue;
    const scan = searched.sensorScan(query);
    if (scan === undefined) continue;
    while (scan.step()) await clock.sleep(0);
    const sensors = scan.page().map((sensor) => ({ ...sensor, topic, partition }));
    pages.push({ sensors, matching: scan.matching });
  }
  return mergedPage(pages, query);
}

/** Returns one page from the pages of several searches of the same query. */
export function mergedPage<Sensor extends PlacedSensor>(
  pages: readonly { readonly sensors: readonly Sensor[]; readonly matching: number }[],
  query: Pick<SensorQuery, 'sort' | 'order' | 'limit'>,
): { readonly sensors: readonly Sensor[]; readonly matching: number } {
  // A sensor sent under its own key and under others has two owners: each is listed.
  const sensors = pages.flatMap((page) => page.sensors).sort(sensorOrder(query));
  return {
    sensors: sensors.slice(0, query.limit),
    matching: pages.reduce((sum, page) => sum + page.matching, 0),
  };
}
