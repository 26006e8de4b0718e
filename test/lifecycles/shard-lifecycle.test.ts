import { describe, expect, it } from 'vitest';
import { transition, type AnyMachineSnapshot } from 'xstate';

import { deferred, type Deferred } from '../../src/deferred.ts';
import {
  createShardLife,
  shardLifecycle,
  type NextStep,
  type ShardPhase,
  type ShardWork,
} from '../../src/lifecycles/shard-lifecycle.ts';

const done = (state: string, output?: unknown): { type: string; output?: unknown } => ({
  type: `xstate.done.actor.0.shard.${state}`,
  ...(output === undefined ? {} : { output }),
});
const failed = (state: string): { type: string } => ({
  type: `xstate.error.actor.0.shard.${state}`,
});

const states = {
  restoring: 'restoring',
  replaying: { owning: 'replaying' },
  running: { owning: 'running' },
  draining: { owning: 'draining' },
  dropping: { recovering: 'dropping' },
  pausing: { recovering: 'pausing' },
  fenced: 'fenced',
  failed: 'failed',
  leaving: 'leaving',
  released: 'released',
} as const;
type State = keyof typeof states;

const dropped = 'recovering.dropping';
const events: Readonly<Record<string, { readonly type: string }>> = {
  LIVE: { type: 'LIVE' },
  DRAIN: { type: 'DRAIN' },
  RELEASE: { type: 'RELEASE' },
  restored: done('restoring'),
  'not restored': failed('restoring'),
  'session failed': failed('owning'),
  drained: done('owning.draining'),
  'not drained': failed('owning.draining'),
  'dropped, recover': done(dropped, 'recover'),
  'dropped, confirm': done(dropped, 'confirm'),
  'dropped, fail': done(dropped, 'fail'),
  'pause over': done('recovering.pausing'),
  confirmed: done('fenced'),
  'tried again': done('failed'),
  left: done('leaving'),
};

const leave = { DRAIN: 'leaving', RELEASE: 'leaving' } as const;
const drawn: Readonly<Record<State, Readonly<Record<string, State>>>> = {
  restoring: { restored: 'replaying', 'not restored': 'dropping', ...leave },
  replaying: { LIVE: 'running', 'session failed': 'dropping', ...leave },
  running: { 'session failed': 'dropping', ...leave, DRAIN: 'draining' },
  draining: {
    drained: 'leaving',
    'not drained': 'leaving',
    'session failed': 'leaving',
    RELEASE: 'leaving',
  },
  dropping: {
    'dropped, recover': 'pausing',
    'dropped, confirm': 'fenced',
    'dropped, fail': 'failed',
    ...leave,
  },
  pausing: { 'pause over': 'restoring', ...leave },
  fenced: { confirmed: 'restoring', ...leave },
  failed: { 'tried again': 'restoring', ...leave },
  leaving: { left: 'released' },
  released: {},
};

function stateAfter(from: State, event: { readonly type: string }): unknown {
  const context = { work: {} };
  const snapshot = shardLifecycle.resolveState({ value: states[from], context });
  const [next] = transition(shardLifecycle, snapshot, event);
  return (next as AnyMachineSnapshot).value;
}

type Step = 'restore' | 'fold' | 'drain' | 'drop' | 'backOff' | 'confirm' | 'stayFailed' | 'leave';

/** A shard whose work a test ends by hand. */
class PlayedWork implements ShardWork {
  readonly begun: string[] = [];
  readonly steps: Partial<Record<Step, Deferred<never>>> = {};
  signal: AbortSignal | undefined;
  live: () => void = () => undefined;

  restore = (signal: AbortSignal): Promise<void> => this.#begin('restore', signal);
  drain = (): Promise<void> => this.#begin('drain');
  drop = (): Promise<NextStep> => this.#begin('drop');
  backOff = (signal: AbortSignal): Promise<void> => this.#begin('backOff', signal);
  confirm = (signal: AbortSignal): Promise<void> => this.#begin('confirm', signal);
  stayFailed = (signal: AbortSignal): Promise<void> => this.#begin('stayFailed', signal);
  leave = (): Promise<void> => this.#begin('leave');
  fold(live: () => void): Promise<never> {
    this.live = live;
    return this.#begin('fold');
  }
  endSession(): void {
    this.begun.push('session ended');
  }

  #begin(step: Step, signal?: AbortSignal): Promise<never> {
    this.begun.push(step);
    this.signal = signal;
    const made = (this.steps[step] = deferred<never>());
    return made.promise;
  }
}

async function folding(): Promise<{
  work: PlayedWork;
  life: ReturnType<typeof createShardLife>;
  phases: ShardPhase[];
}> {
  const work = new PlayedWork();
  const phases: ShardPhase[] = [];
  const life = createShardLife(work, (phase) => phases.push(phase));
  life.start();
  work.steps.restore?.resolve(undefined as never);
  await settled();
  return { work, life, phases };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the life of a shard', () => {
  it.each(Object.keys(states) as State[])(
    'takes from %s the transitions drawn, no other',
    (from) => {
      for (const [name, event] of Object.entries(events)) {
        const to = drawn[from][name] ?? from;
        expect([name, stateAfter(from, event)]).toEqual([name, states[to]]);
      }
    },
  );

  it('invokes the work of each state, and tells of each phase once', async () => {
    const { work, life, phases } = await folding();
    work.live();
    life.send({ type: 'DRAIN' });
    work.steps.drain?.resolve(undefined as never);
    await settled();
    work.steps.leave?.resolve(undefined as never);
    await life.ended;

    expect(phases).toEqual(['restoring', 'replaying', 'running', 'draining', 'released']);
    expect(work.begun).toEqual(['restore', 'fold', 'drain', 'session ended', 'leave']);
  });

  it('ends the session in the call that releases it', async () => {
    const { work, life } = await folding();

    life.send({ type: 'RELEASE' });

    expect(work.begun).toEqual(['restore', 'fold', 'session ended', 'leave']);
  });

  it('aborts a restore that it does not wait for', () => {
    const work = new PlayedWork();
    const life = createShardLife(work, () => undefined);
    life.start();
    const { signal } = work;

    life.send({ type: 'RELEASE' });

    expect(signal?.aborted).toBe(true);
    expect(work.begun).toEqual(['restore', 'leave']);
  });

  it('hands the error that ended the session to what judges it', async () => {
    const { work, life } = await folding();
    const errors: unknown[] = [];
    work.drop = (...args: unknown[]) => Promise.resolve(errors.push(...args)).then(() => 'fail');

    work.steps.fold?.reject(new Error('broken'));
    await settled();

    expect(errors).toEqual([new Error('broken')]);
    expect(life.phase).toBe('failed');
  });
});
