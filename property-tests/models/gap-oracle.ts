// The model of one partition over gaps: records that were deleted before they were folded for good,
// and without which an operator let the shard go on. Shares no code with src.
//
//   from             to             offset
//     │ lost: no state   │ folded again   │ rows of before are committed; watermark W ── live
//
// Rows of windows that had closed by W come from a fold that had seen all records. Every later row
// comes from a fold that never saw the lost ones.
import type { ExpectedAlarm } from './alarm-oracle.ts';
import type { AwaitedSilence, ExpectedEvent } from './presence-oracle.ts';
import type { ExpectedAnomaly } from './anomaly-oracle.ts';
import {
  expectedRows,
  type ExpectedRefusal,
  type ExpectedRow,
  type OraclePartition,
  type OracleSettings,
} from './oracle.ts';

export interface OracleGap {
  /** The position committed when the gap was accepted. */
  readonly offset: number;
  readonly from: number;
  /** Exclusive; may be past `offset`: what lies between was never read. */
  readonly to: number;
  readonly watermarkMs: number;
}

export interface ExpectedOverGaps {
  readonly closed: readonly ExpectedRow[];
  readonly unclosed: readonly ExpectedRow[];
  readonly refused: readonly ExpectedRefusal[];
  readonly anomalies: readonly ExpectedAnomaly[];
  /** Meant for partitions without a gap. */
  readonly events: readonly ExpectedEvent[];
  readonly alarms: readonly ExpectedAlarm[];
  readonly awaited: readonly AwaitedSilence[];
}

/** Returns what must come out of a partition; `gaps` are in the order in which they were accepted. */
export function expectedOverGaps(
  { partition, readings, marks = [] }: OraclePartition,
  gaps: readonly OracleGap[],
  settings: OracleSettings,
): ExpectedOverGaps {
  const parts = [undefined, ...gaps].map((began, index) => {
    const passed = gaps.slice(0, index);
    const beginsAt = began?.offset ?? -Infinity;
    const endsAt = gaps[index]?.offset ?? Infinity;
    const kept = readings.filter(({ offset }) => offset < endsAt && !isLost(offset, passed));
    const forced = passed.map(({ offset, watermarkMs }) => ({ offset, toMs: watermarkMs }));
    const journaled = marks.filter(({ offset }) => offset <= endsAt);
    const all = [...journaled, ...forced].sort((a, b) => a.offset - b.offset);
    const part = expectedRows([{ partition, readings: kept, marks: all }], settings);
    const isNew = ({ window_end }: ExpectedRow): boolean =>
      window_end > (began?.watermarkMs ?? -Infinity);
    // A mark at the very offset of the gap may be of before it or of after it. What it closes after
    // it, the part of before must not have.
    const until = gaps[index]?.watermarkMs ?? Infinity;
    return {
      closed: part.closed.filter((row) => isNew(row) && row.window_end <= until),
      unclosed: part.unclosed,
      refused: part.refused.filter(({ offset }) => offset >= beginsAt),
      anomalies: part.anomalies.filter((anomaly) => anomaly.offset >= beginsAt),
      events: part.events,
      alarms: part.alarms,
      awaited: part.awaited,
    };
  });
  return {
    closed: parts.flatMap(({ closed }) => closed),
    unclosed: parts.at(-1)?.unclosed ?? [],
    refused: parts.flatMap(({ refused }) => refused),
    anomalies: parts.flatMap(({ anomalies }) => anomalies),
    events: parts.flatMap(({ events }) => events),
    alarms: parts.flatMap(({ alarms }) => alarms),
    awaited: parts.at(-1)?.awaited ?? [],
  };
}

/** Whether the record at `offset` was never folded, as far as its effects were not committed before. */
function isLost(offset: number, gaps: readonly OracleGap[]): boolean {
  return gaps.some(({ from, to }) => offset >= from && offset < to);
}

/** Whether the record at `offset` was never read at all: neither a row, a dead letter nor a forward. */
export function isUnread(offset: number, gaps: readonly OracleGap[]): boolean {
  return gaps.some((gap) => offset >= gap.offset && offset < gap.to);
}
