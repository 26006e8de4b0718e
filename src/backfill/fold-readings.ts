// Sorted readings → feature rows, by the fold of the live shards. There are as many shards as the
// input has partitions, since SENSORS_MAX and SENSOR_TTL count by shard. Files have no times of
// records: a reading's own stands for it, capped at the start of the backfill.
import { assert } from '../errors.ts';
import { featureRowOf, type FeatureRow } from '../codecs/feature-row.ts';
import { partitionForKey } from '../records/partitioning.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type { DeadLetterCode } from '../sensors/reading.ts';
import type { Semantics } from '../sensors/semantics.ts';
import {
  createShardState,
  type ClosedWindow,
  type ClosedWindowList,
  type FoldOutputs,
  type ShardState,
} from '../sensors/shard-state.ts';
import type { ReadingBlock } from './reading-runs.ts';

export interface FoldSettings {
  readonly semantics: Semantics;
  readonly features: readonly FeatureDeclaration[];
  readonly sensorIds: readonly string[];
  readonly partitions: number;
  /** Start of the backfill, ms: no record is later. */
  readonly nowMs: number;
}

export type TakeRow = (row: FeatureRow, lengthIndex: number) => Promise<void>;

/** Closed windows kept in a shard; one reading may close those of all sensors, and exceed it. */
const windowsMax = 20_000;

/** The fold of one backfill. */
export class ReadingFold {
  /** Readings that the fold refused, by reason. */
  readonly refused: Map<DeadLetterCode, number> = new Map();
  readonly #settings: FoldSettings;
  readonly #shards: readonly Shard[];
  /** Shard of each sensor. */
  readonly #shardOf: Uint16Array;
  readonly #ids: SensorIdBytes;
  #offset = 0;

  constructor(settings: FoldSettings) {
    const { partitions, semantics, sensorIds } = settings;
    this.#settings = settings;
    this.#shards = Array.from({ length: partitions }, () => new Shard(semantics));
    this.#ids = idBytesOf(sensorIds);
    this.#shardOf = Uint16Array.from(sensorIds, (_, sensor) =>
      partitionForKey(this.#ids.of(sensor), partitions),
    );
  }

  /** Windows that no event time has closed yet. */
  get openWindows(): number {
    return this.#shards.reduce((sum, { state }) => sum + state.openWindowCount, 0);
  }

  /** Folds the block, and hands the rows that it closes to `take`, always in the same order. */
  async fold(block: ReadingBlock, take: TakeRow): Promise<void> {
    const columns = this.#columnsOf(block);
    for (let row = 0; row < block.count; row += 1) {
      const shard = this.#shards[this.#shardOf[block.sensors[row] ?? 0] ?? 0];
      assert(shard !== undefined, 'every sensor has a shard');
      const reason = shard.state.foldRow(columns, row, shard);
      if (reason !== null) this.refused.set(reason.code, (this.refused.get(reason.code) ?? 0) + 1);
      if (shard.windowCount >= windowsMax) await this.#takeRows(shard, take);
    }
    for (const shard of this.#shards) await this.#takeRows(shard, take);
  }

  /** Moves event time on to `toMs` in every shard, as an idle shard does live. */
  async advance(toMs: number, take: TakeRow): Promise<void> {
    for (const shard of this.#shards) {
      shard.state.advanceWatermark(toMs, shard);
      await this.#takeRows(shard, take);
    }
  }

  #columnsOf({ count, sensors, timesMs, values }: ReadingBlock): FoldColumns {
    const { nowMs } = this.#settings;
    const { bytes, starts } = this.#ids;
    const columns = {
      ...{ idBytes: bytes, timestampsMs: timesMs, values },
      idStarts: new Int32Array(count),
      idEnds: new Int32Array(count),
      recordTimesMs: new Float64Array(count),
      offsets: new Float64Array(count),
    };
    for (let row = 0; row < count; row += 1) {
      const sensor = sensors[row] ?? 0;
      columns.idStarts[row] = starts[sensor] ?? 0;
      columns.idEnds[row] = starts[sensor + 1] ?? 0;
      columns.recordTimesMs[row] = Math.min(timesMs[row] ?? 0, nowMs);
      columns.offsets[row] = this.#offset;
      this.#offset += 1;
    }
    return columns;
  }

  async #takeRows(shard: Shard, take: TakeRow): Promise<void> {
    // No record stands behind these rows.
    const context = { topic: '', partition: 0, features: this.#settings.features };
    const windows = shard.takeWindows();
    for (let at = 0; at < (windows?.count ?? 0); at += 1) {
      const window = windows?.at(at);
      if (window === undefined) continue;
      await take(featureRowOf(window, context), window.lengthIndex);
    }
  }
}

type FoldColumns = Parameters<ShardState['foldRow']>[0];

/** A shard's state, and the windows it has closed since they were last taken. */
class Shard implements FoldOutputs {
  readonly state: ShardState;
  #windows: ClosedWindowList | undefined;

  constructor(semantics: Semantics) {
    this.state = createShardState(semantics, { watermark: 'own' });
  }

  get windowCount(): number {
    return this.#windows?.count ?? 0;
  }

  windowClosed(window: ClosedWindow): void {
    this.#windows ??= window.newList();
    this.#windows.add(window);
  }

  takeWindows(): ClosedWindowList | undefined {
    const windows = this.#windows;
    this.#windows = undefined;
    return windows;
  }
}

interface SensorIdBytes {
  readonly bytes: Uint8Array;
  /** Start of each id, and the end of the last one. */
  readonly starts: Int32Array;
  of(sensor: number): Uint8Array;
}

function idBytesOf(sensorIds: readonly string[]): SensorIdBytes {
  const parts = sensorIds.map((id) => Buffer.from(id));
  const bytes = new Uint8Array(Buffer.concat(parts));
  const starts = new Int32Array(sensorIds.length + 1);
  for (const [sensor, part] of parts.entries()) {
    starts[sensor + 1] = (starts[sensor] ?? 0) + part.length;
  }
  return { bytes, starts, of: (sensor) => bytes.subarray(starts[sensor], starts[sensor + 1]) };
}
