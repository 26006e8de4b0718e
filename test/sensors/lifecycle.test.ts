import { expect, it } from 'vitest';
import { createMachine, transition, initialTransition } from 'xstate';

import { InvariantError } from '../../src/errors.ts';
import { compileLifecycle, lifecycleIndex, sensorLifecycle } from '../../src/sensors/lifecycle.ts';

it('the compiled table takes every transition the machine takes', () => {
  const table = compileLifecycle(sensorLifecycle);
  const machine = createMachine(sensorLifecycle);
  const [initial] = initialTransition(machine);

  expect(table.states[table.initial]).toBe(initial.value);
  table.states.forEach((state, row) => {
    table.events.forEach((type, column) => {
      const [next] = transition(machine, machine.resolveState({ value: state }), { type });
      const compiled = table.next[row * table.events.length + column] ?? -1;
      expect(table.states[compiled], `${state} × ${type}`).toBe(next.value);
    });
  });
});

it('keeps its states’ places, which snapshots hold', () => {
  expect(compileLifecycle(sensorLifecycle).states).toEqual([
    'warming',
    'steady',
    'idle',
    'quarantined',
  ]);
});

it('refuses a definition whose target is no state', () => {
  const broken = { initial: 'a', states: { a: { on: { go: { target: 'b' } } } } };

  expect(() => compileLifecycle(broken)).toThrow(InvariantError);
  expect(() => lifecycleIndex(['a'], 'b')).toThrow(/expected one of a, got b/);
});
