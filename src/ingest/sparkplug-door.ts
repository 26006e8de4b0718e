// Messages of Sparkplug B → records of the input topic: aliases become names here, before the log,
// so that the fold stays a function of the log. Metrics of one device and time are one record:
//
//   {"id":"<group>/<edge node>/<device>","timestamp":<ms>,"values":{"<metric>":<value>, …}}
//
// A metric whose birth is unknown is appended with its alias and becomes a dead letter, and the
// edge node is asked for its births. A death is an event of the anomaly topic, and no reading.
import type { SensorEvent } from '../codecs/sensor-event.ts';
import {
  decodeSparkplug,
  sparkplugValue,
  type FoundValue,
  type SparkplugPayload,
} from '../codecs/sparkplug-payload.ts';
import { isSensoriumError } from '../errors.ts';
import type { SparkplugMetrics } from '../metrics/mqtt-metrics.ts';
import type { OutputRecord } from '../records/record.ts';
import type { DeadLetterCode } from '../sensors/reading.ts';
import type { RecordOfArrival } from './arrived-record.ts';
import { refusedMessage, type ArrivedMessage, type MessageRecords } from './mqtt-record.ts';
import { bdSeqOf, SparkplugBirths, type Device, type StoredBirth } from './sparkplug-births.ts';
import { sparkplugPlace, type SparkplugPlace } from './sparkplug-topics.ts';

export interface SparkplugDoorOptions {
  readonly inputTopic: string;
  readonly birthsTopic: string;
  readonly recordOf: RecordOfArrival;
  /** Returns the record of an event; undefined where events are off. */
  readonly eventRecord: (event: SensorEvent) => OutputRecord | undefined;
  /** Asks an edge node for its births. */
  readonly requestBirths: (edgeNode: string) => void;
  readonly metrics: SparkplugMetrics;
}

/** As many as the kernel reads in one pass; a birth may hold thousands. */
const valuesPerRecord = 64;
const textCharactersMax = 1_000;
/** Between two requests to one edge node. */
const requestIntervalMs = 30_000;
const sequenceLength = 256;

const nothing: MessageRecords = { records: [], refused: [] };

interface Arrived {
  readonly place: SparkplugPlace;
  readonly payload: SparkplugPayload;
  readonly message: ArrivedMessage;
}

interface Unresolved {
  readonly alias?: string;
  readonly name?: string;
  readonly timestamp: number;
  readonly value: string | number | boolean;
}

export class SparkplugDoor {
  readonly #options: SparkplugDoorOptions;
  readonly #births = new SparkplugBirths();
  /** By edge node: the sequence number of its last message, 0 to 255. */
  readonly #sequence: Map<string, number> = new Map();
  readonly #requestedMs: Map<string, number> = new Map();

  constructor(options: SparkplugDoorOptions) {
    this.#options = options;
  }

  /** Takes over a record of the topic of births, in its order, before the first message. */
  restore(key: Uint8Array, value: Uint8Array | null): void {
    this.#births.restore(Buffer.from(key).toString(), value);
  }

  /** Returns what to append since the broker has lost the session: births may have been missed. */
  sessionLost(): readonly OutputRecord[] {
    this.#sequence.clear();
    return this.#stored(this.#births.forget());
  }

