// The event-time clocks of a rekeyed shard's sources. Sources advance unevenly, one may be an hour
// ahead in a backlog, so the shard's event time is the minimum over all sources that are not idle;
// nothing closes before each was heard.
//
//   header  rekey.source = <source partition>/<number of sources>/<max event time in ms | idle>

import { forwardGroupOf } from '../codecs/forward-group.ts';
import type { RecordCursor } from '../log/event-log.ts';
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

/** Returns the header's text for one source. */
export function encodeSourceClock(clock: SourceClock): string {
  return `${clock.source}/${clock.sources}/${clock.time}`;
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

/** What is read from a record of another group: it has a forward of the same reading of its own. */
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

/** What each source last said; plain data, part of the shard's snapshot. null = never heard. */
export interface SourceClocks {
  readonly times: (number | 'idle' | null)[];
}

/** Returns clocks that have heard nobody. */
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

/**
 * Returns whether every source was heard and said it is idle: then the shard's own idle rule
 * applies.
 */
export function allSourcesIdle(clocks: SourceClocks): boolean {
  return clocks.times.length > 0 && clocks.times.every((time) => time === 'idle');
}
