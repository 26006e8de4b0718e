// What must hold of the feature store, from nothing but what lies in the topic of feature rows and in the store: it never
// goes back, no position is committed before the rows below it were written, and in the end it holds the last row of
// every sensor.
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import { keyOf } from './simulated-group.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import { simulatedTopics } from './simulated-process.ts';
import type { World } from './simulated-threads.ts';

/** Watches every write to the store and every position of its projection; adds what does not hold to `violations`. */
export function watchProjection({ broker, store }: World, violations: string[]): void {
  // The newest window ever written of each sensor: what a failover or a wipe lost is no fault of the projection.
  const written = new Map<string, number>();
  const checkedTo = new Map<string, number>();
  store.onWrite = (row, stored) => {
    const { sensor_id: sensor, window_end: end } = row;
    if (stored !== undefined && stored.window_end >= end) violations.push(`${sensor} went back`);
    written.set(sensor, Math.max(written.get(sensor) ?? -Infinity, end));
  };
  broker.onPosition = (place, nextOffset) => {
    const key = keyOf(place);
    for (let offset = checkedTo.get(key) ?? 0; offset < nextOffset; offset += 1) {
      const row = rowAt(broker, key, offset);
      if ((written.get(row.sensor_id) ?? -Infinity) >= row.window_end) continue;
      violations.push(`${key}: ${nextOffset} was committed before row ${offset} was written`);
    }
    checkedTo.set(key, Math.max(checkedTo.get(key) ?? 0, nextOffset));
  };
}

/**
 * Returns every sensor whose row in the store is not its newest in the topic. A sensor sent both keyed and unkeyed has
 * two owners and may have two rows of one window: the store holds either.
 */
export function storeDifferences(
  broker: SimulatedBroker,
  stored: ReadonlyMap<string, FeatureRow>,
): string[] {
  const newest = new Map<string, FeatureRow[]>();
  for (const [key, records] of broker.partitions) {
    if (!key.startsWith(`${simulatedTopics.output}/`)) continue;
    for (const offset of records.keys()) {
      const row = rowAt(broker, key, offset);
      const known = newest.get(row.sensor_id) ?? [];
      const knownEnd = known[0]?.window_end ?? -Infinity;
      if (knownEnd < row.window_end) newest.set(row.sensor_id, [row]);
      else if (knownEnd === row.window_end) known.push(row);
    }
  }
  const differences = [...stored.keys()].filter((sensor) => !newest.has(sensor));
  for (const [sensor, rows] of newest) {
    const held = JSON.stringify(stored.get(sensor));
    if (rows.every((row) => JSON.stringify(row) !== held)) {
      differences.push(`${sensor}: expected ${JSON.stringify(rows)}, the store holds ${held}`);
    }
  }
  return differences;
}

function rowAt(broker: SimulatedBroker, key: string, offset: number): FeatureRow {
  const value = broker.partitions.get(key)?.[offset]?.value ?? new Uint8Array(0);
  return JSON.parse(Buffer.from(value).toString()) as FeatureRow;
}
