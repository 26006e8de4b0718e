// The state a shard must be in at its last commit, folded in one go from the logs alone: no crash, no snapshot, no
// batch cut on the way. What a run with faults left behind must equal it, byte for byte.
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import type { JournalEntry } from '../../src/actors/journal.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { applyJournalEntry } from '../../src/actors/journaled-fold.ts';
import {
  decodeShardSnapshot,
  emptyMemory,
  encodeShardSnapshot,
} from '../../src/actors/shard-memory.ts';
import type { OutputRecord, TopicPartition } from '../../src/records/record.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import { keyOf } from './simulated-group.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import { simulatedTopics } from './simulated-process.ts';
import { fetchedRecords } from './simulated-records.ts';
import type { SimulatedDisk } from './simulated-snapshots.ts';

export interface LeftBehind {
  readonly broker: SimulatedBroker;
  readonly disk: SimulatedDisk;
  readonly semantics: Semantics;
}

/** Returns every way in which the shard's last snapshot is not the fault-free state; empty when it is. */
export function stateDifferences(left: LeftBehind, place: TopicPartition): string[] {
  const { broker, disk, semantics } = left;
  const committed = broker.commits.get(`group|${keyOf(place)}`);
  if (committed === undefined) return [`${keyOf(place)} was never committed`];
  const { snapshots } = JSON.parse(committed.metadata) as { snapshots: { id: string }[] };
  const bytes = disk.stored.get(`group/${keyOf(place)}/${snapshots[0]?.id ?? ''}`);
  if (bytes === undefined) return [`${keyOf(place)} left no snapshot that can be read`];
  const role = place.topic === simulatedTopics.rekeyed ? 'rekeyed' : 'source';
  const found = decodeShardSnapshot(bytes, place, role, semantics);
  const { position } = found.memory;
  if (position !== committed.nextOffset) {
    return [`${keyOf(place)} is committed at ${committed.nextOffset}, its snapshot at ${position}`];
  }
  const expected = faultFreeSnapshot(left, place, position, found.journalOffset);
  if (Buffer.compare(expected, bytes) === 0) return [];
  const at = expected.findIndex((byte, index) => byte !== bytes[index]);
  return [`${keyOf(place)} differs from the fault-free state in byte ${at} of ${bytes.length}`];
}

/** Returns the snapshot of the shard with all records below `until` folded, and the journal's entries up to there. */
export function faultFreeSnapshot(
  { broker, semantics }: LeftBehind,
  place: TopicPartition,
  until: number,
  journalOffset: number,
): Uint8Array {
  const ignored: OutputRecord = { topic: '', key: null, value: null };
  const outbox = createOutbox({ featureRow: () => ignored, anomaly: () => undefined });
  outbox.muted = true;
  const topics = simulatedTopics;
  const folder = createBatchFolder({ shard: place, topics, semantics, outbox });
  const role = place.topic === topics.rekeyed ? 'rekeyed' : 'source';
  const memory = emptyMemory(role, semantics, 0);
  const records = broker.partitions.get(keyOf(place)) ?? [];
  const foldTo = (end: number): void => {
    const cursor = fetchedRecords(records, { from: memory.position, to: end }).cursor();
    if (cursor.next()) folder.fold(memory, cursor, Infinity);
    memory.position = Math.max(memory.position, end);
  };
  for (const mark of marksOf(broker, place)) {
    if (mark.offset > until) break;
    foldTo(mark.offset);
    applyJournalEntry(memory, mark, outbox);
  }
  foldTo(until);
  return encodeShardSnapshot(memory, place, journalOffset);
}

function marksOf(broker: SimulatedBroker, place: TopicPartition): JournalEntry[] {
  return broker
    .recordsIn(simulatedTopics.journal)
    .filter(({ key }) => Buffer.from(key ?? []).toString() === `group/${keyOf(place)}`)
    .map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as JournalEntry);
}
