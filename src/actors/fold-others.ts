// Folds a source's records that are not keyed rows: those with another key or none, and those that
// only the strict decoder reads. A reading keyed by its sensor id after all is folded here; any
// other is forwarded to the rekeyed topic, keyed by its sensor id.
import { forwardRecord } from '../codecs/forward.ts';
import type { RecordCursor } from '../records/record.ts';
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';
import { sendDeadLetter, type FoldContext } from './fold-context.ts';
import { hearForwarded, hearReading } from './heard-time.ts';
import { keyIsSensorId } from './record-key.ts';
import type { ShardMemory } from './shard-memory.ts';

export class OtherRecords {
  private readonly context: FoldContext;
  private readonly rekeyAll: boolean;

  constructor(context: FoldContext) {
    this.context = context;
    this.rekeyAll = context.semantics.inputKeying === 'rekey';
  }

  /**
   * Folds or forwards the record's reading, or sends its dead letter. Returns the number of
   * readings folded. `refused`: the decoder's reason if the record is no reading.
   */
  fold(
    memory: ShardMemory,
    record: RecordCursor,
    reading: Reading,
    refused: DeadLetterReason | null,
  ): number {
    const isKeyed = refused === null && this.isKeyed(record, reading);
    const reason =
      refused ??
      (isKeyed ? this.foldHere(memory, record, reading) : this.forward(memory, record, reading));
    if (reason !== null) sendDeadLetter(this.context, record, reason);
    return isKeyed && reason === null ? 1 : 0;
  }

  /** Returns whether the record's reading is folded in this shard. */
  isKeyed(record: RecordCursor, reading: Reading): boolean {
    return !this.rekeyAll && keyIsSensorId(record, reading);
  }

  private foldHere(
    memory: ShardMemory,
    record: RecordCursor,
    reading: Reading,
  ): DeadLetterReason | null {
    const { outbox } = this.context;
    const reason = memory.state.fold(reading, record.timestampMs, record.offset, outbox);
    hearReading(memory, memory.state.maxEventTimeMs);
    return reason;
  }

  private forward(
    memory: ShardMemory,
    record: RecordCursor,
    reading: Reading,
  ): DeadLetterReason | null {
    const reason = hearForwarded(memory, reading, record, this.context.semantics);
    if (reason === null) this.sendForward(record, reading);
    return reason;
  }

  private sendForward(record: RecordCursor, { idBytes, idStart, idEnd }: Reading): void {
    const { forwarding, outbox, settings, shard, topics } = this.context;
    if (forwarding === undefined || outbox.muted) return;
    const { clock, partitions } = forwarding;
    const key = idBytes.subarray(idStart, idEnd);
    const groupId = settings?.groupId;
    const target = { topic: topics.rekeyed, partitions, clock, key, groupId };
    outbox.forward(forwardRecord(record, shard, target));
  }
}
