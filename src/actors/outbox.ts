// What a shard has to say since its last commit: feature rows, anomalies, dead letters, forwards,
// journal entries. The fold fills it, a commit takes all of it at its cut. During replay it is
// muted: these outputs were committed already. A window that closes is only copied here, and
// becomes a record when the commit asks for it: all sensors close the same minute at once, and the
// fold must not wait for a million rows to be written.
import { recordBytes } from '../codecs/record-size.ts';
import type { OutputRecord } from '../log/event-log.ts';
import type { DecisionKind } from './journal.ts';
import type {
  AnomalousReading,
  ClosedWindow,
  ClosedWindowList,
  FoldOutputs,
} from '../sensors/shard-state.ts';

export interface OutboxCounts {
  readonly readings: number;
  readonly featureRows: number;
  /** Anomalies in the feature rows. */
  readonly anomalies: number;
  readonly anomalyRecords: number;
  readonly forwards: number;
  readonly journalEntries: ReadonlyMap<DecisionKind, number>;
  readonly deadLettersByReason: ReadonlyMap<string, number>;
}

export interface Outgoing extends OutboxCounts {
  /** The feature rows among them are made anew each time this is iterated. */
  readonly records: Iterable<OutputRecord>;
}

export interface Outbox extends Required<FoldOutputs> {
  muted: boolean;
  readonly featureRows: number;
  readonly otherRecords: number;
  /** More than a commit should hold: the fold waits for the commit in flight. */
  readonly full: boolean;
  countReadings(readings: number): void;
  deadLetter(reasonCode: string, record: OutputRecord): void;
  forward(record: OutputRecord): void;
  journal(kind: DecisionKind, record: OutputRecord): void;
  /** Everything since the last take, in order. */
  take(): Outgoing;
}

/** Rows are columns until the commit asks for them; other records are objects. */
const rowsMax = 50_000;
const recordsMax = 10_000;
const bytesMax = 16_000_000;

/** What turns the fold's outputs into records. */
export interface OutboxEncoders {
  readonly featureRow: (window: ClosedWindow) => OutputRecord;
  /** undefined for one that is not to be told. */
  readonly anomaly: (anomaly: AnomalousReading) => OutputRecord | undefined;
}

/** Returns an empty outbox. */
export function createOutbox(encode: OutboxEncoders): Outbox {
  let records: OutputRecord[] = [];
  let windows: ClosedWindowList | undefined;
  let counts = emptyCounts();
  let bytes = 0;
  const push = (record: OutputRecord): void => {
    records.push(record);
    bytes += recordBytes(record);
  };
  const outbox: Outbox = {
    muted: false,
    get featureRows() {
      return counts.featureRows;
    },
    get otherRecords() {
      return records.length;
    },
    get full() {
      return counts.featureRows >= rowsMax || records.length >= recordsMax || bytes >= bytesMax;
    },
    countReadings(readings) {
      if (!outbox.muted) counts.readings += readings;
    },
    windowClosed(window) {
      if (outbox.muted) return;
      counts.featureRows += 1;
      // Those of larger windows are the same ones again.
      if (window.lengthIndex === 0) counts.anomalies += window.anomalyCount;
      windows ??= window.newList();
      windows.add(window);
    },
    anomalyFound(anomaly) {
      if (outbox.muted) return;
      const record = encode.anomaly(anomaly);
      if (record === undefined) return;
      counts.anomalyRecords += 1;
      push(record);
    },
    deadLetter(reasonCode, record) {
      if (outbox.muted) return;
      const { deadLettersByReason } = counts;
      deadLettersByReason.set(reasonCode, (deadLettersByReason.get(reasonCode) ?? 0) + 1);
      push(record);
    },
    forward(record) {
      if (outbox.muted) return;
      counts.forwards += 1;
      push(record);
    },
    journal(kind, record) {
      counts.journalEntries.set(kind, (counts.journalEntries.get(kind) ?? 0) + 1);
      push(record);
    },
    take() {
      const outgoing = { records: outgoingRecords(records, windows, encode.featureRow), ...counts };
      records = [];
      windows = undefined;
      counts = emptyCounts();
      bytes = 0;
      return outgoing;
    },
  };
  return outbox;
}

function outgoingRecords(
  records: readonly OutputRecord[],
  windows: ClosedWindowList | undefined,
  encode: (window: ClosedWindow) => OutputRecord,
): Iterable<OutputRecord> {
  if (windows === undefined) return records;
  return {
    *[Symbol.iterator]() {
      yield* records;
      for (let index = 0; index < windows.count; index += 1) yield encode(windows.at(index));
    },
  };
}

function emptyCounts(): {
  readings: number;
  featureRows: number;
  anomalies: number;
  anomalyRecords: number;
  forwards: number;
  journalEntries: Map<DecisionKind, number>;
  deadLettersByReason: Map<string, number>;
} {
  return {
    readings: 0,
    featureRows: 0,
    anomalies: 0,
    anomalyRecords: 0,
    forwards: 0,
    journalEntries: new Map(),
    deadLettersByReason: new Map(),
  };
}
