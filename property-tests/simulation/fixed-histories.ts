// Histories that run every time: those close to a law that once did not hold, and those that a broken guard
// (test:mutants) needs in order to show, where chance would find them too seldom.
import type { HistoryPlan } from './history.ts';

const quiet: HistoryPlan = {
  seed: 1,
  partitions: 1,
  sensors: 1,
  readings: 60,
  unkeyed: 0,
  bad: 0,
  late: 0,
  callFaults: 0,
  diskFaults: 0,
  processes: 1,
  workers: 1,
  events: [],
  crashes: [],
  silence: 0,
  inputKeying: 'auto',
  baseline: 'cumulative',
};

export interface FixedHistory {
  readonly what: string;
  readonly plan: HistoryPlan;
  /** What the processes must have said as they gave up; left out where it is not the point. */
  readonly lastLines?: readonly string[];
}

export const fixedHistories: readonly FixedHistory[] = [
  {
    what: 'a wall clock that stepped back by an hour kept windows open for an hour',
    plan: { ...quiet, events: [{ at: 0.5, process: 0, kind: 'clockBack' }] },
  },
  {
    what: 'a wall clock that stepped ahead by an hour closed windows before their time',
    plan: { ...quiet, events: [{ at: 0.5, process: 0, kind: 'clockAhead' }] },
  },
  {
    what: 'fetches that stall while records come are not silence',
    plan: {
      ...quiet,
      readings: 400,
      events: [
        { at: 0.2, process: 0, kind: 'stall' },
        { at: 0.6, process: 0, kind: 'stall' },
      ],
    },
  },
  {
    what: 'forwards after a restored snapshot carry the greatest event time of before',
    plan: {
      ...quiet,
      readings: 400,
      unkeyed: 1,
      late: 0.1,
      partitions: 2,
      events: [0.2, 0.35, 0.5, 0.65, 0.8].map((at) => ({ at, process: 0, kind: 'drain' })),
    },
  },
  {
    what: 'a failover of the store while no projector runs: the next one writes its last minute again',
    plan: {
      ...quiet,
      sensors: 40,
      readings: 80,
      events: [
        { at: 0.6, process: 0, kind: 'kill' },
        { at: 0.605, process: 0, kind: 'storeFailover' },
      ],
    },
  },
  {
    what: 'a failover of the store between two answers: the last minute is written again',
    plan: {
      ...quiet,
      sensors: 40,
      readings: 80,
      events: [0.35, 0.5, 0.65, 0.8].map((at) => ({ at, process: 0, kind: 'storeFailover' })),
    },
  },
  {
    what: 'no position of the projection is committed before a slow store has answered',
    plan: {
      ...quiet,
      sensors: 40,
      readings: 400,
      events: [0.2, 0.4, 0.6].map((at) => ({ at, process: 0, kind: 'storeSlow' })),
    },
  },
  {
    what: 'a task that failed leaves nothing at work in its thread',
    plan: {
      ...quiet,
      readings: 200,
      events: [0.3, 0.4, 0.5, 0.6].map((at) => ({ at, process: 0, kind: 'membershipLost' })),
    },
  },
  {
    what: 'a worker that dies five times in a minute is started again each time',
    plan: { ...quiet, doom: { thread: 0, afterMs: 50, times: 5 } },
    lastLines: [],
  },
  {
    what: 'a worker that dies a sixth time ends its process, which says why',
    plan: { ...quiet, doom: { thread: 0, afterMs: 50, times: 6 } },
    lastLines: ['worker 0 failed 6 times within 60 s, last: a bug that nobody caught'],
  },
  {
    what: 'a projector that dies a sixth time ends its process, which says why',
    plan: { ...quiet, doom: { thread: 1, afterMs: 50, times: 6 } },
    lastLines: ['projector failed 6 times within 60 s, last: a bug that nobody caught'],
  },
];
