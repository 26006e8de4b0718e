// The outputs of a shard since its last commit: feature rows, anomalies, dead letters, forwards,
// journal entries. The fold fills it; a commit takes all of it at its cut. A window that closes is
// only copied here and becomes a record when the commit asks for it: all sensors close the same
// minute at once, and the fold must not wait for a million rows to be encoded.
//
//   muted ──resume──▶ resuming ──open──▶ open        a commit was cut short: its first outputs are out
//     └──────────────────open────────────▲
import { recordBytes } from '../codecs/record-size.ts';
import type { OutputRecord } from '../records/record.ts';
import type { DecisionKind } from './journal.ts';
import {
  noOutputs,
  Outgoing,
  type AnomalyOutput,
  type EventKind,
  type JournalOutput,
  type OtherOutput,
  type OutputCounts,
} from './outgoing.ts';
import type {
  AlarmChange,
  AnomalousReading,
  ClosedWindow,
  ClosedWindowList,
  FoldOutputs,
  PresenceChange,
} from '../sensors/shard-state.ts';

export interface Outbox extends Required<FoldOutputs> {
  /** Set during replay: outputs were committed already, and are dropped. */
  muted: boolean;
  /** Whether a commit may take what is here. */
  readonly committable: boolean;
  /** Outputs still to be dropped because they are out; counts of 0 unless resuming. */
  readonly stillOut: OutputCounts;
  readonly featureRows: number;
  readonly otherRecords: number;
  /** Readings forwarded since it was made, those of a replay left out. */
  readonly forwards: number;
  /** Forwards of other groups since it was made; those of a replay do not count. */
  readonly leftOut: number;
  /** More than a commit should hold: the fold waits for the commit in flight. */
  readonly full: boolean;
  countReadings(readings: number): void;
  deadLetter(reasonCode: string, record: OutputRecord): void;
  forward(record: OutputRecord): void;
  /** A forward of another group is not folded here. */
  leaveOut(): undefined;
  journal(kind: DecisionKind, record: OutputRecord): void;
  /** From here on outputs count, but for the first of each kind, which are out. */
  resume(out: OutputCounts): void;
  /** From here on everything counts and may be committed. */
  open(): void;
  /** Everything since the last take, in order. */
  take(): Outgoing;
}

/** Rows are columns until the commit asks for them; other records are objects. */
const rowsMax = 50_000;
const recordsMax = 10_000;
const bytesMax = 16_000_000;

/** Turns the fold's outputs into records. */
export interface OutboxEncoders {
  readonly featureRow: (window: ClosedWindow) => OutputRecord;
  /** Undefined for a reading that is not published. */
  readonly anomaly: (anomaly: AnomalousReading) => OutputRecord | undefined;
  /** Left out where changes of presence are not published. */
  readonly presence?: (change: PresenceChange) => OutputRecord;
  /** Left out where changes of alarms are not published. */
  readonly alarm?: (change: AlarmChange) => OutputRecord;
}

/** Returns an empty, open outbox. */
export function createOutbox(encode: OutboxEncoders): Outbox {
  return new ShardOutbox(encode);
}

class ShardOutbox implements Outbox {
  muted: boolean = false;
  forwards: number = 0;
  leftOut: number = 0;
  readonly #encode: OutboxEncoders;
  #resuming = false;
  #out: Mutable<OutputCounts> = { ...noOutputs };
  #readings = 0;
  #sensorsForgotten = 0;
  #journal: JournalOutput[] = [];
  #others: OtherOutput[] = [];
  #anomalies: AnomalyOutput[] = [];
  #flagged = 0;
  #windows: ClosedWindowList | undefined;
  #windowAnomalies = 0;
  #windowEndsMs = new Set<number>();
  #lastEndMs = NaN;
  #bytes = 0;

  constructor(encode: OutboxEncoders) {
    this.#encode = encode;
  }

  get committable(): boolean {
    return !this.muted && !this.#resuming;
  }

  get stillOut(): OutputCounts {
    return this.#out;
  }

  get featureRows(): number {
    return this.#windows?.count ?? 0;
  }

  get otherRecords(): number {
    return this.#journal.length + this.#others.length + this.#anomalies.length;
  }

