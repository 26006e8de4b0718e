// The context that every fold of a record shares, and the dead letter that each may send.
import { deadLetterRecord } from '../codecs/dead-letter.ts';
import type { ForwardTarget } from '../codecs/forward.ts';
import type { WriterSchemas } from '../codecs/writer-schema.ts';
import type { TopicNames } from '../log/topics.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import type { Semantics } from '../sensors/shard-state.ts';
import type { FoldSlice } from './fold-slice.ts';
import type { Outbox } from './outbox.ts';

export type Forwarding = Pick<ForwardTarget, 'clock' | 'partitions'>;

export interface FoldContext {
  readonly shard: TopicPartition;
  readonly topics: TopicNames;
  readonly semantics: Semantics;
  /** Left out, nothing is forwarded. */
  readonly forwarding?: Forwarding;
  readonly outbox: Outbox;
  /** Left out where no other group can have forwarded anything. */
  readonly settings?: { readonly groupId: string };
  /** Left out where no record names a schema. */
  readonly schemas?: WriterSchemas | undefined;
  /** Left out, a fold pauses only before a record whose schema it lacks. */
  readonly slice?: Pick<FoldSlice, 'over' | 'records'>;
}

/** Puts the dead letter of the record the cursor stands on into the outbox, unless it is muted. */
export function sendDeadLetter(
  { outbox, semantics, shard, topics }: FoldContext,
  record: RecordCursor,
  reason: DeadLetterReason,
): void {
  if (outbox.muted) return;
  const fields = semantics.input === undefined ? undefined : 'all';
  const letter = deadLetterRecord(record, reason, shard, topics.deadLetters, fields);
  outbox.deadLetter(reason.code, letter);
}