  /** Returns what to append for a message. Never throws, whatever the payload is. */
  readonly recordsOf = (message: ArrivedMessage): MessageRecords => {
    const place = sparkplugPlace(message.topic);
    if (place === undefined) return nothing;
    const payload = payloadOf(message);
    if (payload === undefined) return this.#refused(message, message.payload, place, 'json_syntax');
    const arrived = { place, payload, message };
    this.#followSequence(arrived);
    switch (place.message) {
      case 'birth':
        return this.#born(arrived);
      case 'data':
        return this.#readings(arrived);
      case 'death':
        return { records: this.#died(arrived), refused: [] };
      default:
        return place.message satisfies never;
    }
  };

  #born(arrived: Arrived): MessageRecords {
    const { message, payload, place } = arrived;
    const { stored, silentSinceMs } = this.#births.born(place, payload, message.arrivedMs);
    const { records, refused } = this.#readings(arrived);
    const online =
      silentSinceMs === undefined
        ? []
        : this.#event(place.id, {
            ...{ kind: 'online', atMs: message.arrivedMs, sinceMs: silentSinceMs },
          });
    return { records: [...this.#stored(stored), ...online, ...records], refused };
  }

  /** The will of an earlier connection may come after the birth of the next one. */
  #died({ message, payload, place }: Arrived): readonly OutputRecord[] {
    const { arrivedMs } = message;
    const device = this.#births.device(place.id);
    if (device === undefined) return [];
    const isNode = place.id === place.edgeNode;
    const bdSeq = bdSeqOf(payload);
    if (isNode && bdSeq !== undefined && device.bdSeq !== undefined && bdSeq !== device.bdSeq) {
      return [];
    }
    if (isNode) this.#sequence.delete(place.edgeNode);
    const dying = [device, ...(isNode ? this.#births.devicesOf(place.edgeNode) : [])];
    return dying.flatMap((one) => this.#deathOf(one, arrivedMs));
  }

  #deathOf(device: Device, arrivedMs: number): readonly OutputRecord[] {
    const stored = this.#births.died(device, arrivedMs);
    if (stored === undefined) return [];
    const times = { atMs: arrivedMs, sinceMs: device.heardMs };
    return [...this.#stored([stored]), ...this.#event(device.id, { kind: 'offline', ...times })];
  }

  #readings({ message, payload, place }: Arrived): MessageRecords {
    const byTime = new Map<number, string[]>();
    const unresolved: Unresolved[] = [];
    const device = this.#births.device(place.id);
    if (device !== undefined) device.heardMs = message.arrivedMs;
    for (const metric of payload.metrics) {
      const { alias, found } = metric;
      if (found === undefined) continue;
      const timestamp = metric.timestampMs ?? payload.timestampMs ?? message.arrivedMs;
      const known = this.#births.metric(place.id, metric);
      const name = metric.name ?? known?.name;
      const text = valueText(
        found,
        metric.datatype === 0 ? (known?.datatype ?? 0) : metric.datatype,
      );
      if (name === undefined || text === undefined) {
        const by = name === undefined ? {} : { name };
        unresolved.push({
          ...(alias === undefined ? by : { alias }),
          timestamp,
          value: shown(found),
        });
        continue;
      }
      if (isControl(name)) continue;
      if (known !== undefined && !metric.isHistorical) {
        // A birth says again what the log has.
        if (place.message === 'birth' && timestamp <= known.lastMs) continue;
        known.lastMs = Math.max(known.lastMs, timestamp);
      }
      const members = byTime.get(timestamp) ?? [];
      members.push(`${JSON.stringify(name)}:${text}`);
      byTime.set(timestamp, members);
    }
    const read = [...byTime].flatMap(([timestamp, members]) =>
      chunksOf(members).map((chunk) => this.#record({ place, message, timestamp, members: chunk })),
    );
    const parts = [...read, ...this.#unresolved(place, message, unresolved)];
    return {
      records: parts.flatMap(({ records }) => records),
      refused: parts.flatMap(({ refused }) => refused),
    };
  }

  #record(of: {
    readonly place: SparkplugPlace;
    readonly message: ArrivedMessage;
    readonly timestamp: number;
    readonly members: readonly string[];
  }): MessageRecords {
    const { members, message, place, timestamp } = of;
    const { id } = place;
    const value = Buffer.from(
      `{"id":${JSON.stringify(id)},"timestamp":${timestamp},"values":{${members.join(',')}}}`,
    );
    const { record, refusals } = this.#options.recordOf({
      ...{ value, key: id, arrivedMs: message.arrivedMs },
    });
    if (record !== undefined) return { records: [record], refused: [] };
    // A message holds what has changed: that may be nothing that is declared.
    const code = refusals.find(({ reason }) => reason.code !== 'value_missing')?.reason.code;
    return code === undefined ? nothing : this.#refused(message, value, place, code);
  }

  #unresolved(
    place: SparkplugPlace,
    message: ArrivedMessage,
    unresolved: readonly Unresolved[],
  ): readonly MessageRecords[] {
    const [first] = unresolved;
    if (first === undefined) return [];
    this.#options.metrics.unresolved.inc(unresolved.length);
    this.#request(place.edgeNode, message.arrivedMs);
    const { timestamp } = first;
    const value = Buffer.from(JSON.stringify({ id: place.id, timestamp, unresolved }));
    return [this.#refused(message, value, place, 'value_missing')];
  }

  #refused(
    { topic }: ArrivedMessage,
    value: Uint8Array,
    { id }: SparkplugPlace,
    code: DeadLetterCode,
  ): MessageRecords {
    const { inputTopic } = this.#options;
    return { records: [refusedMessage({ inputTopic, topic, id, value })], refused: [code] };
  }

  /** A message that was lost may have been a birth. */
  #followSequence({
    message,
    payload: { seq },
    place: { edgeNode, id, message: kind },
  }: Arrived): void {
    if (seq === undefined || kind === 'death') return;
    const last = this.#sequence.get(edgeNode);
    this.#sequence.set(edgeNode, seq);
    const isFirst = last === undefined || (kind === 'birth' && id === edgeNode);
    // At QoS 1 a message may come twice.
    if (isFirst || seq === last || seq === (last + 1) % sequenceLength) return;
    this.#options.metrics.gaps.inc();
    this.#request(edgeNode, message.arrivedMs);
  }

  #request(edgeNode: string, nowMs: number): void {
    if (nowMs - (this.#requestedMs.get(edgeNode) ?? -Infinity) < requestIntervalMs) return;
    this.#requestedMs.set(edgeNode, nowMs);
    this.#options.metrics.requests.inc();
    this.#options.requestBirths(edgeNode);
  }

  #event(
    id: string,
    { atMs, kind, sinceMs }: { kind: 'offline' | 'online'; atMs: number; sinceMs: number },
  ): readonly OutputRecord[] {
    const record = this.#options.eventRecord({
      ...{ sensor_id: id, timestamp: atMs, kind, since: sinceMs, silent_after: null },
      ...{ readings: null, value: null },
      explanation:
        kind === 'offline' ? 'Sparkplug: the device has died.' : 'Sparkplug: born after its death.',
    });
    return record === undefined ? [] : [record];
  }

  #stored(births: readonly StoredBirth[]): readonly OutputRecord[] {
    return births.map(({ key, value }) => ({ topic: this.#options.birthsTopic, key, value }));
  }
}

function payloadOf({ payload }: ArrivedMessage): SparkplugPayload | undefined {
  try {
    return decodeSparkplug(payload);
  } catch (error) {
    if (!isSensoriumError(error)) throw error;
    return undefined;
  }
}

/** Metrics that command an edge node or count its connections are no measurements. */
function isControl(name: string): boolean {
  return name === 'bdSeq' || /^(?:Node|Device) Control\//.test(name);
}

/** Returns a value as JSON; undefined where only the birth says what it is. */
function valueText(found: FoundValue, datatype: number): string | undefined {
  if (found.kind === 'other') return JSON.stringify({ datatype });
  const value = sparkplugValue(found, datatype);
  switch (typeof value) {
    case 'number':
      // JSON has no infinity: a number out of range is refused by its name.
      return Number.isFinite(value) ? JSON.stringify(value) : `${value < 0 ? '-' : ''}1e400`;
    case 'boolean':
      return value ? '1' : '0';
    case 'string':
      return JSON.stringify(value.slice(0, textCharactersMax));
    default:
      return undefined;
  }
}

function shown(found: FoundValue): string | number | boolean {
  if (found.kind === 'other') return 'not a number';
  return found.kind === 'whole' ? String(found.bits) : found.value;
}

function chunksOf(members: readonly string[]): readonly (readonly string[])[] {
  const chunks = Math.ceil(members.length / valuesPerRecord);
  return Array.from({ length: chunks }, (_, index) =>
    members.slice(index * valuesPerRecord, (index + 1) * valuesPerRecord),
  );
}
