// A decision that is no function of the input log, made by the shard that owns it: written into the
// next commit, the one that first shows its effect, and applied at once. Replay obeys the same
// entry in the same way.
import type { TopicPartition } from '../records/record.ts';
import { journalRecord, type Decision, type JournalEntry } from './journal.ts';
import type { Outbox } from './outbox.ts';
import { applyJournalEntry } from './journaled-fold.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';

export interface Deciding {
  readonly context: ShardContext;
  readonly shard: TopicPartition;
  /** The partition that holds the shard's journal. */
  readonly journal: TopicPartition;
  readonly memory: ShardMemory;
  readonly outbox: Outbox;
}

/** Journals `decision` at the memory's position and applies it. */
export function decide(
  { context, shard, journal, memory, outbox }: Deciding,
  decision: Decision,
): void {
  const place = { sequence: memory.journalSequence + 1, offset: memory.position };
  const entry: JournalEntry = { version: 1, ...place, ...decision };
  const shardKey = shardKeyOf(context.settings.groupId, shard);
  outbox.journal(entry.kind, journalRecord(entry, shardKey, journal));
  applyJournalEntry(memory, entry, outbox);
}
