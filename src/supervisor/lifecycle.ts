// A life cycle: a small xstate machine written as plain data, and a running instance of it. An
// event that the current state does not define changes nothing and is reported to the caller, so
// illegal transitions never go unnoticed.
import { createActor, createMachine } from 'xstate';

/**
 * An xstate configuration limited to named transitions. Plain data, so tests can compare machines.
 */
export interface MachineDefinition<State extends string, Event extends string> {
  readonly id: string;
  readonly initial: State;
  readonly states: {
    readonly [S in State]: {
      readonly type?: 'final';
      readonly on?: { readonly [E in Event]?: State };
    };
  };
}

export interface Lifecycle<State extends string, Event extends string> {
  state(): State;
  /**
   * Takes the transition and returns true. If the state does not define it, returns false instead.
   */
  send(event: Event): boolean;
  /** Sets `state` without a transition, to follow a thread whose report is authoritative. */
  force(state: State): void;
}

/** Returns a running instance of `definition`, started in `from` (default: its initial state). */
export function startLifecycle<State extends string, Event extends string>(
  definition: MachineDefinition<State, Event>,
  from: State = definition.initial,
): Lifecycle<State, Event> {
  const machine = createMachine(structuredClone(definition) as Parameters<typeof createMachine>[0]);
  const start = (value: State): ReturnType<typeof createActor<typeof machine>> =>
    createActor(machine, {
      snapshot: machine.resolveState({ value }),
      input: undefined,
    }).start();
  let actor = start(from);
  return {
    state: () => actor.getSnapshot().value as State,
    send(type) {
      // A final state stops the actor; xstate prints a warning for every event sent to it after
      // that.
      if (definition.states[this.state()].on?.[type] === undefined) return false;
      actor.send({ type });
      return true;
    },
    force(state) {
      actor.stop();
      actor = start(state);
    },
  };
}
