// The online store against the topic: it must hold each sensor's newest row that the projection has passed, and nothing
// that no row says. The positions are read before the store and the topic again after it, so that a row on its way is
// no finding.
import { decodeFeatureRow } from '../codecs/feature-row.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { FeatureStore, OnlineFeatures } from '../stores/feature-store.ts';
import { featureDifferences, readingsOf, type Finding } from './finding.ts';
import type { NewestRow, TopicRows } from './topic-rows.ts';

export interface StoreAudit {
  readonly log: EventLog;
  readonly store: FeatureStore;
  /** The projection's. */
  readonly groupId: string;
  /** Of the base windows. */
  readonly rows: TopicRows;
  /** Of windows that end at it or before, rows may have been passed over: the store may rightly hold another. */
  readonly passedToMs: number;
}

export interface StoreCompared {
  readonly compared: number;
  readonly unchecked: readonly string[];
}

const sensorsPerRead = 1_000;

/** Compares every sensor of `rows` with the store; returns how many, and why some could not be. */
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
      const some = sensorIds.slice(at, at + sensorsPerRead);
      const before = new Map(some.map((id) => [id, audit.rows.newest.get(id)]));
      const stored = await audit.store.read(some);
      const suspects = some.flatMap((sensorId, index) => {
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
  // Newer than both looks at the topic: nobody committed it. Newer than the first only: the second is what it may be.
  const row = stored?.eventTimeMs === newest.windowEndMs ? newest : suspect.row;
  const said = decodeFeatureRow(row.bytes);
  const { window_start, window_end } = said;
  const place = {
    sensor_id: sensorId,
    window_start,
    window_end,
    row: `${rows.topic}/${row.partition}@${row.offset}`,
    readings: readingsOf(said),
  };
  if (stored === undefined || stored.eventTimeMs < row.windowEndMs) {
    if (row.offset >= (projected.get(row.partition) ?? 0)) return 'waiting';
    const found = stored?.eventTimeMs ?? null;
    add({ kind: 'store_older', ...place, field: 'window_end', expected: row.windowEndMs, found });
  } else if (stored.eventTimeMs > row.windowEndMs) {
    // Between the two looks several windows may have closed: the store may hold one before the newest.
    if (stored.eventTimeMs <= newest.windowEndMs) return 'waiting';
    const [expected, found] = [row.windowEndMs, stored.eventTimeMs];
    add({ kind: 'store_newer', ...place, field: 'window_end', expected, found });
  } else {
    const differences = featureDifferences(said.features, stored.values);
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
