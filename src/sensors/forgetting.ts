// Forgetting: a sensor whose last window ended SENSOR_TTL ago gives its slot back, so that memory
// follows the sensors that live. Sensors are looked through where the watermark passes a multiple
// of an eighth of the TTL: a pure function of the watermark, so that replay forgets where the owner
// did.
import { lifecycleIndex } from './lifecycle.ts';
import { lifecycleTable, type ShardColumns } from './shard-columns.ts';
import { windowStartMs } from './window.ts';

const quarantined = lifecycleIndex(lifecycleTable.states, 'quarantined');
const roundsPerTtl = 8;

export class Forgetting {
  /** The watermark, ms, from which on sensors are looked through next; Infinity: never. */
  nextMs: number = Infinity;
  private readonly ttlMs: number;
  private readonly roundMs: number;

  /** @param sensorTtlMs Infinity: never. */
  constructor(sensorTtlMs: number) {
    this.ttlMs = sensorTtlMs;
    this.roundMs = Math.max(1, Math.floor(sensorTtlMs / roundsPerTtl));
  }

  /** Goes on from `watermarkMs`, up to which sensors were looked through. */
  goOn(watermarkMs: number): void {
    if (this.ttlMs !== Infinity) this.nextMs = this.roundBefore(watermarkMs) + this.roundMs;
  }

  /**
   * Takes out of `columns` every sensor that is due at `watermarkMs`; returns how many. One with an
   * open window or in quarantine stays.
   */
  forget(columns: ShardColumns, watermarkMs: number): number {
    this.goOn(watermarkMs);
    return forgetSensors(columns, this.roundBefore(watermarkMs) - this.ttlMs);
  }

  private roundBefore(watermarkMs: number): number {
    return windowStartMs(watermarkMs, this.roundMs);
  }
}

/** Forgets the sensors whose last window ended at `untilMs` or before. */
function forgetSensors(columns: ShardColumns, untilMs: number): number {
  const sensors = columns.table.count;
  const isDue = (slot: number): boolean =>
    (columns.lastEndsMs?.[slot] ?? Infinity) <= untilMs &&
    columns.lifecycle[slot] !== quarantined &&
    !columns.hasOpenWindow(slot);
  let first = 0;
  while (first < sensors && !isDue(first)) first += 1;
  if (first === sensors) return 0;
  const kept = new Int32Array(sensors);
  let count = 0;
  for (; count < first; count += 1) kept[count] = count;
  for (let slot = first + 1; slot < sensors; slot += 1) {
    if (isDue(slot)) continue;
    kept[count] = slot;
    count += 1;
  }
  columns.keep(kept.subarray(0, count));
  return sensors - count;
}
