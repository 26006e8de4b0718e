// The life of a shard: a machine whose states invoke the work of owning a partition. What the work
// resolves or rejects with is the only way on, so a shard cannot be in a phase without its work.
//
//   restoring ──▶ replaying ─LIVE─▶ running ─DRAIN─▶ draining ──▶ leaving ──▶ released
//    ▲ ▲ ▲  │         └───────────────┤                   │          ▲
//    │ │ │  └────── failed ────▶ recovering               └─ failed ─┤
//    │ │ └── pause, heartbeat ────────┤                              │
//    │ └──── heartbeat ── fenced ◀────┤            from any: RELEASE, or DRAIN where none is drawn
//    └────── pause or asked ─ failed ◀┘
//
// The session exists in replaying, running and draining; leaving any of them ends it at once.
import { fromPromise, setup, stateIn, type AnyStateMachine } from 'xstate';
import { createLife, type Life } from './life.ts';

export const shardPhases = [
  'assigned',
  'restoring',
  'replaying',
  'running',
  'recovering',
  'draining',
  'released',
  'fenced',
  'failed',
] as const;

export type ShardPhase = (typeof shardPhases)[number];

export interface ShardTransition {
  readonly type: 'LIVE' | 'DRAIN' | 'RELEASE';
}

/** The next step once the memory is dropped. */
export type NextStep = 'confirm' | 'recover' | 'fail';

/** The work of a shard's states. Each promise is dropped, and its signal aborted, on leaving. */
export interface ShardWork {
  /** Opens the writer, which fences earlier owners, and recovers the memory. */
  restore(signal: AbortSignal): Promise<void>;
  /** Begins the session; rejects with the error that ends it. `live`: its replay is over. */
  fold(live: () => void): Promise<never>;
  /** Resolves once everything is committed. */
  drain(): Promise<void>;
  /** Ends the session, so that nothing more is written. */
  endSession(): void;
  /** Closes the writer and judges the error; resolves with what follows. */
  drop(error: unknown): Promise<NextStep>;
  /** Resolves after a growing pause, once the group has confirmed this member. */
  backOff(signal: AbortSignal): Promise<void>;
  /** Resolves once the group has confirmed this member. */
  confirm(signal: AbortSignal): Promise<void>;
  /** Resolves after a long pause, or once an operator asks for a retry. */
  stayFailed(signal: AbortSignal): Promise<void>;
  /** Resolves once nothing of the shard is open. */
  leave(): Promise<void>;
}

const leave = { DRAIN: 'leaving', RELEASE: 'leaving' } as const;
const workOf = ({ context }: { context: { readonly work: ShardWork } }): ShardWork => context.work;

export const shardLifecycle: AnyStateMachine = setup({
  // xstate takes its types from the assertion.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion
  types: {} as {
    input: ShardWork;
    context: { readonly work: ShardWork };
    events: ShardTransition;
  },
  actors: {
    restore: fromPromise<void, ShardWork>(({ input, signal }) => input.restore(signal)),
    fold: fromPromise<never, { work: ShardWork; live: () => void }>(({ input: { work, live } }) =>
      work.fold(live),
    ),
    drain: fromPromise<void, ShardWork>(({ input }) => input.drain()),
    drop: fromPromise<NextStep, { work: ShardWork; error: unknown }>(({ input: { work, error } }) =>
      work.drop(error),
    ),
    backOff: fromPromise<void, ShardWork>(({ input, signal }) => input.backOff(signal)),
    confirm: fromPromise<void, ShardWork>(({ input, signal }) => input.confirm(signal)),
    stayFailed: fromPromise<void, ShardWork>(({ input, signal }) => input.stayFailed(signal)),
    leave: fromPromise<void, ShardWork>(({ input }) => input.leave()),
  },
  guards: { isDraining: stateIn({ owning: 'draining' }) },
}).createMachine({
  id: 'shard',
  context: ({ input }) => ({ work: input }),
  initial: 'assigned',
  states: {
    assigned: { always: 'restoring' },
    restoring: {
      on: leave,
      invoke: { src: 'restore', input: workOf, onDone: 'owning', onError: 'recovering' },
    },
    owning: {
      on: leave,
      invoke: {
        src: 'fold',
        input: ({ context: { work }, self }) => ({ work, live: () => self.send({ type: 'LIVE' }) }),
        // A drain in doubt is left to the next owner.
        onError: [{ guard: 'isDraining', target: 'leaving' }, { target: 'recovering' }],
      },
      exit: ({ context }) => context.work.endSession(),
      initial: 'replaying',
      states: {
        replaying: { on: { LIVE: 'running' } },
        running: { on: { DRAIN: 'draining' } },
        draining: {
          invoke: {
            src: 'drain',
            input: workOf,
            onDone: '#shard.leaving',
            onError: '#shard.leaving',
          },
          on: { DRAIN: {} },
        },
      },
    },
    recovering: {
      on: leave,
      initial: 'dropping',
      states: {
        dropping: {
          invoke: {
            src: 'drop',
            input: ({ context: { work }, event }) => ({ work, error: errorOf(event) }),
            onDone: [
              { guard: ({ event }) => event.output === 'confirm', target: '#shard.fenced' },
              { guard: ({ event }) => event.output === 'fail', target: '#shard.failed' },
              { target: 'pausing' },
            ],
          },
        },
        pausing: { invoke: { src: 'backOff', input: workOf, onDone: '#shard.restoring' } },
      },
    },
    fenced: { on: leave, invoke: { src: 'confirm', input: workOf, onDone: 'restoring' } },
    failed: { on: leave, invoke: { src: 'stayFailed', input: workOf, onDone: 'restoring' } },
    leaving: { invoke: { src: 'leave', input: workOf, onDone: 'released' } },
    released: { type: 'final' },
  },
});

/** Returns the life of a shard over `work`; `onPhase` hears of every phase it enters. */
export function createShardLife(
  work: ShardWork,
  onPhase: (phase: ShardPhase) => void,
): Life<ShardPhase, ShardTransition> {
  return createLife(shardLifecycle, { work, phaseOf, onPhase });
}

function phaseOf(state: string): ShardPhase {
  if (state === 'dropping' || state === 'pausing') return 'recovering';
  // Nothing more is written, though the writer may still wait for its broker.
  if (state === 'leaving') return 'released';
  return state as ShardPhase;
}

const errorOf = (event: object): unknown => ('error' in event ? event.error : undefined);