  get full(): boolean {
    // The cut that is made again was one commit before: it fits, and nothing of it may go earlier.
    if (this.#resuming) return false;
    const records = this.otherRecords;
    return this.featureRows >= rowsMax || records >= recordsMax || this.#bytes >= bytesMax;
  }

  countReadings(readings: number): void {
    if (!this.muted) this.#readings += readings;
  }

  sensorsForgotten(sensors: number): void {
    if (!this.muted) this.#sensorsForgotten += sensors;
  }

  windowClosed(window: ClosedWindow): void {
    if (this.muted || this.#isOut('rows')) return;
    // Larger windows repeat the anomalies of base ones.
    if (window.lengthIndex === 0) this.#windowAnomalies += window.anomalyCount;
    if (window.windowEndMs !== this.#lastEndMs) this.#noteEnd(window.windowEndMs);
    this.#windows ??= window.newList();
    this.#windows.add(window);
  }

  anomalyFound(anomaly: AnomalousReading): void {
    if (this.muted || this.#isOut('anomalyEvents')) return;
    this.#flagged += 1;
    this.#addAnomaly(this.#encode.anomaly(anomaly), undefined);
  }

  presenceChanged(change: PresenceChange): void {
    if (this.muted || this.#isOut('anomalyEvents')) return;
    this.#flagged += 1;
    this.#addAnomaly(this.#encode.presence?.(change), change.kind);
  }

  alarmChanged(change: AlarmChange): void {
    if (this.muted || this.#isOut('anomalyEvents')) return;
    this.#flagged += 1;
    this.#addAnomaly(this.#encode.alarm?.(change), change.kind);
  }

  #addAnomaly(record: OutputRecord | undefined, event: EventKind | undefined): void {
    if (record === undefined) return;
    this.#anomalies.push({ record, event, ordinal: this.#flagged });
    this.#bytes += recordBytes(record);
  }

  deadLetter(reason: string, record: OutputRecord): void {
    this.#other({ record, reason });
  }

  forward(record: OutputRecord): void {
    if (!this.muted) this.forwards += 1;
    this.#other({ record, reason: undefined });
  }

  leaveOut(): undefined {
    if (!this.muted) this.leftOut += 1;
  }

  journal(kind: DecisionKind, record: OutputRecord): void {
    this.#journal.push({ kind, record });
    this.#bytes += recordBytes(record);
  }

  resume(out: OutputCounts): void {
    this.muted = false;
    this.#resuming = true;
    this.#out = { rows: out.rows, others: out.others, anomalyEvents: out.anomalyEvents };
  }

  open(): void {
    this.muted = false;
    this.#resuming = false;
    this.#out = { ...noOutputs };
  }

  take(): Outgoing {
    const outgoing = new Outgoing({
      readings: this.#readings,
      sensorsForgotten: this.#sensorsForgotten,
      journal: this.#journal,
      others: this.#others,
      anomalies: this.#anomalies,
      flagged: this.#flagged,
      windows: this.#windows,
      windowAnomalies: this.#windowAnomalies,
      windowEndsMs: this.#windowEndsMs,
      featureRow: this.#encode.featureRow,
    });
    this.#readings = 0;
    this.#sensorsForgotten = 0;
    this.#journal = [];
    this.#others = [];
    this.#anomalies = [];
    this.#flagged = 0;
    this.#windows = undefined;
    this.#windowAnomalies = 0;
    this.#windowEndsMs = new Set();
    this.#lastEndMs = NaN;
    this.#bytes = 0;
    return outgoing;
  }

  /** A million sensors close the same few windows: a row costs one comparison. */
  #noteEnd(endMs: number): void {
    this.#lastEndMs = endMs;
    this.#windowEndsMs.add(endMs);
  }

  #other(output: OtherOutput): void {
    if (this.muted || this.#isOut('others')) return;
    this.#others.push(output);
    this.#bytes += recordBytes(output.record);
  }

  /** Whether the next output of this kind is out already; counts it off if so. */
  #isOut(kind: keyof OutputCounts): boolean {
    if (this.#out[kind] === 0) return false;
    this.#out[kind] -= 1;
    return true;
  }
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };
