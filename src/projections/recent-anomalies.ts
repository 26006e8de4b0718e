// The last anomalies of each sensor, read from their topic when somebody asks: nothing runs while nobody does, every
// process can tell those of any sensor, and a restart loses none that the topic's tail still has. Bounded three ways:
// records read back, sensors, anomalies a sensor; the sensor that was flagged longest ago makes room.
import {
  decodeAnomaly,
  decodeAnomalyLineage,
  type Anomaly,
  type AnomalyLineage,
} from '../codecs/anomaly.ts';
import { DecodeError } from '../errors.ts';
import type { EventLog, FetchedBatch } from '../log/event-log.ts';
import { partitionForKey } from '../log/partitioning.ts';

export interface RecentAnomaly extends Omit<Anomaly, 'sensor_id'> {
  /** Where in the input the reading is; null where the record does not say. */
  readonly lineage: AnomalyLineage | null;
}

export interface RecentAnomaliesOptions {
  readonly log: EventLog;
  /** The topic of flagged readings. */
  readonly topic: string;
  readonly anomaliesPerSensorMax: number;
  readonly sensorsMax: number;
  /** Records of one partition that are read back at most: at the first question, or after a long pause. */
  readonly tailRecordsMax: number;
}

export class RecentAnomalies {
  readonly #options: RecentAnomaliesOptions;
  /** In the order of each sensor's last anomaly; each list oldest first. */
  readonly #bySensor = new Map<string, RecentAnomaly[]>();
  /** By partition of the topic: where the next read begins. */
  readonly #positions = new Map<number, number>();
  #partitions: number | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: RecentAnomaliesOptions) {
    this.#options = options;
  }

  /**
   * Returns the sensor's last anomalies as committed at the call, the newest first; none where the topic does not exist.
   * @throws UnavailableError when the log does not answer.
   */
  async of(sensorId: string): Promise<readonly RecentAnomaly[]> {
    const { log, topic } = this.#options;
    this.#partitions ??= (await log.describeTopic(topic))?.partitions;
    if (this.#partitions === undefined) return [];
    const partition = partitionForKey(Buffer.from(sensorId), this.#partitions);
    // One read after the other: two at once would take the same records twice.
    const caughtUp = this.#reading.then(() => this.#catchUp(partition));
    this.#reading = caughtUp.catch(() => undefined);
    await caughtUp;
    return [...(this.#bySensor.get(sensorId) ?? [])].reverse();
  }

  async #catchUp(partition: number): Promise<void> {
    const { log, topic, tailRecordsMax } = this.#options;
    const { earliest, end } = await log.offsets({ topic, partition });
    const known = this.#positions.get(partition) ?? 0;
    // A position past the end is of a topic that was deleted and made again.
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
        // Somebody else wrote to the topic: a view for people leaves it out.
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
