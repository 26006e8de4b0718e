// A cut's outputs in as many parts as its commit needs. Each part is one transaction; the last one
// moves the position. Kinds follow one another, and journal entries are all in the first part: a
// later owner must obey them before it can tell which outputs are out.
//
//   journal │ others ─────── │ anomalies ── │ rows ───────────────────────
//   └─ part 1 ─────┘└─ part 2 ──────────────────┘└─ part 3 ──┘└─ last ────┘
import { recordBytes } from '../codecs/record-size.ts';
import type { OutputRecord } from '../records/record.ts';
import type { CommittedCounts } from './committed-counts.ts';
import type { AnomalyOutput, EventKind, Outgoing, OutputCounts } from './outgoing.ts';

/** How much a part may hold; asked before each part. */
export interface PartSize {
  /** At least one output is in a part, however long. */
  readonly bytes: number;
  /** Estimated bytes of a feature row: rows are encoded only when they are sent. */
  readonly rowBytes: number;
  /** Rows were encoded. */
  rowsTook(rows: number, bytes: number): void;
}

export interface CommitPart {
  /** Encoded each time this is iterated. */
  readonly records: Iterable<OutputRecord>;
  readonly counts: CommittedCounts;
  /** Outputs of the cut that are visible once this part is committed. */
  readonly out: OutputCounts;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

interface Place {
  readonly others: number;
  readonly anomalies: number;
  readonly rows: number;
}

/** Yields the parts of `outgoing`, at least one. */
export function* commitParts(
  outgoing: Outgoing,
  size: PartSize,
): Generator<CommitPart, void, undefined> {
  let next: Place = { others: 0, anomalies: 0, rows: 0 };
  for (let isFirst = true; ; isFirst = false) {
    const from = next;
    const at = { isFirst, size };
    const to = endOfPart(outgoing, from, at);
    const isLast =
      to.others === outgoing.others.length &&
      to.anomalies === outgoing.anomalies.length &&
      to.rows === outgoing.rowCount;
    yield {
      records: { [Symbol.iterator]: () => recordsOf(outgoing, from, to, at) },
      counts: countsOf(outgoing, from, to, { isFirst, isLast }),
      out: outAfter(outgoing, to),
      isFirst,
      isLast,
    };
    if (isLast) return;
    next = to;
  }
}

interface PartOptions {
  readonly isFirst: boolean;
  readonly size: PartSize;
}

function endOfPart(
  { journal, others, anomalies, rowCount }: Outgoing,
  from: Place,
  { isFirst, size }: PartOptions,
): Place {
  let left = size.bytes;
  if (isFirst) for (const { record } of journal) left -= recordBytes(record);
  let taken = 0;
  const takeFrom = (list: readonly { readonly record: OutputRecord }[], start: number): number => {
    let end = start;
    for (; end < list.length; end += 1) {
      const output = list[end];
      const bytes = output === undefined ? 0 : recordBytes(output.record);
      if (taken > 0 && bytes > left) break;
      left -= bytes;
      taken += 1;
    }
    return end;
  };
  const othersEnd = takeFrom(others, from.others);
  if (othersEnd < others.length) return { ...from, others: othersEnd };
  const anomaliesEnd = takeFrom(anomalies, from.anomalies);
  if (anomaliesEnd < anomalies.length) {
    return { ...from, others: othersEnd, anomalies: anomaliesEnd };
  }
  const fitting = Math.max(taken === 0 ? 1 : 0, Math.floor(left / size.rowBytes));
  return {
    others: othersEnd,
    anomalies: anomaliesEnd,
    rows: Math.min(rowCount, from.rows + fitting),
  };
}

function* recordsOf(
  outgoing: Outgoing,
  from: Place,
  to: Place,
  { isFirst, size }: PartOptions,
): Generator<OutputRecord, void, undefined> {
  if (isFirst) for (const { record } of outgoing.journal) yield record;
  for (const { record } of outgoing.others.slice(from.others, to.others)) yield record;
  for (const { record } of outgoing.anomalies.slice(from.anomalies, to.anomalies)) yield record;
  let bytes = 0;
  for (const row of outgoing.rows(from.rows, to.rows)) {
    bytes += recordBytes(row);
    yield row;
  }
  size.rowsTook(to.rows - from.rows, bytes);
}

function countsOf(
  outgoing: Outgoing,
  from: Place,
  to: Place,
  { isFirst, isLast }: { readonly isFirst: boolean; readonly isLast: boolean },
): CommittedCounts {
  const deadLetters = new Map<string, number>();
  let forwards = 0;
  for (const { reason } of outgoing.others.slice(from.others, to.others)) {
    if (reason === undefined) forwards += 1;
    else deadLetters.set(reason, (deadLetters.get(reason) ?? 0) + 1);
  }
  return {
    // Readings belong to the position: a later owner folds them again if the last part is missing.
    readings: isLast ? outgoing.readings : 0,
    sensorsForgotten: isLast ? outgoing.sensorsForgotten : 0,
    featureRows: to.rows - from.rows,
    anomalies: outgoing.anomaliesIn(from.rows, to.rows),
    anomalyRecords: to.anomalies - from.anomalies,
    events: eventKindsOf(outgoing.anomalies.slice(from.anomalies, to.anomalies)),
    forwards,
    deadLetters,
    decisions: isFirst ? outgoing.journal.map(({ kind }) => kind) : [],
  };
}

function eventKindsOf(outputs: readonly AnomalyOutput[]): ReadonlyMap<EventKind, number> {
  const counts = new Map<EventKind, number>();
  for (const { event } of outputs) {
    if (event !== undefined) counts.set(event, (counts.get(event) ?? 0) + 1);
  }
  return counts;
}

function outAfter({ others, anomalies, flagged }: Outgoing, to: Place): OutputCounts {
  const allConsidered = to.others === others.length && to.anomalies === anomalies.length;
  const anomalyEvents = allConsidered ? flagged : (anomalies[to.anomalies - 1]?.ordinal ?? 0);
  return { rows: to.rows, others: to.others, anomalyEvents };
}
