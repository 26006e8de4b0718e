// How event time moves in a shard: by its own readings, and in a rekeyed shard by what the sources
// say in the headers of their records.
import type { Semantics, ClosedWindows } from '../sensors/shard-state.ts';
import type { ShardMemory } from './shard-memory.ts';
import { hearSource, minimumSourceTimeMs, type SourceClock } from './source-clocks.ts';

/** Notes a reading's event time: the greatest one is what the source says of itself. */
export function hearReading(memory: ShardMemory, eventTimeMs: number): void {
  if (eventTimeMs > memory.sourceMaxMs) memory.sourceMaxMs = eventTimeMs;
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
