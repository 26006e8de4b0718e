// Which changes of sensors' presence must be told, written naively: every sensor's gaps and values
// as lists, looked through from their beginning at each question. No code shared with src.
import type { OracleReading, OracleSettings } from './oracle.ts';

export interface ExpectedEvent {
  readonly kind: 'offline' | 'online' | 'stuck' | 'moving';
  readonly sensor_id: string;
  readonly timestamp: number;
  readonly since: number;
  readonly silent_after: number | null;
  readonly readings: number | null;
  readonly value: number | null;
  /** Of the reading in the input; null for offline. */
  readonly offset: number | null;
}

export interface AwaitedSilence {
  readonly sensorId: string;
  readonly dueMs: number;
}

interface Heard {
  lastMs: number;
  readonly gaps: number[];
  readonly values: { readonly value: number; readonly atMs: number }[];
  isOffline: boolean;
}

export class PresenceOracle {
  readonly events: ExpectedEvent[] = [];
  readonly #settings: OracleSettings;
  readonly #heard = new Map<string, Heard>();

  constructor(settings: OracleSettings) {
    this.#settings = settings;
  }

  /** A reading is accepted while the watermark is `watermark`. */
  read(reading: OracleReading, eventTimeMs: number, watermark: number): void {
    const { sensorId, timestampMs, offset } = reading;
    const value = reading.value + 0;
    const about = { sensor_id: sensorId, timestamp: timestampMs, value, offset };
    const sensor = this.#heard.get(sensorId);
    if (sensor === undefined) {
      const values = [{ value, atMs: eventTimeMs }];
      this.#heard.set(sensorId, { lastMs: eventTimeMs, gaps: [], values, isOffline: false });
      return;
    }
    const limit = this.#limit(sensor);
    const { lastMs } = sensor;
    if (eventTimeMs > lastMs) {
      sensor.gaps.push(eventTimeMs - lastMs);
      sensor.lastMs = eventTimeMs;
      // The least that the watermark is after this reading.
      const seen = Math.max(watermark, eventTimeMs - this.#settings.watermarkDelayMs);
      if (!sensor.isOffline && lastMs + limit <= seen) {
        sensor.isOffline = true;
        this.#tellOffline(sensorId, lastMs, limit);
      }
      if (sensor.isOffline && eventTimeMs + limit > watermark) {
        sensor.isOffline = false;
        this.#tell({ ...about, kind: 'online', since: lastMs, silent_after: limit });
      }
    }
    const before = runOf(sensor);
    sensor.values.push({ value, atMs: eventTimeMs });
    const now = runOf(sensor);
    const { stuckAfter = Infinity } = this.#settings;
    const wasStuck = before !== undefined && before.length >= stuckAfter;
    if (wasStuck && now?.length === 1) {
      this.#tell({ ...about, kind: 'moving', since: before.sinceMs, readings: before.length });
    }
    if (!wasStuck && now !== undefined && now.length >= stuckAfter) {
      this.#tell({ ...about, kind: 'stuck', since: now.sinceMs, readings: now.length });
    }
  }

  /** The watermark has moved; the silence of `heeded` counts, and is told in their order. */
  advance(before: number, watermark: number, heeded: readonly string[]): void {
    const { silentAfterMs = Infinity, windowMs } = this.#settings;
    if (silentAfterMs === Infinity) return;
    const limit = silentAfterMs === 'auto' ? windowMs : silentAfterMs;
    const round = Math.max(1, Math.floor(limit / 8));
    if (roundOf(before, round) === roundOf(watermark, round)) return;
    for (const sensorId of heeded) {
      const sensor = this.#heard.get(sensorId);
      if (sensor === undefined || sensor.isOffline) continue;
      const silentAfter = this.#limit(sensor);
      if (sensor.lastMs + silentAfter > watermark) continue;
      sensor.isOffline = true;
      this.#tellOffline(sensorId, sensor.lastMs, silentAfter);
    }
  }

  /** Whether the sensor must be told offline before it may be forgotten. */
  isAwaited(sensorId: string): boolean {
    const sensor = this.#heard.get(sensorId);
    return sensor !== undefined && !sensor.isOffline && this.#limit(sensor) < Infinity;
  }

  /** The sensors of `heeded` whose silence is still to be told, and the event time when it is due. */
  awaited(heeded: readonly string[]): readonly AwaitedSilence[] {
    return heeded.flatMap((sensorId) => {
      const sensor = this.#heard.get(sensorId);
      if (sensor === undefined || !this.isAwaited(sensorId)) return [];
      return [{ sensorId, dueMs: sensor.lastMs + this.#limit(sensor) }];
    });
  }

  forget(sensorId: string): void {
    this.#heard.delete(sensorId);
  }

  release(sensorId: string, watermark: number): void {
    const sensor = this.#heard.get(sensorId);
    if (sensor !== undefined) sensor.lastMs = Math.max(sensor.lastMs, watermark);
  }

  #limit({ gaps }: Heard): number {
    const { silentAfterMs = Infinity, windowMs } = this.#settings;
    if (silentAfterMs !== 'auto') return silentAfterMs;
    if (gaps.length < 20) return Infinity;
    const usual = gaps.reduce((least, gap) =>
      gap > least ? Math.min(gap, 4 * least) : least - gap / 80,
    );
    return Math.max(windowMs, Math.ceil(5 * usual));
  }

  #tellOffline(sensor_id: string, since: number, silent_after: number): void {
    const timestamp = since + silent_after;
    const nothing = { value: null, offset: null };
    this.#tell({ kind: 'offline', sensor_id, timestamp, since, silent_after, ...nothing });
  }

  #tell(
    event: Omit<ExpectedEvent, 'silent_after' | 'readings'> &
      Partial<Pick<ExpectedEvent, 'silent_after' | 'readings'>>,
  ): void {
    this.events.push({ silent_after: null, readings: null, ...event });
  }
}

/** The equal values at the end; undefined where no other value came before them. */
function runOf({
  values,
}: Heard): { readonly length: number; readonly sinceMs: number } | undefined {
  const last = values.at(-1)?.value;
  const other = values.findLastIndex(({ value }) => value !== last);
  if (other < 0) return undefined;
  return { length: values.length - 1 - other, sinceMs: values[other + 1]?.atMs ?? NaN };
}

function roundOf(ms: number, roundMs: number): number | bigint {
  if (!Number.isFinite(ms)) return ms;
  const rest = BigInt(Math.floor(ms)) % BigInt(roundMs);
  return BigInt(Math.floor(ms)) - (rest < 0n ? rest + BigInt(roundMs) : rest);
}
