// The fold of one shard's batches as a shard, a replay and an audit see it (fold-batch.ts).
import type { RecordCursor } from '../records/record.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import type { ShardMemory } from './shard-memory.ts';

export interface BatchFolder {
  /** Records seen that are not source markers: what keeps a shard from being idle. */
  readonly recordsSeen: number;
  /**
   * Set if the last fold ended because its slice was over or a schema is missing: it goes on from
   * the same cursor.
   */
  readonly paused: boolean;
  /** The id of the schema that must be loaded, or journaled as unknown, before the fold goes on. */
  readonly missingSchema: number | undefined;
  /** After a fold that threw: the sensor at fault, where one record may hold several. */
  readonly foldingSensor: string | undefined;
  /**
   * Folds the record the cursor stands on and those after it, from the memory's position up to
   * offset `until` (exclusive), or until the slice is over. Returns whether the cursor stands on a
   * record not yet folded.
   */
  fold(memory: ShardMemory, record: RecordCursor, until: number): boolean;
  /**
   * Returns the sensor into which the record is folded here; undefined if it is folded into none,
   * or if decoding it throws.
   */
  sensorOf(memory: ShardMemory, record: RecordCursor): string | undefined;
  /** Makes the record the cursor stands on a dead letter, unread. */
  refuse(record: RecordCursor, reason: DeadLetterReason): void;
}
