// Compares the online store with the topic. The store must hold each sensor's newest projected row
// and nothing else. The projection's positions are read before the store and the topic again after
// it, so rows in flight are not reported.
import { decodeFeatureRow } from '../codecs/feature-row.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { FeatureStore, OnlineFeatures } from '../stores/feature-store.ts';
import { featureDifferences, readingsOf, type Finding } from './finding.ts';
import type { NewestRow, TopicRows } from './topic-rows.ts';

export interface StoreAudit {
  readonly log: EventLog;
  readonly store: FeatureStore;
  /** Consumer group of the projection. */
  readonly groupId: string;
  /** Rows of the base windows. */
  readonly rows: TopicRows;
  /** The audit may have skipped rows of windows ending at or before it, so it ignores those. */
  readonly passedToMs: number;
}

export interface StoreCompared {
  readonly compared: number;
  readonly unchecked: readonly string[];
}

const sensorsPerRead = 1_000;

/**
 * Compares every sensor of `rows` with the store. Resolves with the count, and what was not
 * checked.
 */
export async function compareStore(
  audit: StoreAudit,
  add: (finding: Finding) => void,
): Promise<StoreCompared> {
  const projected = await projectedOffsets(audit);
  const sensorIds = [...audit.rows.newest]
    .filter(([, { windowEndMs }]) => windowEndMs > audit.passedToMs)
    .map(([sensorId]) => sensorId);
  const passed = audit.rows.newest.size - sensorIds.length;
  let compared = 0;
  let waiting = 0;
  try {
    for (let at = 0; at < sensorIds.length; at += sensorsPerRead) {
      const chunk = sensorIds.slice(at, at + sensorsPerRead);
      const before = new Map(chunk.map((id) => [id, audit.rows.newest.get(id)]));
      const stored = await audit.store.read(chunk);
      const suspects = chunk.flatMap((sensorId, index) => {
        const row = before.get(sensorId);
        if (row === undefined) return [];
        return [{ sensorId, row, stored: stored[index] }];
      });
      if (suspects.some((each) => isNewer(each))) await audit.rows.readOn();
      for (const suspect of suspects) {
        const verdict = judge(audit, suspect, projected, add);
        if (verdict === 'compared') compared += 1;
        else waiting += 1;
      }
    }
  } catch (error) {
    if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
    return { compared, unchecked: [`the store: ${error.message}`] };
  }
  const reasons: readonly [number, string][] = [
    [waiting, 'the projection is behind'],
    [passed, 'their newest window ended before the audit began'],
  ];
  const unchecked = reasons
    .filter(([sensors]) => sensors > 0)
    .map(([sensors, reason]) => `${sensors} sensors in the store: ${reason}`);
  return { compared, unchecked };
}

interface Suspect {
  readonly sensorId: string;
  /** The newest row of the topic before the store was read. */
  readonly row: NewestRow;
  readonly stored: OnlineFeatures | undefined;
}

const isNewer = ({ row, stored }: Suspect): boolean =>
  stored !== undefined && stored.eventTimeMs > row.windowEndMs;

function judge(
  { rows }: StoreAudit,
  suspect: Suspect,
  projected: ReadonlyMap<number, number>,
  add: (finding: Finding) => void,
): 'compared' | 'waiting' {
  const { sensorId, stored } = suspect;
  const newest = rows.newest.get(sensorId) ?? suspect.row;
  // The topic was read before and after the store. A stored window newer than the first read may be
  // the newest of the second; one newer than both was never committed.
  const row = stored?.eventTimeMs === newest.windowEndMs ? newest : suspect.row;
  const decoded = decodeFeatureRow(row.bytes);
  const { window_start, window_end } = decoded;
  const place = {
    sensor_id: sensorId,
    window_start,
    window_end,
    row: `${rows.topic}/${row.partition}@${row.offset}`,
    readings: readingsOf(decoded),
  };
  if (stored === undefined || stored.eventTimeMs < row.windowEndMs) {
    if (row.offset >= (projected.get(row.partition) ?? 0)) return 'waiting';
    const found = stored?.eventTimeMs ?? null;
    add({ kind: 'store_older', ...place, field: 'window_end', expected: row.windowEndMs, found });
  } else if (stored.eventTimeMs > row.windowEndMs) {
    // Several windows may have closed between the two reads: the store may hold one in between.
    if (stored.eventTimeMs <= newest.windowEndMs) return 'waiting';
    const [expected, found] = [row.windowEndMs, stored.eventTimeMs];
    add({ kind: 'store_newer', ...place, field: 'window_end', expected, found });
  } else {
    const differences = featureDifferences(decoded.features, stored.values);
    const isRival = row.rivals.some(({ bytes }) => {
      const { features } = decodeFeatureRow(bytes);
      return featureDifferences(features, stored.values).length === 0;
    });
    if (isRival) return 'compared';
    for (const difference of differences) add({ kind: 'store_mismatch', ...place, ...difference });
  }
  return 'compared';
}

async function projectedOffsets({
  log,
  groupId,
  rows,
}: StoreAudit): Promise<ReadonlyMap<number, number>> {
  const projected = new Map<number, number>();
  for (const partition of rows.earliest.keys()) {
    const committed = await log.committed(groupId, { topic: rows.topic, partition });
    if (committed !== undefined) projected.set(partition, committed.nextOffset);
  }
  return projected;
}
