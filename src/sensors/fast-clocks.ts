// Readings that led their record by more than the watermark's delay: how many, and which sensors
// led most; and the last one that was refused for its lead. For people only: the fold's results do
// not depend on it. Next on the line: the shard names the sensors in its status, a metric and the
// log.
import type { ReadingColumns } from './reading.ts';

export interface FastClock {
  readonly sensorId: string;
  /** How far the sensor's clock led its record's timestamp. */
  readonly leadMs: number;
}

interface Leader {
  readonly id: Uint8Array;
  leadMs: number;
}

/** Sensors kept between two looks: enough to name the worst, few enough to search for each. */
const leadersMax = 8;

export class FastClocks {
  /** Readings of fast clocks since the last `take`. */
  readings: number = 0;
  /** Event time of the last refused reading, ms; NaN where none was since it was last looked at. */
  refusedMs: number = NaN;
  private leaders: Leader[] = [];

  /** Counts the reading of `row` and notes its sensor. */
  noteRow({ idBytes, idStarts, idEnds }: ReadingColumns, row: number, leadMs: number): void {
    this.readings += 1;
    this.note(idBytes, idStarts[row] ?? 0, idEnds[row] ?? 0, leadMs);
  }

  /** Notes that the sensor with the id bytes [start, end) led by `leadMs`; counts nothing. */
  note(bytes: Uint8Array, start: number, end: number, leadMs: number): void {
    let least: Leader | undefined;
    for (const leader of this.leaders) {
      if (sameBytes(leader.id, bytes, start, end)) {
        if (leadMs > leader.leadMs) leader.leadMs = leadMs;
        return;
      }
      if (least === undefined || leader.leadMs < least.leadMs) least = leader;
    }
    if (this.leaders.length >= leadersMax) {
      if (least === undefined || leadMs <= least.leadMs) return;
      this.leaders.splice(this.leaders.indexOf(least), 1);
    }
    // Copied: `slice` of a Buffer shares its memory, which the next fetch overwrites.
    this.leaders.push({ id: new Uint8Array(bytes.subarray(start, end)), leadMs });
  }

  /** Returns what was noted since the last call, the greatest lead first, and forgets it. */
  take(): { readonly readings: number; readonly leaders: readonly FastClock[] } {
    const { readings } = this;
    const leaders = this.leaders
      .sort((a, b) => b.leadMs - a.leadMs)
      .map(({ id, leadMs }) => ({ sensorId: new TextDecoder().decode(id), leadMs }));
    this.readings = 0;
    this.leaders = [];
    return { readings, leaders };
  }
}

function sameBytes(id: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (id.length !== end - start) return false;
  for (let at = id.length - 1; at >= 0; at -= 1) {
    if (id[at] !== bytes[start + at]) return false;
  }
  return true;
}
