// The last anomalies of each sensor, read from their topic on demand. So it costs nothing while
// nobody asks, every process can answer for every sensor, and a restart loses nothing still in the
// topic's tail. Bounded by records read back, sensors, and anomalies per sensor; the sensor flagged
// longest ago is evicted.
import {
  decodeAnomaly,
  decodeAnomalyLineage,
  type AnomalyLineage,
  type AnomalyTopicRecord,
} from '../codecs/anomaly.ts';
import { DecodeError } from '../errors.ts';
import { inTurn } from '../in-turn.ts';
import type { EventLog, FetchedBatch } from '../log/event-log.ts';
import { partitionForKey } from '../records/partitioning.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'sensor_id'> : never;

/** A flagged reading, or an event, which has a `kind`. */
export type RecentAnomaly = WithoutId<AnomalyTopicRecord> & {
  /** Input position of the reading; null if the record does not carry it. */
  readonly lineage: AnomalyLineage | null;
};

export interface RecentAnomaliesOptions {
  readonly log: EventLog;
  /** The topic of flagged readings. */
  readonly topic: string;
  readonly anomaliesPerSensorMax: number;
  readonly sensorsMax: number;
  /** Most records read back in one partition, at the first question or after a long pause. */
  readonly tailRecordsMax: number;
}

export class RecentAnomalies {
  readonly #options: RecentAnomaliesOptions;
  /** Ordered by each sensor's last anomaly; each list oldest first. */
  readonly #bySensor = new Map<string, RecentAnomaly[]>();
  /** Offset of the next read, by partition. */
  readonly #positions = new Map<number, number>();
  /** Two reads at once would add the same records twice. */
  readonly #readInTurn = inTurn();

  constructor(options: RecentAnomaliesOptions) {
    this.#options = options;
  }

  /**
   * Returns the sensor's last anomalies committed at the call, newest first; none if the topic does
   * not exist.
   * @throws UnavailableError when the log does not answer.
   */
  async of(sensorId: string): Promise<readonly RecentAnomaly[]> {
    const { log, topic } = this.#options;
    // Asked every time: a topic may get more partitions.
    const description = await log.describeTopic(topic);
    if (description === undefined) return [];
    const partition = partitionForKey(Buffer.from(sensorId), description.partitions);
    await this.#readInTurn(() => this.#catchUp(partition));
    return [...(this.#bySensor.get(sensorId) ?? [])].reverse();
  }

  async #catchUp(partition: number): Promise<void> {
    const { log, topic, tailRecordsMax } = this.#options;
    const { earliest, end } = await log.offsets({ topic, partition });
    const known = this.#positions.get(partition) ?? 0;
    // A position past the end belongs to a topic that was deleted and recreated.
    let from = Math.max(known > end ? 0 : known, earliest, end - tailRecordsMax);
    if (from >= end) return;
    for await (const batch of log.read({ topic, partition, from, to: end })) {
      this.#take(batch, { from, to: end });
      from = Math.min(batch.nextOffset, end);
      this.#positions.set(partition, from);
    }
  }

  #take(batch: FetchedBatch, { from, to }: { readonly from: number; readonly to: number }): void {
    const records = batch.records();
    while (records.next()) {
      const isAsked = records.offset >= from && records.offset < to;
      if (!isAsked || records.valueStart < 0) continue;
      try {
        const value = records.bytes.subarray(records.valueStart, records.valueEnd);
        const { sensor_id: sensorId, ...anomaly } = decodeAnomaly(value);
        this.#add(sensorId, { ...anomaly, lineage: decodeAnomalyLineage(records) ?? null });
      } catch (error) {
        // A record of another writer; this view for people skips it.
        if (!(error instanceof DecodeError)) throw error;
      }
    }
  }

  #add(sensorId: string, anomaly: RecentAnomaly): void {
    const { anomaliesPerSensorMax, sensorsMax } = this.#options;
    const kept = this.#bySensor.get(sensorId) ?? [];
    kept.push(anomaly);
    if (kept.length > anomaliesPerSensorMax) kept.shift();
    this.#bySensor.delete(sensorId);
    this.#bySensor.set(sensorId, kept);
    if (this.#bySensor.size <= sensorsMax) return;
    for (const longestAgo of this.#bySensor.keys()) {
      this.#bySensor.delete(longestAgo);
      return;
    }
  }
}
