// The last windows of each sensor that this process projected, for the page's small charts: one
// value a window, in columns. Bounded by sensors; the sensor that was silent longest is evicted.
import type { FeatureRow } from '../codecs/feature-row.ts';
import { selectFeatures } from '../sensors/features.ts';

/** Window end in ms, the drawn feature's value, the window's anomalies. */
export type RecentWindow = readonly [endMs: number, value: number, anomalies: number];

export interface RecentWindowsOptions {
  readonly sensorsMax: number;
  readonly windowsPerSensor: number;
  /** The drawn feature. */
  readonly feature: string;
}

/**
 * Returns the name of the feature to draw: the mean, else the first in the unit of the readings,
 * else the first.
 */
export function drawnFeature(names: readonly string[]): string {
  const declared = selectFeatures(names);
  const mean = declared.find(({ name }) => name === 'avg_value');
  return (mean ?? declared.find(({ unit }) => unit === 'value') ?? declared[0])?.name ?? '';
}

const slotsMin = 64;

export class RecentWindows {
  readonly #options: RecentWindowsOptions;
  /** Slots by id, ordered by each sensor's last window. */
  readonly #slots = new Map<string, number>();
  #ends = new Float64Array(0);
  #values = new Float32Array(0);
  #anomalies = new Uint16Array(0);
  /** Windows a slot has received; the next one goes to this number modulo the windows kept. */
  #received = new Uint32Array(0);

  constructor(options: RecentWindowsOptions) {
    this.#options = options;
  }

  get sensors(): number {
    return this.#slots.size;
  }

  /** Adds the window unless it is not newer than the sensor's last. */
  add(row: FeatureRow): void {
    const { feature, windowsPerSensor } = this.#options;
    const slot = this.#slotOf(row.sensor_id);
    const received = this.#received[slot] ?? 0;
    const base = slot * windowsPerSensor;
    const last = base + ((received + windowsPerSensor - 1) % windowsPerSensor);
    if (received > 0 && (this.#ends[last] ?? 0) >= row.window_end) return;
    const at = base + (received % windowsPerSensor);
    this.#ends[at] = row.window_end;
    this.#values[at] = row.features[feature] ?? NaN;
    this.#anomalies[at] = Math.min(row.features['anomaly_count'] ?? 0, 65_535);
    this.#received[slot] = received + 1;
  }

  /** Returns the sensor's windows, oldest first; none for a sensor unknown here. */
  of(sensorId: string): readonly RecentWindow[] {
    const slot = this.#slots.get(sensorId);
    if (slot === undefined) return [];
    const { windowsPerSensor } = this.#options;
    const received = this.#received[slot] ?? 0;
    const kept = Math.min(received, windowsPerSensor);
    return Array.from({ length: kept }, (_, index) => {
      const at = slot * windowsPerSensor + ((received - kept + index) % windowsPerSensor);
      // A single has seven digits; as a double it would show more.
      const value = Number((this.#values[at] ?? NaN).toPrecision(7));
      return [this.#ends[at] ?? 0, value, this.#anomalies[at] ?? 0];
    });
  }

  #slotOf(sensorId: string): number {
    let slot = this.#slots.get(sensorId);
    if (slot === undefined) {
      slot = this.#slots.size < this.#options.sensorsMax ? this.#slots.size : this.#evict();
      if (slot >= this.#received.length) this.#grow();
      this.#received[slot] = 0;
    } else {
      this.#slots.delete(sensorId);
    }
    this.#slots.set(sensorId, slot);
    return slot;
  }

  /** Frees the slot of the sensor that was silent longest. */
  #evict(): number {
    for (const [silentLongest, slot] of this.#slots) {
      this.#slots.delete(silentLongest);
      return slot;
    }
    return 0;
  }

  #grow(): void {
    const { sensorsMax, windowsPerSensor } = this.#options;
    const slots = Math.min(sensorsMax, Math.max(slotsMin, 2 * this.#received.length));
    const windows = slots * windowsPerSensor;
    const [ends, values] = [new Float64Array(windows), new Float32Array(windows)];
    const [anomalies, received] = [new Uint16Array(windows), new Uint32Array(slots)];
    ends.set(this.#ends);
    values.set(this.#values);
    anomalies.set(this.#anomalies);
    received.set(this.#received);
    this.#ends = ends;
    this.#values = values;
    this.#anomalies = anomalies;
    this.#received = received;
  }
}
