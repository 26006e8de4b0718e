// Histories that run every time: those close to a law that once did not hold, and those that a
// broken guard (test:mutants) needs in order to show, where chance would find them too seldom.
import type { HistoryPlan } from './history.ts';

export const quietHistory: HistoryPlan = {
  seed: 1,
  partitions: 1,
  sensors: 1,
  readings: 60,
  holes: 0,
  unkeyed: 0,
  bad: 0,
  late: 0,
  callFaults: 0,
  diskFaults: 0,
  diskLists: false,
  processes: 1,
  workers: 1,
  events: [],
  crashes: [],
  traps: 0,
  commands: [],
  silence: 0,
  inputKeying: 'auto',
  baseline: 'cumulative',
  clientTime: 'monotonic',
};

export interface FixedHistory {
  readonly what: string;
  readonly plan: HistoryPlan;
  /** Text the processes must have printed as they gave up; left out where it is not the point. */
  readonly lastLines?: readonly string[];
}

export const fixedHistories: readonly FixedHistory[] = [
  {
    what: 'a wall clock that stepped back by an hour kept windows open for an hour',
    plan: { ...quietHistory, events: [{ at: 0.5, process: 0, kind: 'clockBack' }] },
  },
  {
    what: 'a wall clock that stepped ahead by an hour closed windows before their time',
    plan: { ...quietHistory, events: [{ at: 0.5, process: 0, kind: 'clockAhead' }] },
  },
  {
    what: 'sensors of partitions that fell quiet were never told offline',
    plan: {
      ...quietHistory,
      partitions: 2,
      sensors: 4,
      readings: 200,
      unkeyed: 0.5,
      silence: 0.4,
      // Longer than the largest window, whose end would move event time as far.
      silentAfterMs: 60_000,
      stuckAfter: 2,
      events: [{ at: 0.6, process: 0, kind: 'kill' }],
    },
  },
  {
    what: 'alarms open, are commanded and are resolved through kills, each change once',
    plan: {
      ...quietHistory,
      partitions: 2,
      sensors: 4,
      readings: 400,
      baseline: 'cumulative',
      silentAfterMs: 60_000,
      stuckAfter: 2,
      alarmResolveAfterMs: 5_000,
      commands: [0.3, 0.5, 0.7].flatMap((at) =>
        [0, 1, 2, 3].flatMap((sensor) =>
          (['acknowledge', 'mute', 'tune'] as const).map((name) => ({
            ...{ at, process: 0, sensor, name },
          })),
        ),
      ),
      events: [0.35, 0.55, 0.75].map((at) => ({ at, process: 0, kind: 'kill' })),
    },
  },
  {
    what: 'a member that went by a wall clock set back was expelled while it folded on',
    plan: {
      ...quietHistory,
      partitions: 3,
      sensors: 6,
      readings: 400,
      unkeyed: 0.3,
      processes: 2,
      clientTime: 'wall',
      events: [
        { at: 0.2, process: 0, kind: 'clockBack' },
        { at: 0.6, process: 1, kind: 'clockBack' },
      ],
    },
  },
  {
    what: 'one partition may not be written for a while: nobody else hears of it',
    plan: {
      ...quietHistory,
      partitions: 3,
      sensors: 12,
      readings: 400,
      workers: 2,
      processes: 2,
      denials: [{ partition: 1, from: 0.2, share: 0.5 }],
    },
    lastLines: [],
  },
  {
    what: 'the last rows of sources that fell silent waited for one that went on in 2000',
    plan: {
      ...quietHistory,
      ...{ seed: 463_700_598, odd: 'past', partitions: 2, sensors: 3, readings: 7, processes: 2 },
      ...{ unkeyed: 0.3, bad: 0.05, late: 0.1, inputKeying: 'rekey', commitBytesMax: 1_500 },
    },
  },
  {
    what: 'fetches that stall while records come are not silence',
    plan: {
      ...quietHistory,
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
      ...quietHistory,
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
      ...quietHistory,
      sensors: 40,
      readings: 80,
      events: [
        { at: 0.6, process: 0, kind: 'kill' },
        { at: 0.605, process: 0, kind: 'storeFailover' },
      ],
    },
  },
  {
    what: 'a sensor set aside after its fold threw stays so through kills, and only until an operator releases it',
    plan: {
      ...quietHistory,
      sensors: 3,
      readings: 400,
      traps: 0.01,
      partitions: 2,
      events: [0.3, 0.55, 0.75].map((at) => ({ at, process: 0, kind: 'kill' })),
      commands: [0, 1, 2].map((sensor) => ({ at: 0.5, process: 0, sensor, name: 'release' })),
    },
  },
  {
    what: 'commands while folding fast are replayed at their own offsets',
    plan: {
      ...quietHistory,
      sensors: 3,
      readings: 400,
      unkeyed: 0.3,
      events: [0.4, 0.62, 0.9].map((at) => ({ at, process: 0, kind: 'kill' })),
      commands: [
        { at: 0.25, process: 0, sensor: 0, name: 'quarantine' },
        { at: 0.35, process: 0, sensor: 1, name: 'reset' },
        { at: 0.6, process: 0, sensor: 0, name: 'release' },
        { at: 0.7, process: 0, sensor: 2, name: 'quarantine' },
      ],
    },
  },
  {
    what: 'a failover of the store between two answers: the last minute is written again',
    plan: {
      ...quietHistory,
      sensors: 40,
      readings: 80,
      // Windows of 10 s close 2 to 5 s later: just after their rows were written.
      events: [0.26, 0.43, 0.59, 0.76].map((at) => ({ at, process: 0, kind: 'storeFailover' })),
    },
  },
  {
    what: 'no position of the projection is committed before a slow store has answered',
    plan: {
      ...quietHistory,
      sensors: 40,
      readings: 400,
      events: [0.2, 0.4, 0.6].map((at) => ({ at, process: 0, kind: 'storeSlow' })),
    },
  },
  {
    what: 'a task that failed leaves nothing at work in its thread',
    plan: {
      ...quietHistory,
      readings: 200,
      events: [0.3, 0.4, 0.5, 0.6].map((at) => ({ at, process: 0, kind: 'membershipLost' })),
    },
  },
  {
    what: 'a worker that dies five times in a minute is started again each time',
    plan: { ...quietHistory, doom: { thread: 0, afterMs: 50, times: 5 } },
    lastLines: [],
  },
  {
    what: 'a worker that dies a sixth time ends its process, which says why',
    plan: { ...quietHistory, doom: { thread: 0, afterMs: 50, times: 6 } },
    lastLines: ['worker 0 failed 6 times within 60 s, last: a bug that nobody caught'],
  },
  {
    what: 'a projector that dies a sixth time ends its process, which says why',
    plan: { ...quietHistory, doom: { thread: 1, afterMs: 50, times: 6 } },
    lastLines: ['projector failed 6 times within 60 s, last: a bug that nobody caught'],
  },
  {
    what: 'a task that fails leaves nothing at work in its thread, where the next one begins',
    plan: {
      ...quietHistory,
      partitions: 4,
      sensors: 8,
      readings: 200,
      crashes: [{ call: 'commit', nth: 12, when: 'bug' }],
    },
    lastLines: [],
  },
  {
    what: 'snapshots that kills leave half written or half removed are removed by later owners',
    plan: {
      ...quietHistory,
      readings: 400,
      partitions: 2,
      sensors: 4,
      diskFaults: 0.5,
      events: [0.2, 0.4, 0.6, 0.8].map((at) => ({ at, process: 0, kind: 'kill' })),
    },
  },
  {
    what: 'two readings in a row that throw undid each other’s decision for ever',
    plan: { ...quietHistory, sensors: 6, readings: 300, traps: 1 },
  },
];
