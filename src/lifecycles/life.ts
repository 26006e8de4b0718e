// A running life-cycle: one xstate machine that invokes the work of the state it is in. Phases are
// its states, nested ones by their own name. An event that the current state does not define
// changes nothing.
import { createActor, type AnyStateMachine } from 'xstate';

export interface Life<Phase extends string, Event extends { readonly type: string }> {
  readonly phase: Phase;
  /** Resolves once a final phase is reached. */
  readonly ended: Promise<void>;
  /** Enters the first phase. Once only. */
  start(): void;
  send(event: Event): void;
}

export interface LifeOptions<Phase> {
  /** Handed to the machine: the work that its states invoke. */
  readonly work: object;
  phaseOf(state: string): Phase;
  /** Called when another phase is entered. */
  onPhase?(phase: Phase): void;
}

/** Returns a life of `machine` that has not started yet. */
export function createLife<Phase extends string, Event extends { readonly type: string }>(
  machine: AnyStateMachine,
  { work, phaseOf, onPhase }: LifeOptions<Phase>,
): Life<Phase, Event> {
  const actor = createActor(machine, { input: work });
  const phaseNow = (): Phase => phaseOf(innermost(actor.getSnapshot().value));
  let shown: Phase | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    actor.subscribe({
      next: () => {
        const phase = phaseNow();
        if (phase === shown) return;
        shown = phase;
        onPhase?.(phase);
      },
      complete: resolve,
      error: reject,
    });
  });
  return {
    get phase() {
      return phaseNow();
    },
    ended,
    start: () => void actor.start(),
    send(event) {
      // A life that has ended ignores events; xstate would print a warning for each.
      if (actor.getSnapshot().status === 'active') actor.send(event);
    },
  };
}

/** Returns the name of the innermost state. */
function innermost(value: unknown): string {
  let inner = value;
  while (typeof inner === 'object' && inner !== null) [inner] = Object.values(inner) as unknown[];
  return String(inner);
}
