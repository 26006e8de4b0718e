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

export const fixedHistories: readonly { readonly what: string; readonly plan: HistoryPlan }[] = [
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
];
