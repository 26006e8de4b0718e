// One call of a thread to something outside it: the log, the feature store. It takes time to get
// there and back, what was sent takes effect even where the sender is frozen by then, and a fault
// may hit either way.
import { InvariantError, UnavailableError } from '../../src/errors.ts';
import { uncaught } from './expected-restarts.ts';
import type { Scheduler } from './scheduler.ts';
import type { Life } from './simulated-life.ts';

export type CallFault =
  | 'none'
  /** The request is lost: an error, and no effect. */
  | 'before'
  /** The response is lost: an error, and the effect. */
  | 'after'
  /** The process dies with the request under way: no effect. */
  | 'crashBefore'
  /** The process dies before it hears the response: the effect. */
  | 'crashAfter'
  /** The same for the one thread; its process goes on. */
  | 'throwBefore'
  | 'throwAfter'
  /** The caller meets a bug that it does not survive: its task fails, its thread lives. */
  | 'bug';

export type CallName =
  | 'openWriter'
  | 'committed'
  | 'offsets'
  | 'read'
  | 'commit'
  | 'describeTopic'
  | 'joinGroup'
  | 'commitOffsets'
  | 'upsert'
  | 'ping';

export class Calls {
  /** Which fault the next call of this name meets. */
  faults: (name: CallName) => CallFault = () => 'none';
  /** Sees every call as it is made. */
  onCall: (life: Life, name: CallName) => void = () => undefined;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Returns what `effect` returns; it runs once, at the time the request arrives. */
  make<T>(life: Life, name: CallName, effect: () => T, travelMs = 20): Promise<T> {
    const { random } = this.#scheduler;
    this.onCall(life, name);
    return new Promise((resolve, reject) => {
      const fault = this.faults(name);
      this.#scheduler.after(random() * travelMs, () => {
        if (!life.alive) return;
        if (fault === 'crashBefore' || fault === 'throwBefore') return crash(life, fault);
        let outcome: () => void;
        try {
          if (fault === 'bug') throw new InvariantError(uncaught);
          if (fault === 'before') throw new UnavailableError(`${name}: request lost`);
          const value = effect();
          outcome = () => resolve(value);
          if (fault === 'after')
            outcome = () => reject(new UnavailableError(`${name}: response lost`));
        } catch (error) {
          outcome = () => reject(error);
        }
        if (fault === 'crashAfter' || fault === 'throwAfter') return crash(life, fault);
        this.#scheduler.after(random() * travelMs, () => life.run(outcome));
      });
    });
  }
}

function crash(life: Life, fault: `${'crash' | 'throw'}${'Before' | 'After'}`): void {
  const isOfProcess = fault === 'crashBefore' || fault === 'crashAfter';
  (isOfProcess ? (life.process ?? life) : life).crash();
}

/** A call that was under way as its task ended may still make the next one. */
const stragglersMs = 1_000;

/** Watches that a thread makes no call once its task ended. Returns what to call at the end of each task. */
export function watchLeftovers(
  scheduler: Scheduler,
  calls: Calls,
  violations: string[],
): (life: Life) => void {
  const endedMs = new WeakMap<Life, number>();
  calls.onCall = (life, name) => {
    const sinceMs = scheduler.nowMs - (endedMs.get(life) ?? Infinity);
    if (sinceMs > stragglersMs) violations.push(`a task that had ended called ${name}`);
  };
  return (life) => endedMs.set(life, scheduler.nowMs);
}
