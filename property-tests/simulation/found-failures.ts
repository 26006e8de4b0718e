// Histories that once broke a law, shrunk: each failed before the fault it names was mended, and runs ever since.
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
  events: [],
  crashes: [],
  silence: 0,
  inputKeying: 'auto',
  baseline: 'cumulative',
};

export const foundFailures: readonly { readonly what: string; readonly plan: HistoryPlan }[] = [
  {
    what: 'a wall clock that stepped back by an hour kept windows open for an hour',
    plan: { ...quiet, events: [{ at: 0.5, process: 0, kind: 'clockBack' }] },
  },
  {
    what: 'a wall clock that stepped ahead by an hour closed windows before their time',
    plan: { ...quiet, events: [{ at: 0.5, process: 0, kind: 'clockAhead' }] },
  },
];
