// How event time moves in a shard: by its own readings, and in a rekeyed shard by what the sources
// say in the headers of their records.
import type { DeadLetterReason } from '../sensors/reading.ts';
import { aheadReason } from '../sensors/refusals.ts';
import type { Semantics, ClosedWindows } from '../sensors/shard-state.ts';
import { isHeld, leadMaxMs } from '../sensors/watermark.ts';
import type { ShardMemory } from './shard-memory.ts';
import { hearSource, minimumSourceTimeMs, type SourceClock } from './source-clocks.ts';

/** Notes a reading's event time: the greatest one is what the source says of itself. */
export function hearReading(memory: ShardMemory, eventTimeMs: number): void {
  if (eventTimeMs > memory.sourceMaxMs) memory.sourceMaxMs = eventTimeMs;
}

/**
 * Notes the event time of a reading that is to be forwarded. Returns the reason, and notes nothing,
 * if the reading is too far ahead of its record.
 */
export function hearForwarded(
  memory: ShardMemory,
  { timestampMs }: { readonly timestampMs: number },
  record: { readonly timestampMs: number },
  semantics: Semantics,
): DeadLetterReason | null {
  const { maxAheadMs } = semantics;
  if (timestampMs - record.timestampMs > maxAheadMs) {
    memory.state.fastClocks.refusedMs = timestampMs;
    return aheadReason(timestampMs, record.timestampMs, maxAheadMs);
  }
  // The rekeyed shard that folds the reading reports the fast clock.
  const held = isHeld(timestampMs, record.timestampMs, leadMaxMs(semantics));
  hearReading(memory, held ? record.timestampMs : timestampMs);
  return null;
}

/** Notes what a source said, and moves the watermark to the least of all sources. */
export function hearClock(
  memory: ShardMemory,
  clock: SourceClock,
  { watermarkDelayMs }: Pick<Semantics, 'watermarkDelayMs'>,
  closed: ClosedWindows,
): void {
  hearSource(memory.clocks, clock);
  const eventTimeMs = minimumSourceTimeMs(memory.clocks);
  if (eventTimeMs !== undefined) {
    memory.state.advanceWatermark(eventTimeMs - watermarkDelayMs, closed);
  }
}
