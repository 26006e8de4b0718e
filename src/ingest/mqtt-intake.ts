// Messages of an MQTT session → records of the input topic. Messages that came while an append was
// under way go with the next one, in order; each is acknowledged once the log holds it durably. An
// append that fails is repeated until it succeeds: until then the broker keeps the messages.
import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { deferred, type Deferred } from '../deferred.ts';
import { isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { createMqttMetrics, type MqttMetrics } from '../metrics/mqtt-metrics.ts';
import type { OutputRecord } from '../records/record.ts';
import type { ArrivedMessage, MessageRecords } from './mqtt-record.ts';
import type { MqttMessage } from './mqtt-session.ts';

export interface MqttIntakeOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly recordsOf: (message: ArrivedMessage) => MessageRecords;
  readonly inFlightMax: number;
  readonly clock: Pick<Clock, 'nowMs' | 'sleep'>;
  readonly logger: Logger;
}

interface Waiting {
  readonly records: readonly OutputRecord[];
  readonly bytes: number;
  readonly acknowledge: () => void;
}

const bytesInFlightMax = 64 * 1024 * 1024;
const appendWaits = { firstMs: 100, maxMs: 10_000 };

export class MqttIntake {
  readonly metrics: MqttMetrics;
  readonly #options: MqttIntakeOptions;
  readonly #stop = new AbortController();
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #bytes = 0;
  #room: Deferred<void> | undefined;
  #appending: Promise<void> | undefined;

  constructor(options: MqttIntakeOptions) {
    this.#options = options;
    this.metrics = createMqttMetrics(() => this.#inFlight);
  }

  take(message: MqttMessage): void {
    this.metrics.messages.inc();
    if (message.isRetained) {
      this.metrics.retained.inc();
      message.acknowledge();
      return;
    }
    if (this.#stop.signal.aborted) return;
    const { topic, payload } = message;
    const arrivedMs = this.#options.clock.nowMs();
    const { records, refused } = this.#options.recordsOf({ topic, payload, arrivedMs });
    for (const reason of refused) this.metrics.refused.inc({ reason });
    this.#add({ records, bytes: payload.length, acknowledge: () => message.acknowledge() });
  }

  /** Appends records of no message, behind those of the messages taken before. */
  append(records: readonly OutputRecord[]): void {
    if (records.length > 0) this.#add({ records, bytes: 0, acknowledge: () => undefined });
  }

  #add(waiting: Waiting): void {
    this.#inFlight += 1;
    this.#bytes += waiting.bytes;
    this.#waiting.push(waiting);
    this.#appending ??= this.#appendAll().finally(() => {
      this.#appending = undefined;
    });
  }

  /** Resolves once another message may come; undefined where it may now. */
  whenRoom(): Promise<void> | undefined {
    if (this.#hasRoom()) return undefined;
    this.#room ??= deferred<void>();
    return this.#room.promise;
  }

  /** Waits for the append under way; the broker keeps the messages behind it. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#appending;
    this.#room?.resolve();
  }

  async #appendAll(): Promise<void> {
    // Messages that are read from one chunk of the connection go together.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#waiting;
      this.#waiting = [];
      if (!(await this.#append(batch.flatMap(({ records }) => records)))) return;
      for (const { acknowledge, bytes } of batch) {
        acknowledge();
        this.#inFlight -= 1;
        this.#bytes -= bytes;
      }
      this.metrics.acknowledged.inc(batch.length);
      if (this.#room === undefined || !this.#hasRoom()) continue;
      this.#room.resolve();
      this.#room = undefined;
    }
  }

  /** Resolves with false where it was stopped before the log had them. */
  async #append(records: readonly OutputRecord[]): Promise<boolean> {
    const { clock, log, logger } = this.#options;
    if (records.length === 0) return true;
    for (let retry = 0; ; retry += 1) {
      try {
        await log.append(records);
        return true;
      } catch (error) {
        if (!isSensoriumError(error)) throw error;
        this.metrics.appendFailures.inc();
        if (retry === 0) logger.warn({ error: error.message }, 'MQTT messages wait for the log');
      }
      await clock.sleep(backoffMs(retry, appendWaits), this.#stop.signal);
      if (this.#stop.signal.aborted) return false;
    }
  }

  #hasRoom(): boolean {
    return this.#inFlight < this.#options.inFlightMax && this.#bytes < bytesInFlightMax;
  }
}
