// The births of Sparkplug devices: the name and the data type of each metric, by its alias. They
// are kept in a compacted topic, the newest record of each device, so that a process that starts
// again reads data of devices that were born before it.
//
//   born  ─ death ─▶  dead  ─ birth ─▶  born       stale: the edge node was born again, the device
//    └── birth of the edge node ──▶  stale ┘              not yet, and may give other aliases
import { parsedJson } from '../codecs/bounded-json.ts';
import type { SparkplugMetric, SparkplugPayload } from '../codecs/sparkplug-payload.ts';
import type { SparkplugPlace } from './sparkplug-topics.ts';

/** A metric as its birth declares it. */
export interface BornMetric {
  readonly name: string;
  readonly datatype: number;
  /** Time of its newest value, ms; a birth repeats values that the log has. */
  lastMs: number;
}

export interface Device {
  readonly id: string;
  state: 'born' | 'stale' | 'dead';
  /** When its last message arrived, ms. */
  heardMs: number;
  /** Number of the edge node's connection; its will names the same one. */
  bdSeq: string | undefined;
  names: Map<string, BornMetric>;
  aliases: Map<string, BornMetric>;
}

/** The newest record of a device; a null value where nothing is known of it any more. */
export interface StoredBirth {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

const devicesMax = 100_000;
/** The topic takes no larger record. Such a birth is asked for again after a restart. */
const storedBytesMax = 2_000_000;
const storedVersion = 1;

export class SparkplugBirths {
  readonly #devices: Map<string, Device> = new Map();

  /** Takes over a record of the topic; later ones replace earlier ones. */
  restore(id: string, value: Uint8Array | null): void {
    const device = value === null ? undefined : storedDevice(id, value);
    if (device === undefined) this.#devices.delete(id);
    else this.#devices.set(id, device);
  }

  device(id: string): Device | undefined {
    return this.#devices.get(id);
  }

  /** Returns the devices of an edge node, without itself. */
  devicesOf(edgeNode: string): readonly Device[] {
    return [...this.#devices.values()].filter(({ id }) => id.startsWith(`${edgeNode}/`));
  }

  /** Returns what is known of a metric; undefined where its device is not born. */
  metric(id: string, { alias, name }: SparkplugMetric): BornMetric | undefined {
    const device = this.#devices.get(id);
    if (device?.state !== 'born') return undefined;
    return name === undefined ? device.aliases.get(alias ?? '') : device.names.get(name);
  }

  /**
   * Notes a birth; returns what to store, and where the device had died, when it was last heard
   * before. The devices of an edge node are born after it.
   */
  born(
    { edgeNode, id }: SparkplugPlace,
    payload: SparkplugPayload,
    arrivedMs: number,
  ): { readonly stored: readonly StoredBirth[]; readonly silentSinceMs: number | undefined } {
    const before = this.#devices.get(id);
    if (before === undefined && this.#devices.size >= devicesMax) {
      return { stored: [], silentSinceMs: undefined };
    }
    const device: Device = {
      ...{ id, state: 'born', heardMs: arrivedMs, bdSeq: bdSeqOf(payload) },
      ...{ names: new Map(), aliases: new Map() },
    };
    for (const { alias, datatype, name } of payload.metrics) {
      if (name === undefined) continue;
      const lastMs = before?.names.get(name)?.lastMs ?? -Infinity;
      addMetric(device, { name, datatype, lastMs }, alias);
    }
    this.#devices.set(id, device);
    const stale = id === edgeNode ? this.devicesOf(id).filter(({ state }) => state === 'born') : [];
    for (const one of stale) one.state = 'stale';
    const stored = [storedBirth(device), ...stale.map((one) => forgotten(one.id))];
    return { stored, silentSinceMs: before?.state === 'dead' ? before.heardMs : undefined };
  }

  /** Notes that a device has died; returns what to store, undefined where that is known already. */
  died(device: Device, arrivedMs: number): StoredBirth | undefined {
    if (device.state === 'dead') return undefined;
    device.state = 'dead';
    const value = { version: storedVersion, died_ms: arrivedMs };
    return { key: Buffer.from(device.id), value: Buffer.from(JSON.stringify(value)) };
  }

  /** Forgets all births, since messages were lost; returns what to store. */
  forget(): readonly StoredBirth[] {
    const ids = [...this.#devices.keys()];
    this.#devices.clear();
    return ids.map(forgotten);
  }
}

/** The number of an edge node's connection, in its birth and in its will. */
export function bdSeqOf({ metrics }: SparkplugPayload): string | undefined {
  const found = metrics.find(({ name }) => name === 'bdSeq')?.found;
  return found?.kind === 'whole' ? String(found.bits) : undefined;
}

function addMetric(device: Device, metric: BornMetric, alias: string | undefined): void {
  device.names.set(metric.name, metric);
  if (alias !== undefined) device.aliases.set(alias, metric);
}

function storedBirth({ aliases, bdSeq, heardMs, id, names }: Device): StoredBirth {
  const aliasOf = new Map([...aliases].map(([alias, metric]) => [metric, alias]));
  const metrics = [...names.values()].map((metric) => {
    const alias = aliasOf.get(metric);
    return [metric.name, metric.datatype, ...(alias === undefined ? [] : [alias])];
  });
  const value = { version: storedVersion, born_ms: heardMs, bd_seq: bdSeq, metrics };
  const text = Buffer.from(JSON.stringify(value));
  return text.length > storedBytesMax ? forgotten(id) : { key: Buffer.from(id), value: text };
}

function forgotten(id: string): StoredBirth {
  return { key: Buffer.from(id), value: null };
}

/** Returns the device that a record tells of; undefined where it is of another version. */
function storedDevice(id: string, value: Uint8Array): Device | undefined {
  const stored = parsedJson(Buffer.from(value).toString()) as {
    readonly version?: unknown;
    readonly born_ms?: number;
    readonly died_ms?: number;
    readonly bd_seq?: string;
    readonly metrics?: readonly (readonly [string, number, string?])[];
  } | null;
  if (stored?.version !== storedVersion) return undefined;
  const { bd_seq: bdSeq, born_ms: bornMs, died_ms: diedMs, metrics = [] } = stored;
  const device: Device = {
    ...{ id, state: diedMs === undefined ? 'born' : 'dead', heardMs: bornMs ?? diedMs ?? 0 },
    ...{ bdSeq, names: new Map(), aliases: new Map() },
  };
  for (const [name, datatype, alias] of metrics) {
    addMetric(device, { name, datatype, lastMs: -Infinity }, alias);
  }
  return device;
}
