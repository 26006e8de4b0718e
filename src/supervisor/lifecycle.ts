// A life-cycle: a small xstate machine written as plain data, and one running instance of it. An event that the
// current state does not name changes nothing and is reported to the caller, so illegal transitions cannot pass unseen.
import { createActor, createMachine } from 'xstate';

/** An xstate machine configuration restricted to named transitions; plain data, so a test can compare two of them. */
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
  /** Takes the transition and returns true; returns false, changing nothing, where the state does not name it. */
  send(event: Event): boolean;
  /** Puts the machine into `state` without a transition: for following a thread that is the truth. */
  force(state: State): void;
}

/** Returns a running instance of `definition`, in `from` or else in its initial state. */
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
      // A final state stops its actor, and xstate warns on standard error about events to a stopped one.
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
