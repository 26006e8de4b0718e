import { describe, expect, it } from 'vitest';
import { createMachine, transition } from 'xstate';

import { compileLifecycle, sensorLifecycle } from '../../src/sensors/lifecycle.ts';
import { type MachineDefinition, startLifecycle } from '../../src/supervisor/lifecycle.ts';
import { shardLifecycle, transitionInto } from '../../src/supervisor/shard-lifecycle.ts';
import { workerLifecycle } from '../../src/supervisor/worker-lifecycle.ts';

const lawsOf = <S extends string, E extends string>(definition: MachineDefinition<S, E>): void => {
  const states = Object.keys(definition.states) as S[];
  const edges = states.flatMap((from) =>
    Object.entries<S>((definition.states[from].on ?? {}) as Record<string, S>).map(
      ([event, to]) => [from, event as E, to] as const,
    ),
  );
  const events = [...new Set(edges.map(([, event]) => event))];

  it.each(edges)('%s takes %s to %s', (from, event, to) => {
    const life = startLifecycle(definition, from);

    expect(life.send(event)).toBe(true);

    expect(life.state()).toBe(to);
  });

  it('refuses every transition that is not drawn, and keeps its state', () => {
    const refused = states.flatMap((from) =>
      events
        .filter((event) => definition.states[from].on?.[event] === undefined)
        .map((event) => [from, event] as const),
    );

    for (const [from, event] of refused) {
      const life = startLifecycle(definition, from);
      expect(life.send(event)).toBe(false);
      expect(life.state()).toBe(from);
    }

    expect(refused.length).toBe(states.length * events.length - edges.length);
  });

  it('reaches every state from the initial one', () => {
    const reached = new Set<S>([definition.initial]);
    for (const from of reached) {
      for (const [edgeFrom, , to] of edges) if (edgeFrom === from) reached.add(to);
    }

    expect([...reached].sort()).toEqual([...states].sort());
  });
};

describe('the life of a worker', () => {
  lawsOf(workerLifecycle);

  it('never leaves stopped or failed', () => {
    expect(workerLifecycle.states.stopped.on).toBeUndefined();
    expect(workerLifecycle.states.failed.on).toBeUndefined();
  });
});

describe('the life of a shard', () => {
  lawsOf(shardLifecycle);

  it('enters each phase by the one transition named for it', () => {
    for (const { on } of Object.values(shardLifecycle.states)) {
      for (const [event, phase] of Object.entries(on ?? {})) {
        expect(transitionInto[phase]).toBe(event);
      }
    }
  });

  it('never goes from waiting, failed or released to running without a restore', () => {
    for (const phase of ['assigned', 'released', 'fenced', 'failed'] as const) {
      const on: object = shardLifecycle.states[phase].on ?? {};
      expect(on).not.toHaveProperty('RUN');
      expect(on).not.toHaveProperty('REPLAY');
    }
  });
});

describe('the life of a sensor', () => {
  it('steps in the fold’s table exactly as xstate steps its definition', () => {
    const definition = sensorLifecycle as Parameters<typeof createMachine>[0];
    const machine = createMachine(definition);
    const table = compileLifecycle(sensorLifecycle);

    for (const [from, state] of table.states.entries()) {
      for (const [column, type] of table.events.entries()) {
        const [next] = transition(machine, machine.resolveState({ value: state }), { type });
        const place = table.next[from * table.events.length + column] ?? -1;
        expect([state, type, table.states[place]]).toEqual([state, type, next.value]);
      }
    }

    expect(table.states[table.initial]).toBe(machine.config.initial);
  });
});
