// Laws at every single commit, not only at the end: checked while a history runs, from nothing but
// what lies in the broker and on the disk.
import type { PartialCommit, PositionMetadata } from '../../src/actors/position-metadata.ts';
import type { Commit } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
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
  const before = new Map<string, Commit>();
  broker.onCommit = (place, commit) => {
    violations.push(...snapshotViolations(watched, place, commit));
    violations.push(...partViolations(place, before.get(keyOf(place)), commit));
    before.set(keyOf(place), commit);
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
  { metadata, nextOffset }: Commit,
): string[] {
  const { snapshots } = JSON.parse(metadata) as { snapshots: { id: string }[] };
  return snapshots.flatMap(({ id }) => {
    const key = `group/${keyOf(place)}/${id}`;
    const position = Number(id.split('-').at(-2));
    if (position > nextOffset) return [`${key} was named before its position was committed`];
    if (!disk.acknowledged.has(key)) return [`${key} was named before it was written`];
    return disk.removed.has(key) ? [`${key} was named after it was removed`] : [];
  });
}

/** A part of a commit moves no position and takes nothing back; journal entries are in the first. */
function partViolations(
  place: TopicPartition,
  before: Commit | undefined,
  commit: Commit,
): string[] {
  const [was, is] = [before, commit].map((each) => partialOf(each));
  const where = `the commit of ${keyOf(place)} at ${commit.nextOffset}`;
  if (was === undefined) return [];
  const journaled = [...commit.records].some(({ topic }) => topic === simulatedTopics.journal);
  if (is === undefined) return commit.nextOffset < was.offset ? [`${where} ends within parts`] : [];
  const violations: string[] = [];
  if (commit.nextOffset !== before?.nextOffset) violations.push(`${where} moved within parts`);
  const kinds = ['rows', 'others', 'anomalyEvents'] as const;
  if (kinds.some((kind) => is[kind] < was[kind])) violations.push(`${where} took outputs back`);
  if (journaled && is.sequence === was.sequence) violations.push(`${where} journals again`);
  return violations;
}

function partialOf(commit: Commit | undefined): PartialCommit | undefined {
  return (JSON.parse(commit?.metadata ?? '{}') as Partial<PositionMetadata>).partial;
}

/** Behind is not idle, and event time flows no faster than time itself: whatever the wall clock does. */
function markViolations(watched: Watched, place: TopicPartition, mark: Mark): string[] {
  const { scheduler, broker, watermarkDelayMs } = watched;
  // Where the sources have come so far, that is a law of its own: source-laws.ts.
  const bySources = mark.watermark_ms + watermarkDelayMs <= newestSourceMs(broker);
  if (place.topic === simulatedTopics.rekeyed && bySources) return [];
  const records = broker.partitions.get(keyOf(place)) ?? [];
  const where = `${keyOf(place)} at ${mark.offset}`;
  const violations: string[] = [];
  const waiting = records.find(({ offset }) => offset >= mark.offset);
  if (waiting !== undefined && scheduler.nowMs - waiting.timestampMs > decidedWithinMs) {
    const waitedMs = scheduler.nowMs - waiting.timestampMs;
    violations.push(`idle mark in ${where} while a record waited for ${waitedMs} ms`);
  }
  const folded = records.filter(({ offset, value }) => offset < mark.offset && value !== null);
  const eventTimesMs = folded.map(({ timestampMs, value }) =>
    // The log's own time holds those of fast clocks.
    Math.min(timestampMs, eventTimeMs(value)),
  );
  const newestMs = Math.max(...eventTimesMs);
  // Readings of sources that are left out do not break the silence of forwarded ones.
  const heard =
    place.topic === simulatedTopics.rekeyed
      ? folded[eventTimesMs.indexOf(newestMs)]
      : folded.at(-1);
  const flowedMs = newestMs + scheduler.nowMs - (heard?.timestampMs ?? 0);
  if (mark.watermark_ms > flowedMs - watermarkDelayMs) {
    const aheadMs = mark.watermark_ms - (flowedMs - watermarkDelayMs);
    violations.push(`idle mark in ${where} is ${aheadMs} ms ahead of the time that passed`);
  }
  return violations;
}

function newestSourceMs(broker: SimulatedBroker): number {
  const clocks = [...broker.commits].flatMap(([key, { metadata }]) => {
    if (!key.startsWith(`group|${simulatedTopics.input}/`)) return [];
    return (JSON.parse(metadata) as PositionMetadata).sourceMaxMs ?? [];
  });
  return Math.max(-Infinity, ...clocks);
}

function eventTimeMs(value: Uint8Array | null): number {
  try {
    const { timestamp } = JSON.parse(Buffer.from(value ?? []).toString()) as { timestamp: number };
    return timestamp;
  } catch {
    return -Infinity;
  }
}
