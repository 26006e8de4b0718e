// Laws of the feature store, checked from nothing but the topics of feature rows and the store: it
// never goes back, no position is committed before the rows below it were written, and in the end
// it holds the last row of every sensor in every view.
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import type { FeatureTopic } from '../../src/log/topics.ts';
import { storeKey } from './simulated-feature-store.ts';
import { keyOf } from './simulated-group.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import type { StoredRecord } from './simulated-records.ts';
import type { World } from './simulated-threads.ts';

/** Watches every write to the store and every position of its projection; adds what does not hold to `violations`. */
export function watchProjection(world: World, violations: string[]): void {
  const { broker, featureTopics, store } = world;
  const views = new Map(featureTopics.map(({ topic, view }) => [topic, view]));
  // The newest window ever written of each sensor: what a failover or a wipe lost is no fault of
  // the projection.
  const written = new Map<string, number>();
  const checkedTo = new Map<string, number>();
  store.onWrite = (key, { window_end: end }, stored) => {
    if (stored !== undefined && stored.window_end >= end) violations.push(`${key} went back`);
    written.set(key, Math.max(written.get(key) ?? -Infinity, end));
  };
  broker.onPosition = (place, nextOffset) => {
    const at = keyOf(place);
    const view = views.get(place.topic) ?? '';
    for (const record of broker.recordsOf(place, checkedTo.get(at) ?? 0, nextOffset)) {
      const row = rowOf(record);
      const key = storeKey(view, row.sensor_id);
      if ((written.get(key) ?? -Infinity) >= row.window_end) continue;
      violations.push(`${at}: ${nextOffset} was committed before row ${record.offset} was written`);
    }
    checkedTo.set(at, Math.max(checkedTo.get(at) ?? 0, nextOffset));
  };
}

/**
 * Returns every sensor whose row in the store is not its newest in the topic. A sensor sent both
 * keyed and unkeyed has two owners and may have two rows of one window: the store holds either.
 */
export function storeDifferences(
  broker: SimulatedBroker,
  stored: ReadonlyMap<string, FeatureRow>,
  featureTopics: readonly FeatureTopic[],
): string[] {
  const newest = new Map<string, FeatureRow[]>();
  for (const { topic, view } of featureTopics) {
    for (const [at, records] of broker.partitions) {
      if (!at.startsWith(`${topic}/`)) continue;
      for (const record of records) {
        const row = rowOf(record);
        const key = storeKey(view, row.sensor_id);
        const known = newest.get(key) ?? [];
        const knownEnd = known[0]?.window_end ?? -Infinity;
        if (knownEnd < row.window_end) newest.set(key, [row]);
        else if (knownEnd === row.window_end) known.push(row);
      }
    }
  }
  const differences = [...stored.keys()].filter((key) => !newest.has(key));
  for (const [key, rows] of newest) {
    const held = JSON.stringify(stored.get(key));
    if (rows.every((row) => JSON.stringify(row) !== held)) {
      differences.push(`${key}: expected ${JSON.stringify(rows)}, the store holds ${held}`);
    }
  }
  return differences;
}

function rowOf({ value }: StoredRecord): FeatureRow {
  return JSON.parse(Buffer.from(value ?? []).toString()) as FeatureRow;
}
