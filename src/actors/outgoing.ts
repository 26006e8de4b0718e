// The outputs of one commit's cut, in the order in which they may become visible: journal entries,
// other records (dead letters and forwards), anomaly events, feature rows. Each kind is a sequence
// of its own and a pure function of log and journal, so "the first n of each kind after the
// position" says what a commit that was cut short has made visible.
import { assert } from '../errors.ts';
import type { OutputRecord } from '../records/record.ts';
import type { AlarmKind } from '../sensors/alarm-change.ts';
import type { PresenceKind } from '../sensors/presence-change.ts';
import type { ClosedWindow, ClosedWindowList } from '../sensors/shard-state.ts';
import type { DecisionKind } from './journal.ts';

/** How many outputs of each kind. */
export interface OutputCounts {
  readonly rows: number;
  /** Dead letters and forwards. */
  readonly others: number;
  /** Flagged readings, whether ANOMALY_EVENTS has a record made of them or not, and events. */
  readonly anomalyEvents: number;
}

export const noOutputs: OutputCounts = { rows: 0, others: 0, anomalyEvents: 0 };

/** Returns the counts of both. */
export function sumOf(a: OutputCounts, b: OutputCounts): OutputCounts {
  return {
    rows: a.rows + b.rows,
    others: a.others + b.others,
    anomalyEvents: a.anomalyEvents + b.anomalyEvents,
  };
}

export interface JournalOutput {
  readonly kind: DecisionKind;
  readonly record: OutputRecord;
}

export interface OtherOutput {
  readonly record: OutputRecord;
  /** Code of a dead letter; undefined for a forward. */
  readonly reason: string | undefined;
}

/** The kinds of events: records of the anomaly topic that are no flagged reading. */
export type EventKind = PresenceKind | AlarmKind;

export interface AnomalyOutput {
  readonly record: OutputRecord;
  /** Undefined for a flagged reading. */
  readonly event: EventKind | undefined;
  /** Which flagged reading or event of the cut it is, from 1: some have no record. */
  readonly ordinal: number;
}

export interface OutgoingParts {
  /** Readings folded since the last cut. */
  readonly readings: number;
  /** Sensors forgotten since the last cut. */
  readonly sensorsForgotten: number;
  readonly journal: readonly JournalOutput[];
  readonly others: readonly OtherOutput[];
  readonly anomalies: readonly AnomalyOutput[];
  readonly flagged: number;
  readonly windows: ClosedWindowList | undefined;
  /** Anomalies in the base windows: larger ones repeat them. */
  readonly windowAnomalies: number;
  /** Ends of the closed windows, each once. */
  readonly windowEndsMs: ReadonlySet<number>;
  readonly featureRow: (window: ClosedWindow) => OutputRecord;
}

export class Outgoing {
  readonly readings: number;
  readonly sensorsForgotten: number;
  readonly journal: readonly JournalOutput[];
  readonly others: readonly OtherOutput[];
  readonly anomalies: readonly AnomalyOutput[];
  /** Flagged readings and events, with a record or without. */
  readonly flagged: number;
  readonly windowEndsMs: ReadonlySet<number>;
  readonly #windows: ClosedWindowList | undefined;
  readonly #windowAnomalies: number;
  readonly #featureRow: (window: ClosedWindow) => OutputRecord;

  constructor(parts: OutgoingParts) {
    this.readings = parts.readings;
    this.sensorsForgotten = parts.sensorsForgotten;
    this.journal = parts.journal;
    this.others = parts.others;
    this.anomalies = parts.anomalies;
    this.flagged = parts.flagged;
    this.windowEndsMs = parts.windowEndsMs;
    this.#windows = parts.windows;
    this.#windowAnomalies = parts.windowAnomalies;
    this.#featureRow = parts.featureRow;
  }

  /** Every output; the feature rows among them are encoded each time this is iterated. */
  get records(): Iterable<OutputRecord> {
    return { [Symbol.iterator]: () => this.#all() };
  }

  get rowCount(): number {
    return this.#windows?.count ?? 0;
  }

  /** The feature rows `from` (inclusive) to `to` (exclusive), encoded as they are asked for. */
  *rows(from: number, to: number): Generator<OutputRecord, void, undefined> {
    for (let index = from; index < to; index += 1) yield this.#featureRow(this.#windowAt(index));
  }

  /** Returns the anomalies in the base windows among those rows. */
  anomaliesIn(from: number, to: number): number {
    if (from === 0 && to === this.rowCount) return this.#windowAnomalies;
    let anomalies = 0;
    for (let index = from; index < to; index += 1) {
      const { anomalyCount, lengthIndex } = this.#windowAt(index);
      if (lengthIndex === 0) anomalies += anomalyCount;
    }
    return anomalies;
  }

  *#all(): Generator<OutputRecord, void, undefined> {
    for (const list of [this.journal, this.others, this.anomalies]) {
      for (const { record } of list) yield record;
    }
    yield* this.rows(0, this.rowCount);
  }

  #windowAt(index: number): ClosedWindow {
    const windows = this.#windows;
    assert(windows !== undefined, 'a row is asked for where no window closed', { index });
    return windows.at(index);
  }
}
