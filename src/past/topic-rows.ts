// The rows of an output topic for an audit: the bytes by sensor, window and shard, and each
// sensor's newest row. Each read continues where the last one stopped.
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import { ConfigError, DecodeError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';

export interface TopicRow {
  readonly partition: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface NewestRow extends TopicRow {
  readonly windowEndMs: number;
  /**
   * Other rows with the same sensor and end (two owners, or a repeated row): the store holds one.
   */
  readonly rivals: TopicRow[];
}

export interface TopicRowsOptions {
  readonly log: EventLog;
  readonly topic: string;
  /** Returns whether to keep a row for comparison. */
  wanted(row: FeatureRow): boolean;
  /** Returns whether the sensor is audited. */
  sampled(sensorId: string): boolean;
  unreadable(place: string, reason: string): void;
}

/** Bound of the rows in memory: about half a gigabyte. */
const rowsMax = 1_000_000;

/** Returns the key of a window of a sensor in a shard. */
export function windowKey(
  shard: { readonly topic: string; readonly partition: number },
  windowStartMs: number,
  sensorId: string,
): string {
  return `${shard.topic}/${shard.partition} ${windowStartMs} ${sensorId}`;
}

export class TopicRows {
  /** By `windowKey`; several if a row is repeated. Deleted with `forget` once judged. */
  readonly found: Map<string, TopicRow[]> = new Map();
  /** Newest row of each sampled sensor. */
  readonly newest: Map<string, NewestRow> = new Map();
  /** Least window end seen of each sampled sensor: rows that expired end before it. */
  readonly oldestEndMs: Map<string, number> = new Map();
  /** First offset of each partition. */
  readonly earliest: Map<number, number> = new Map();
  rowsRead = 0;
  readonly #options: TopicRowsOptions;
  readonly #positions: Map<number, number> = new Map();
  #held = 0;

  constructor(options: TopicRowsOptions) {
    this.#options = options;
  }

  get topic(): string {
    return this.#options.topic;
  }

  /** Skips the rows now in the topic: later reads return only new ones. */
  async skipToEnd(): Promise<void> {
    for (const { partition, end } of await this.#extents()) this.#positions.set(partition, end);
  }

  /** Reads to the current end of the topic. @throws ConfigError if there are too many rows */
  async readOn(): Promise<void> {
    const { log, topic } = this.#options;
    for (const { partition, earliest, end } of await this.#extents()) {
      const from = Math.max(earliest, this.#positions.get(partition) ?? earliest);
      if (from < end) {
        for await (const batch of log.read({ topic, partition, from, to: end })) {
          const records = batch.records();
          while (records.next()) {
            const { bytes, offset, valueStart, valueEnd } = records;
            if (offset < from) continue;
            // Copied, because the fetch buffer is reused.
            const value =
              valueStart < 0 ? undefined : new Uint8Array(bytes.subarray(valueStart, valueEnd));
            this.#take(partition, offset, value);
          }
        }
      }
      this.#positions.set(partition, end);
    }
  }

  forget(key: string): void {
    this.#held -= this.found.get(key)?.length ?? 0;
    this.found.delete(key);
  }

  async #extents(): Promise<
    readonly { readonly partition: number; readonly earliest: number; readonly end: number }[]
  > {
    const { log, topic } = this.#options;
    const description = await log.describeTopic(topic);
    if (description === undefined)
      throw new ConfigError(`topic ${topic} does not exist`, { topic });
    return Promise.all(
      Array.from({ length: description.partitions }, async (_, partition) => {
        const { earliest, end } = await log.offsets({ topic, partition });
        this.earliest.set(partition, earliest);
        return { partition, earliest, end };
      }),
    );
  }

  #take(partition: number, offset: number, value: Uint8Array | undefined): void {
    const { topic, unreadable, sampled, wanted } = this.#options;
    this.rowsRead += 1;
    let row: FeatureRow;
    try {
      if (value === undefined) throw new DecodeError('a null value');
      row = decodeFeatureRow(value);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return unreadable(`${topic}/${partition}@${offset}`, error.message);
    }
    const { sensor_id: sensorId, window_end: endMs } = row;
    if (value === undefined || !sampled(sensorId)) return;
    const held: TopicRow = { partition, offset, bytes: value };
    const newest = this.newest.get(sensorId);
    if (newest === undefined || newest.windowEndMs < endMs) {
      this.newest.set(sensorId, { ...held, windowEndMs: endMs, rivals: [] });
    } else if (newest.windowEndMs === endMs) {
      newest.rivals.push(held);
    }
    const oldest = this.oldestEndMs.get(sensorId);
    if (oldest === undefined || oldest > endMs) this.oldestEndMs.set(sensorId, endMs);
    if (wanted(row)) this.#hold(windowKey(row.lineage, row.window_start, sensorId), held);
  }

  #hold(key: string, row: TopicRow): void {
    this.#held += 1;
    if (this.#held > rowsMax) {
      throw new ConfigError(
        `more than ${rowsMax} rows of ${this.#options.topic} to compare: narrow the audit with --from and --to, or ` +
          'with --sensors 0.1',
        { rowsMax },
      );
    }
    const rows = this.found.get(key);
    if (rows === undefined) this.found.set(key, [row]);
    else rows.push(row);
  }
}
