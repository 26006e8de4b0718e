// The rows of one sensor, from the history's files and from the topic where they end. Each row
// comes once, because the files' manifest says from which offset on the topic has the others.
// Bounded by rows, by records read back, and by reads at a time.
import { UnavailableError, type DecodeError } from '../errors.ts';
import type { EventLog, PartitionExtent } from '../log/event-log.ts';
import type { FeatureTopic } from '../log/topics.ts';
import { partitionForKey } from '../records/partitioning.ts';
import { hasKey } from '../records/record-key.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type { SensorRow, StoredSensorRows, WantedRows } from '../stores/history-store.ts';
import { rowsOf } from './offline.ts';

export interface SensorHistoryOptions {
  readonly log: Pick<EventLog, 'describeTopic' | 'offsets' | 'read'>;
  readonly features: readonly Pick<FeatureDeclaration, 'name' | 'type'>[];
  /** From a window's end until its row counts as readable (ADR 19). */
  readonly availableAfterMs: number;
  /** Reads the files of a view; absent without a history. */
  readonly readFiles?: (view: string, wanted: WantedRows) => Promise<StoredSensorRows | undefined>;
  onBadRow(partition: TopicPartition, offset: number, error: DecodeError): void;
}

export interface SensorHistoryRows {
  /** By window end, ascending. */
  readonly rows: readonly SensorRow[];
  /** Records of the topic between the files and those read back; 0 if no row can be missing. */
  readonly unread: number;
}

/** Records of the topic that one question may read back; each takes some µs. */
const tailRecordsMax = 50_000;
const readsMax = 4;

export class SensorHistory {
  readonly #options: SensorHistoryOptions;
  #reads = 0;

  constructor(options: SensorHistoryOptions) {
    this.#options = options;
  }

  /**
   * Returns the newest rows of the sensor in the range, committed at the call.
   * @throws UnavailableError while four others are read, or when log or disk do not answer.
   */
  async rows(topic: FeatureTopic, wanted: WantedRows): Promise<SensorHistoryRows> {
    if (this.#reads >= readsMax) {
      throw new UnavailableError(`${readsMax} other histories are being read: try again`);
    }
    this.#reads += 1;
    try {
      // The files first: rows that move from the topic into them meanwhile are in both, not in
      // none, and the manifest's positions tell them apart.
      const stored = await this.#options.readFiles?.(topic.view, wanted);
      const tail = await this.#tail(topic, wanted, stored?.positions ?? []);
      const rows = [...(stored?.rows ?? []), ...tail.rows].sort(
        (a, b) => a.window_end - b.window_end || a.created - b.created,
      );
      return { rows: rows.slice(Math.max(0, rows.length - wanted.rowsMax)), unread: tail.unread };
    } finally {
      this.#reads -= 1;
    }
  }

  async #tail(
    { topic, view }: FeatureTopic,
    wanted: WantedRows,
    positions: readonly (number | null)[],
  ): Promise<SensorHistoryRows> {
    const { log } = this.#options;
    const key = Buffer.from(wanted.sensorId);
    const description = await log.describeTopic(topic);
    if (description === undefined) return { rows: [], unread: 0 };
    // Rows are keyed by their sensor.
    const partition = partitionForKey(key, description.partitions);
    const extent = await log.offsets({ topic, partition });
    const { from, unread } = tailStart(extent, positions[partition] ?? undefined);
    const range = { topic, view, partition, from, to: extent.end };
    const rows: SensorRow[] = [];
    if (from >= extent.end) return { rows, unread };
    const isWanted = (record: RecordCursor): boolean => hasKey(record, key);
    const options = { ...this.#options, isWanted };
    for await (const batch of log.read(range)) {
      for (const { row, createdMs, availableMs } of rowsOf(batch, range, options)) {
        if (row.window_end <= wanted.fromMs || row.window_end > wanted.toMs) continue;
        rows.push({
          ...{ window_start: row.window_start, window_end: row.window_end },
          ...{ created: createdMs, available_at: availableMs, features: row.features },
        });
        // A sensor that fills the tail must not fill the memory: the oldest are not wanted.
        if (rows.length >= 2 * wanted.rowsMax) rows.splice(0, wanted.rowsMax);
      }
    }
    return { rows, unread };
  }
}

function tailStart(
  { earliest, end }: PartitionExtent,
  position: number | undefined,
): { readonly from: number; readonly unread: number } {
  const begin = Math.max(earliest, Math.min(position ?? earliest, end));
  const from = Math.max(begin, end - tailRecordsMax);
  return { from, unread: from - begin };
}
