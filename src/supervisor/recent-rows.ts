// The last feature rows of each sensor, for the live page. Bounds both the rows per sensor and the
// number of sensors; evicts the sensor that was silent longest.
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { RecentRows } from './supervisor-view.ts';

export interface RecentRowsBounds {
  readonly rowsPerSensorMax: number;
  readonly sensorsMax: number;
}

interface Kept {
  readonly sequence: number;
  readonly row: FeatureRow;
}

export class RecentRowsStore {
  /** Ordered by each sensor's last row: the first key is the sensor that was silent longest. */
  readonly #bySensor = new Map<string, Kept[]>();
  readonly #bounds: RecentRowsBounds;
  #sequence = 0;

  constructor(bounds: RecentRowsBounds) {
    this.#bounds = bounds;
  }

  /** Adds a row unless it is not newer than the sensor's last: a projection may repeat rows. */
  add(row: FeatureRow): void {
    const kept = this.#bySensor.get(row.sensor_id) ?? [];
    const last = kept.at(-1);
    if (last !== undefined && last.row.window_end >= row.window_end) return;
    this.#sequence += 1;
    kept.push({ sequence: this.#sequence, row });
    if (kept.length > this.#bounds.rowsPerSensorMax) kept.shift();
    this.#bySensor.delete(row.sensor_id);
    this.#bySensor.set(row.sensor_id, kept);
    if (this.#bySensor.size <= this.#bounds.sensorsMax) return;
    for (const silentLongest of this.#bySensor.keys()) {
      this.#bySensor.delete(silentLongest);
      return;
    }
  }

  since(cursor: number): RecentRows {
    const newer = [...this.#bySensor.values()]
      .flatMap((kept) => kept.filter(({ sequence }) => sequence > cursor))
      .sort((a, b) => a.sequence - b.sequence);
    return { cursor: this.#sequence, rows: newer.map(({ row }) => row) };
  }
}
