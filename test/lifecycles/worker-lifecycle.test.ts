import { describe, expect, it } from 'vitest';
import { transition, type AnyMachineSnapshot } from 'xstate';

import { workerLifecycle } from '../../src/lifecycles/worker-lifecycle.ts';

const ended = (output: object): { type: string } => ({
  type: 'xstate.done.actor.0.worker.alive',
  ...{ output },
});
const events: Readonly<Record<string, { readonly type: string }>> = {
  JOINED: { type: 'JOINED' },
  DRAIN: { type: 'DRAIN' },
  RESTART: { type: 'RESTART' },
  finished: ended({ next: 'stopped' }),
  'gave up': ended({ next: 'failed' }),
  crashed: ended({ next: 'backing-off', pauseMs: 100 }),
};
const states = {
  starting: { alive: 'starting' },
  running: { alive: 'running' },
  draining: { alive: 'draining' },
  'backing-off': 'backing-off',
  stopped: 'stopped',
  failed: 'failed',
} as const;
type State = keyof typeof states;

const ends = { finished: 'stopped', 'gave up': 'failed', crashed: 'backing-off' } as const;
const drawn: Readonly<Record<State, Readonly<Record<string, State>>>> = {
  starting: { JOINED: 'running', DRAIN: 'draining', ...ends },
  running: { DRAIN: 'draining', ...ends },
  draining: ends,
  'backing-off': { RESTART: 'starting', DRAIN: 'stopped' },
  stopped: {},
  failed: {},
};

function stateAfter(from: State, event: { readonly type: string }): unknown {
  const context = { work: {} };
  const snapshot = workerLifecycle.resolveState({ value: states[from], context });
  const [next] = transition(workerLifecycle, snapshot, event);
  return (next as AnyMachineSnapshot).value;
}

describe('the life of a worker', () => {
  it.each(Object.keys(states) as State[])(
    'takes from %s the transitions drawn, no other',
    (from) => {
      for (const [name, event] of Object.entries(events)) {
        const to = drawn[from][name] ?? from;
        expect([name, stateAfter(from, event)]).toEqual([name, states[to]]);
      }
    },
  );
});
