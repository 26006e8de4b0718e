// Which sources the windows of forwarded readings wait for, as what the group has committed shows it.
import { expect, it } from 'vitest';

import {
  judgeSources,
  newTrack,
  observeSource,
  suspectSources,
  type CommittedSource,
  type SourcesView,
  type SourceTrack,
} from '../../src/actors/source-progress.ts';

const minuteMs = 60_000;
const limits = { idleTimeoutMs: 10_000, behindMs: 60 * minuteMs, silentMs: 10 * minuteMs };
const startMs = 1_700_000_000_000;
const year2000Ms = 946_684_800_000;

type At = (ms: number) => CommittedSource | undefined;

/**
 * Looks at the sources four times a second for `forMs`, with `ends` as the ends of their partitions;
 * returns what is judged at last.
 */
function watched(
  sources: readonly At[],
  forMs: number,
  { ends = () => 0, wall = (ms) => startMs + ms }: Watched = {},
): SourcesView {
  const tracks: SourceTrack[] = [];
  let view: SourcesView | undefined;
  for (let ms = 0; ms <= forMs; ms += 250) {
    for (const [partition, at] of sources.entries()) {
      const track = tracks[partition];
      if (track === undefined) tracks[partition] = newTrack(at(ms), ms);
      else observeSource(track, at(ms), ms);
    }
    const moment = { monotonicMs: ms, wallMs: wall(ms) };
    for (const partition of suspectSources(tracks, limits, moment)) {
      const track = tracks[partition];
      if (track !== undefined) track.endThen = ends(partition, ms);
    }
    view = judgeSources(tracks, limits, ms);
  }
  return view ?? judgeSources(tracks, limits, forMs);
}

interface Watched {
  readonly ends?: (partition: number, ms: number) => number;
  readonly wall?: (ms: number) => number;
}

/** A reading a second that is folded at once, its clock `offMs` off. */
const live =
  (offMs = 0): At =>
  (ms) => {
    const seconds = Math.floor(ms / 1_000);
    return { nextOffset: seconds, clockMs: startMs + seconds * 1_000 + offMs, idle: false };
  };

it('the least event time is that of the slowest source', () => {
  expect(watched([live(), live(-5_000), live(-2_000)], minuteMs)).toEqual({
    leastMs: startMs + minuteMs - 5_000,
    slowest: 1,
    allIdle: false,
  });
});

it('nothing is known before each source was heard', () => {
  expect(watched([live(), () => undefined], 60_000).leastMs).toBeUndefined();
  const silent: At = () => ({ nextOffset: 0, clockMs: null, idle: false });
  expect(watched([live(), silent], 9_000).leastMs).toBeUndefined();
});

it('a source that says it is idle is left out, and all of them are', () => {
  const idle: At = () => ({ nextOffset: 5, clockMs: startMs, idle: true });

  expect(watched([live(), idle], minuteMs).leastMs).toBe(startMs + minuteMs);
  expect(watched([idle, idle], 0)).toEqual({
    leastMs: undefined,
    slowest: undefined,
    allIdle: true,
  });
});

it('a partition of nothing but unreadable records is left out once it has folded what lay there', () => {
  const unreadable: At = (ms) => ({ nextOffset: Math.floor(ms / 100), clockMs: null, idle: false });
  const ends = (_: number, ms: number): number => Math.floor(ms / 100) + 20;

  expect(watched([live(), unreadable], 11_000, { ends }).leastMs).toBeUndefined();
  expect(watched([live(), unreadable], 13_000, { ends }).leastMs).toBe(startMs + 13_000);
});

it('a source that stands still with records waiting is not idle but behind', () => {
  const stuck: At = () => ({ nextOffset: 5, clockMs: startMs, idle: false });
  const ends = (): number => 6;

  expect(watched([live(), stuck], 5 * minuteMs, { ends }).leastMs).toBe(startMs);
});

it('a source of which nothing changes for ten minutes holds nobody', () => {
  const stuck: At = () => ({ nextOffset: 5, clockMs: startMs, idle: false });
  const ends = (): number => 6;

  expect(watched([live(), stuck], 10 * minuteMs, { ends }).leastMs).toBe(startMs + 10 * minuteMs);
  expect(watched([live(), () => undefined], 10 * minuteMs).leastMs).toBe(startMs + 10 * minuteMs);
});

it('a clock in 2000 holds nobody, whether it speaks often or seldom', () => {
  const often = live(year2000Ms - startMs);
  const seldom: At = (ms) => often(ms - (ms % 8_000));

  for (const old of [often, seldom]) {
    const view = watched([live(), old], minuteMs);
    expect(view.leastMs).toBe(startMs + minuteMs);
  }
});

it('a clock in 2000 is left out while all others are idle', () => {
  const idle: At = () => ({ nextOffset: 5, clockMs: startMs, idle: true });

  expect(watched([idle, live(year2000Ms - startMs)], minuteMs).allIdle).toBe(true);
});

it('a source that is hours behind and gains is waited for', () => {
  const catchingUp: At = (ms) => ({
    nextOffset: ms,
    clockMs: startMs - 5 * 60 * minuteMs + 20 * ms,
    idle: false,
  });
  // Fed as fast as it is folded: it is never behind its partition's end.
  const ends = (_: number, ms: number): number => ms;

  const { leastMs } = watched([live(), catchingUp], minuteMs, { ends });
  expect(leastMs).toBe(startMs - 5 * 60 * minuteMs + 20 * minuteMs);
});

it('one clock a year ahead makes none of the others old', () => {
  const ahead: At = (ms) => ({
    nextOffset: ms,
    clockMs: startMs + 365 * 1_440 * minuteMs,
    idle: false,
  });

  expect(watched([live(), ahead], minuteMs).leastMs).toBe(startMs + minuteMs);
});

it('a source that was left out counts again once it moves event time', () => {
  const unreadableFirst: At = (ms) => {
    if (ms < 20_000) return { nextOffset: ms, clockMs: startMs - 60_000, idle: false };
    return { nextOffset: ms, clockMs: startMs - 60_000 + (ms - 20_000), idle: false };
  };

  expect(watched([live(), unreadableFirst], 19_000).slowest).toBe(0);
  expect(watched([live(), unreadableFirst], 21_000).slowest).toBe(1);
});
