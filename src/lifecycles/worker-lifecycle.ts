// The life of a supervised thread: a shard worker, the projector or the history. The thread runs
// while one of the three states in the box is entered; how it ended decides what follows.
//
//      ┌─────────────────────────────────────────────────┐
//   ┌─▶│ starting ──JOINED──▶ running ──DRAIN─▶ draining │── finished ──▶ stopped
//   │  │     └────────────────DRAIN───────────────▲      │── gave up ───▶ failed
//   │  └────────────────────── run ──────────────────────┘── failed ──┐
//   └── pause over ── backing-off ◀───────────────────────────────────┘
//                          └──DRAIN──▶ stopped
import { fromCallback, fromPromise, setup, type AnyStateMachine } from 'xstate';
import { createLife, type Life } from './life.ts';

export type WorkerState =
  'starting' | 'running' | 'draining' | 'stopped' | 'backing-off' | 'failed';

export interface WorkerTransition {
  readonly type: 'JOINED' | 'DRAIN' | 'RESTART';
}

/** The next step after the end of a thread. */
export type AfterThread =
  | { readonly next: 'stopped' | 'failed' }
  | { readonly next: 'backing-off'; readonly pauseMs: number };

export interface WorkerWork {
  /** Starts the thread and resolves once it has ended. */
  run(): Promise<AfterThread>;
  /** Asks the thread to finish, and ends it if it does not. Returns what cancels that. */
  drain(): () => void;
  /** Calls `over` after the pause. Returns what cancels that. */
  pause(pauseMs: number, over: () => void): () => void;
}

export const workerLifecycle: AnyStateMachine = setup({
  // xstate takes its types from the assertion.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion
  types: {} as {
    input: WorkerWork;
    context: { readonly work: WorkerWork };
    events: WorkerTransition;
  },
  actors: {
    run: fromPromise<AfterThread, WorkerWork>(({ input }) => input.run()),
    drain: fromCallback<WorkerTransition, WorkerWork>(({ input }) => input.drain()),
    pause: fromCallback<WorkerTransition, { work: WorkerWork; pauseMs: number }>(
      ({ input: { work, pauseMs }, sendBack }) =>
        work.pause(pauseMs, () => sendBack({ type: 'RESTART' })),
    ),
  },
}).createMachine({
  id: 'worker',
  context: ({ input }) => ({ work: input }),
  initial: 'alive',
  states: {
    alive: {
      invoke: {
        src: 'run',
        input: ({ context }) => context.work,
        onDone: [
          { guard: ({ event }) => event.output.next === 'stopped', target: 'stopped' },
          { guard: ({ event }) => event.output.next === 'failed', target: 'failed' },
          { target: 'backing-off' },
        ],
      },
      initial: 'starting',
      states: {
        starting: { on: { JOINED: 'running', DRAIN: 'draining' } },
        running: { on: { DRAIN: 'draining' } },
        draining: { invoke: { src: 'drain', input: ({ context }) => context.work } },
      },
    },
    'backing-off': {
      invoke: {
        src: 'pause',
        input: ({ context, event }) => ({ work: context.work, pauseMs: pauseOf(event) }),
      },
      on: { RESTART: 'alive', DRAIN: 'stopped' },
    },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
});

/** Returns the life of a thread that `work` starts, pauses and drains. */
export function createWorkerLife(work: WorkerWork): Life<WorkerState, WorkerTransition> {
  return createLife(workerLifecycle, { work, phaseOf: (state) => state as WorkerState });
}

function pauseOf(event: object): number {
  const { pauseMs } = (event as { readonly output: { readonly pauseMs: number } }).output;
  return pauseMs;
}
