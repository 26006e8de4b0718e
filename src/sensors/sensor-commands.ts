// Decisions about one sensor from outside the log: quarantine it, release it, reset its baseline.
// Rare, so it looks the sensor up by its text; the decision is journaled by the
// shard, never here.
import { lifecycleIndex } from './lifecycle.ts';
import { presenceDoubles, presenceSlot } from './presence-slot.ts';
import { lifecycleTable, type ShardColumns } from './shard-columns.ts';

const quarantined = lifecycleIndex(lifecycleTable.states, 'quarantined');

/**
 * Sets the sensor aside, giving an unknown one its slot. Returns whether it is quarantined now: not
 * where an unknown one finds all slots given.
 */
export function quarantineSensor(columns: ShardColumns, sensorId: string): boolean {
  const id = new TextEncoder().encode(sensorId);
  const slot = columns.slotOf(id, 0, id.length);
  if (slot < 0) return false;
  apply(columns, slot, 'quarantine');
  return true;
}

/**
 * Ends the sensor's quarantine; returns whether there was one. Its baseline goes on from before, so
 * it must outlive the quarantine: it counts as heard at `watermarkMs`.
 */
export function releaseSensor(
  columns: ShardColumns,
  sensorId: string,
  watermarkMs: number,
): boolean {
  const slot = sensorSlot(columns, sensorId);
  if (slot < 0 || columns.lifecycle[slot] !== quarantined) return false;
  apply(columns, slot, 'release');
  const { lastEndsMs, presence } = columns;
  if (watermarkMs === -Infinity) return true;
  if (lastEndsMs !== undefined) lastEndsMs[slot] = watermarkMs;
  const heardAt = slot * presenceDoubles + presenceSlot.heardMs;
  if ((presence[heardAt] ?? Infinity) < watermarkMs) presence[heardAt] = watermarkMs;
  return true;
}

/**
 * Empties the sensor's baseline; open windows stay as they are, and so does a quarantine. Returns
 * whether the sensor is known.
 */
export function resetSensor(columns: ShardColumns, sensorId: string): boolean {
  const slot = sensorSlot(columns, sensorId);
  if (slot < 0) return false;
  const { baseline } = columns;
  baseline.columns.fill(0, slot * baseline.stride, (slot + 1) * baseline.stride);
  apply(columns, slot, 'reset');
  return true;
}

/** Returns the slot of the sensor; below 0 where it has none. */
export function sensorSlot(columns: ShardColumns, sensorId: string): number {
  const id = new TextEncoder().encode(sensorId);
  return columns.table.find(id, 0, id.length);
}

function apply(columns: ShardColumns, slot: number, event: string): void {
  columns.apply(slot, lifecycleIndex(lifecycleTable.events, event));
}
