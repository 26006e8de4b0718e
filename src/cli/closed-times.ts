// Event time up to which the shards of a group have closed their windows, as last committed, so
// that `produce` can say before it sends that readings would be late.
import type { Config } from '../config/config.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { topicNames } from '../log/topics.ts';
import { partitionForKey } from '../records/partitioning.ts';
import { deviceOf } from '../sensors/input-declaration.ts';
import { hasClosed } from '../sensors/watermark.ts';
import { windowStartMs } from '../sensors/window.ts';
import { readShardPositions } from './group-positions.ts';

export interface ClosedTimes {
  /** The latest watermark of any shard, ms since 1970. */
  readonly latestMs: number;
  /** Returns whether the reading's window has closed in the shard of its sensor. */
  isLate(sensorId: string, timestampMs: number): boolean;
}

type Log = Pick<EventLog, 'describeTopic' | 'observedPositions' | 'offsetsAll'>;

/**
 * Returns how far the group has closed its windows; undefined if it has closed none, or if the
 * positions of the group may not be read, since a producer seldom has that right.
 */
export async function readClosedTimes(
  log: Log,
  { process: settings, semantics }: Config,
  keying: 'keyed' | 'unkeyed',
): Promise<ClosedTimes | undefined> {
  const { input, rekeyed } = topicNames(settings);
  const isForwarded = keying === 'unkeyed' || semantics.inputKeying === 'rekey';
  const topic = isForwarded ? rekeyed : input;
  const watermarksMs = await readWatermarks(log, settings.groupId, topic);
  const latestMs = Math.max(-Infinity, ...watermarksMs);
  if (latestMs === -Infinity) return undefined;
  const { input: declaration, windowMs } = semantics;
  return {
    latestMs,
    isLate(sensorId, timestampMs) {
      const shard = partitionForKey(
        Buffer.from(deviceOf(sensorId, declaration)),
        watermarksMs.length,
      );
      const windowEndMs = windowStartMs(timestampMs, windowMs) + windowMs;
      return hasClosed(windowEndMs, watermarksMs[shard] ?? -Infinity);
    },
  };
}

async function readWatermarks(log: Log, groupId: string, topic: string): Promise<number[]> {
  try {
    const shards = await readShardPositions(log, groupId, [topic]);
    return shards.map(({ watermark_ms }) => watermark_ms ?? -Infinity);
  } catch (error) {
    // Rights that a producer lacks. An outage stays an error: nothing could be sent either.
    if (isSensoriumError(error) && error.directive === 'stop') return [];
    throw error;
  }
}
