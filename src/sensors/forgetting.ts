// Forgetting: a sensor whose last window ended SENSOR_TTL ago gives its slot back, so that memory
// follows the sensors that live. Sensors are looked through where the watermark passes a multiple
// of an eighth of the TTL: a pure function of the watermark, so that replay forgets where the owner
// did.
import type { AlarmChanges } from './alarm-change.ts';
import type { Alarms } from './alarms.ts';
import { lifecycleIndex } from './lifecycle.ts';
import type { Presence } from './presence.ts';
import { lifecycleTable, type ShardColumns } from './shard-columns.ts';
import { windowStartMs } from './window.ts';

const quarantined = lifecycleIndex(lifecycleTable.states, 'quarantined');
const roundsPerTtl = 8;

interface Forgettable {
  readonly columns: ShardColumns;
  readonly presence: Presence | undefined;
  readonly alarms: Alarms | undefined;
}

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
   * open window or in quarantine stays, and so does one that will be told offline first. Its open
   * alarms are resolved.
   */
  forget(watermarkMs: number, of: Forgettable, changes: AlarmChanges): number {
    this.goOn(watermarkMs);
    const { columns, alarms } = of;
    const kept = keptSlots(of, this.roundBefore(watermarkMs) - this.ttlMs, (slot) =>
      alarms?.forget(slot, watermarkMs, changes),
    );
    if (kept === undefined) return 0;
    const sensors = columns.table.count - kept.length;
    columns.keep(kept);
    return sensors;
  }

  private roundBefore(watermarkMs: number): number {
    return windowStartMs(watermarkMs, this.roundMs);
  }
}

/** Returns the slots kept, ascending, with `forgets` called for each other; undefined: all are. */
function keptSlots(
  { columns, presence }: Forgettable,
  untilMs: number,
  forgets: (slot: number) => void,
): Int32Array | undefined {
  const sensors = columns.table.count;
  const isDue = (slot: number): boolean =>
    (columns.lastEndsMs?.[slot] ?? Infinity) <= untilMs &&
    columns.lifecycle[slot] !== quarantined &&
    presence?.isAwaited(columns, slot) !== true &&
    !columns.hasOpenWindow(slot);
  let first = 0;
  while (first < sensors && !isDue(first)) first += 1;
  if (first === sensors) return undefined;
  const kept = new Int32Array(sensors);
  let count = 0;
  for (; count < first; count += 1) kept[count] = count;
  for (let slot = first; slot < sensors; slot += 1) {
    if (isDue(slot)) {
      forgets(slot);
      continue;
    }
    kept[count] = slot;
    count += 1;
  }
  return kept.subarray(0, count);
}
