// The event time of a rekeyed shard, as its records' headers carry it. Sources advance
// unevenly, one may be an hour ahead in a backlog, so each forward carries the least event time
// over all sources that hold the others (source-watch.ts). It speaks for all of them, as source 0
// of 1.
//
//   header  rekey.source = 0/1/<least event time in ms>
//           rekey.source = <source partition>/<number of sources>/<max event time in ms | idle>
//
// The second form is an earlier version's: each source spoke for itself, in its forwards and in
// markers without key and value, and the shard took the minimum. Both are folded by one rule, so
// that versions may take over each other's shards.

import { forwardGroupOf } from '../codecs/forward-group.ts';
import type { RecordCursor } from '../records/record.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';

export const sourceHeader = 'rekey.source';

export const keyMismatch: DeadLetterReason = {
  code: 'rekey_key_mismatch',
  message: "a rekeyed record's key must be its sensor id",
};
export const badSourceHeader: DeadLetterReason = {
  code: 'rekey_header',
  message: `a rekeyed record must carry the header ${sourceHeader} as <source>/<sources>/<ms|idle>`,
};

export interface SourceClock {
  readonly source: number;
  readonly sources: number;
  /** ms, or 'idle': left out of the minimum until the source speaks again. */
  readonly time: number | 'idle';
}

/**
 * The time in a forward while the least event time is unknown. It lies before any window that can
 * have a reading, and stays a printable date after the watermark's delay is subtracted.
 */
const unknownTimeMs = -8_639_000_000_000_000;

/** Returns the header's text of a forward; undefined = the least event time is unknown. */
export function encodeForwardClock(leastMs: number | undefined): string {
  return `0/1/${Math.floor(leastMs ?? unknownTimeMs)}`;
}

/** Returns the event time or watermark, or null where none is known yet. */
export function knownTimeMs(ms: number): number | null {
  return ms > unknownTimeMs ? ms : null;
}

/** Returns the clock that a header's text says, or undefined where it is malformed. */
export function decodeSourceClock(text: string): SourceClock | undefined {
  const match = /^(\d{1,9})\/(\d{1,9})\/(-?\d{1,16}|idle)$/.exec(text);
  if (match === null) return undefined;
  const [, source, sources, time] = match;
  const clock: SourceClock = {
    source: Number(source),
    sources: Number(sources),
    time: time === 'idle' ? 'idle' : Number(time),
  };
  const sane = clock.source < clock.sources && clock.sources <= sourcesMax;
  return sane && (clock.time === 'idle' || Number.isSafeInteger(clock.time)) ? clock : undefined;
}

/** Read from another group's forward: this group has its own forward of the same reading. */
export const otherGroup = Symbol('otherGroup');

/**
 * Returns the clock that the record's header says, or undefined where it has none that is well
 * formed; `otherGroup` where the record names a group that is not `groupId`.
 */
export function readSourceClock(
  record: RecordCursor,
  groupId: string | undefined,
): SourceClock | typeof otherGroup | undefined {
  if (record.headerCount === 0) return undefined;
  const headers = record.headers();
  const group = groupId === undefined ? undefined : forwardGroupOf(headers);
  if (group !== undefined && group !== groupId) return otherGroup;
  // The last one counts: a client's own header of that name comes before ours.
  const header = headers.findLast(({ key }) => key === sourceHeader);
  return header?.value == null
    ? undefined
    : decodeSourceClock(Buffer.from(header.value).toString());
}

/** Returns whether the record is a source's word about its time, without a reading. */
export function isMarker(record: RecordCursor, clock: SourceClock | undefined): boolean {
  return record.keyStart < 0 && record.valueStart < 0 && clock !== undefined;
}

const sourcesMax = 100_000;

/**
 * The last report of each source; plain data, part of the shard's snapshot. null: no report yet.
 */
export interface SourceClocks {
  readonly times: (number | 'idle' | null)[];
}

/** Returns the clocks before any source has reported, or those of a snapshot. */
export function createSourceClocks(times: readonly (number | 'idle' | null)[] = []): SourceClocks {
  return { times: [...times] };
}

/**
 * Records what a source said; a clock never goes back, and a new source count makes room for the
 * new ones.
 */
export function hearSource(clocks: SourceClocks, clock: SourceClock): void {
  const { times } = clocks;
  while (times.length < clock.sources) times.push(null);
  const known = times[clock.source];
  times[clock.source] =
    clock.time !== 'idle' && typeof known === 'number' ? Math.max(known, clock.time) : clock.time;
}

/**
 * Returns the least event time (ms) over the sources that are not idle; undefined while one is
 * unheard or all idle.
 */
export function minimumSourceTimeMs(clocks: SourceClocks): number | undefined {
  let minimum = Infinity;
  for (const time of clocks.times) {
    if (time === null) return undefined;
    if (time !== 'idle' && time < minimum) minimum = time;
  }
  return minimum === Infinity ? undefined : minimum;
}
