// What must hold at every single commit, not only at the end: checked while a history runs, by nothing but what lies in
// the broker and on the disk.
import type { Commit, TopicPartition } from '../../src/log/event-log.ts';
import type { Scheduler } from './scheduler.ts';
import { keyOf } from './simulated-group.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import { simulatedTopics } from './simulated-process.ts';
import type { SimulatedDisk } from './simulated-snapshots.ts';

export interface Watched {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly disk: SimulatedDisk;
  readonly watermarkDelayMs: number;
}

/** A mark is decided, waits for a commit under way and the commit interval, and travels; longer is not "caught up". */
const decidedWithinMs = 1_000;

/** Watches every commit of `broker` and returns the list that violations are added to. */
export function watchCommits(watched: Watched): string[] {
  const { broker } = watched;
  const violations: string[] = [];
  broker.onCommit = (place, commit) => {
    violations.push(...snapshotViolations(watched, place, commit));
    for (const record of commit.records) {
      if (record.topic !== simulatedTopics.journal) continue;
      const mark = JSON.parse(Buffer.from(record.value ?? []).toString()) as Mark;
      if (mark.kind === 'idle') violations.push(...markViolations(watched, place, mark));
    }
  };
  broker.onTwoCommits = (writer) => violations.push(`${writer} committed twice at once`);
  return violations;
}

interface Mark {
  readonly kind: string;
  readonly offset: number;
  readonly watermark_ms: number;
}

/** A commit names only snapshots that were written, and never one that was removed. */
function snapshotViolations(
  { disk }: Watched,
  place: TopicPartition,
  { metadata }: Commit,
): string[] {
  const { snapshots } = JSON.parse(metadata) as { snapshots: { id: string }[] };
  return snapshots.flatMap(({ id }) => {
    const key = `group/${keyOf(place)}/${id}`;
    if (!disk.acknowledged.has(key)) return [`${key} was named before it was written`];
    return disk.removed.has(key) ? [`${key} was named after it was removed`] : [];
  });
}

/** Behind is not idle, and event time flows no faster than time itself: whatever the wall clock does. */
function markViolations(watched: Watched, place: TopicPartition, mark: Mark): string[] {
  const { scheduler, broker, watermarkDelayMs } = watched;
  const records = broker.partitions.get(keyOf(place)) ?? [];
  const where = `${keyOf(place)} at ${mark.offset}`;
  const violations: string[] = [];
  const waiting = records.find(({ offset }) => offset >= mark.offset);
  if (waiting !== undefined && scheduler.nowMs - waiting.timestampMs > decidedWithinMs) {
    const waitedMs = scheduler.nowMs - waiting.timestampMs;
    violations.push(`idle mark in ${where} while a record waited for ${waitedMs} ms`);
  }
  const folded = records.filter(({ offset, value }) => offset < mark.offset && value !== null);
  const quietMs = scheduler.nowMs - (folded.at(-1)?.timestampMs ?? 0);
  const eventTimesMs = folded.map(({ timestampMs, value }) =>
    // The log's own time holds those of fast clocks.
    Math.min(timestampMs, eventTimeMs(value)),
  );
  const flowedMs = Math.max(...eventTimesMs) + quietMs;
  if (mark.watermark_ms > flowedMs - watermarkDelayMs) {
    const aheadMs = mark.watermark_ms - (flowedMs - watermarkDelayMs);
    violations.push(`idle mark in ${where} is ${aheadMs} ms ahead of the time that passed`);
  }
  return violations;
}

function eventTimeMs(value: Uint8Array | null): number {
  try {
    const { timestamp } = JSON.parse(Buffer.from(value ?? []).toString()) as { timestamp: number };
    return timestamp;
  } catch {
    return -Infinity;
  }
}
