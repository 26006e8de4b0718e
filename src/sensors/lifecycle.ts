// A sensor's lifecycle, defined once as plain data (the shape state-machine libraries take) and
// compiled to a table of small integers, state × event → state, that the fold consults per reading.
//
//   warming ──readWarm──▶ steady ──windowsClosed──▶ idle ──read──▶ warming, readWarm ▶ steady
//      ▲─────── reset ───────┘
//      └────────────── quarantine (from any) ─────────▶ quarantined ──release──▶ warming
import { InvariantError } from '../errors.ts';

export interface LifecycleDefinition {
  readonly initial: string;
  readonly states: Readonly<
    Record<string, { readonly on: Readonly<Record<string, { readonly target: string }>> }>
  >;
}

export interface LifecycleTable {
  readonly states: readonly string[];
  readonly events: readonly string[];
  readonly initial: number;
  /** next[state · events.length + event]; an event a state does not name leaves it as it is. */
  readonly next: Uint8Array;
}

/**
 * The sensor's machine. `read`: a reading was folded before the baseline is warm; `readWarm`:
 * after; `windowsClosed`: its last open window closed; `reset`: its baseline is emptied. Snapshots
 * hold the states by their place here: append, never reorder.
 */
export const sensorLifecycle: LifecycleDefinition = {
  initial: 'warming',
  states: {
    warming: {
      on: {
        readWarm: { target: 'steady' },
        windowsClosed: { target: 'idle' },
        quarantine: { target: 'quarantined' },
      },
    },
    steady: {
      on: {
        windowsClosed: { target: 'idle' },
        reset: { target: 'warming' },
        quarantine: { target: 'quarantined' },
      },
    },
    idle: {
      on: {
        read: { target: 'warming' },
        readWarm: { target: 'steady' },
        quarantine: { target: 'quarantined' },
      },
    },
    quarantined: { on: { release: { target: 'warming' } } },
  },
};

/**
 * Returns the transition table of `definition`. @throws InvariantError when a target or the initial
 * state is unknown.
 */
export function compileLifecycle(definition: LifecycleDefinition): LifecycleTable {
  const states = Object.keys(definition.states);
  const transitions = Object.values(definition.states).map((state) => state.on);
  const events = [...new Set(transitions.flatMap((on) => Object.keys(on)))];
  const next = new Uint8Array(states.length * events.length);
  transitions.forEach((on, state) => {
    events.forEach((event, column) => {
      const target = on[event]?.target;
      next[state * events.length + column] =
        target === undefined ? state : lifecycleIndex(states, target);
    });
  });
  return { states, events, initial: lifecycleIndex(states, definition.initial), next };
}

/**
 * Returns the integer of `name` among a table's states or events. @throws InvariantError when it is
 * unknown.
 */
export function lifecycleIndex(names: readonly string[], name: string): number {
  const index = names.indexOf(name);
  if (index < 0) throw new InvariantError(`expected one of ${names.join(', ')}, got ${name}`);
  return index;
}
