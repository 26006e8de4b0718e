// Folds a record of the rekeyed topic: first its reading, then the event time of the sources that
// its header carries. A marker of an earlier version carries a time only.
import type { RecordCursor } from '../records/record.ts';
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';
import { sendDeadLetter, type FoldContext } from './fold-context.ts';
import { hearClock } from './heard-time.ts';
import { keyIsSensorId } from './record-key.ts';
import type { ShardMemory } from './shard-memory.ts';
import {
  badSourceHeader,
  isMarker,
  keyMismatch,
  otherGroup,
  readSourceClock,
  type SourceClock,
} from './source-clocks.ts';

export class RekeyedRecords {
  private readonly context: FoldContext;

  constructor(context: FoldContext) {
    this.context = context;
  }

  /**
   * Folds the record's reading, or sends its dead letter, and then moves event time. Returns the
   * number of readings folded; undefined for a marker and for another group's forward. `refused`:
   * the decoder's reason if the record is no reading.
   */
  fold(
    memory: ShardMemory,
    record: RecordCursor,
    reading: Reading,
    refused: DeadLetterReason | null,
  ): number | undefined {
    const { outbox, semantics, settings } = this.context;
    const clock = readSourceClock(record, settings?.groupId);
    if (clock === otherGroup) return this.context.outbox.leaveOut();
    const folded = isMarker(record, clock)
      ? undefined
      : this.foldReading(memory, record, reading, refused ?? refusalOf(record, reading, clock));
    if (clock !== undefined) hearClock(memory, clock, semantics, outbox);
    return folded;
  }

  private foldReading(
    memory: ShardMemory,
    record: RecordCursor,
    reading: Reading,
    refused: DeadLetterReason | null,
  ): number {
    const { outbox } = this.context;
    const reason = refused ?? memory.state.fold(reading, record.timestampMs, record.offset, outbox);
    if (reason === null) return 1;
    sendDeadLetter(this.context, record, reason);
    return 0;
  }
}

/** Returns why the record is no forward, or null if it is one. */
function refusalOf(
  record: RecordCursor,
  reading: Reading,
  clock: SourceClock | undefined,
): DeadLetterReason | null {
  if (clock === undefined) return badSourceHeader;
  return keyIsSensorId(record, reading) ? null : keyMismatch;
}
