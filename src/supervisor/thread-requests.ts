// Questions to a thread and their answers, matched by id. Bounded both ways: a question waits at most its time, and a
// thread that answers nothing is asked nothing more (its port would queue the questions without end).
import { UnavailableError } from '../errors.ts';
import type { Clock, Timer } from '../clock.ts';

export const pendingRequestsMax = 64;

interface Pending<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: UnavailableError) => void;
  readonly timer: Timer;
}

export class ThreadRequests<Answer extends { readonly requestId: number }> {
  readonly #pending = new Map<number, Pending<Answer>>();
  readonly #clock: Clock;
  readonly #threadName: string;
  #nextId = 1;

  constructor(clock: Clock, threadName: string) {
    this.#clock = clock;
    this.#threadName = threadName;
  }

  /**
   * Sends what `send` makes of a fresh request id and returns the answer.
   * @throws UnavailableError after `timeoutMs`, at once when too many wait already, or when the thread ends.
   */
  ask(send: (requestId: number) => void, timeoutMs: number): Promise<Answer> {
    if (this.#pending.size >= pendingRequestsMax) {
      return Promise.reject(
        new UnavailableError(
          `${this.#threadName} has not answered the last ${pendingRequestsMax} requests`,
        ),
      );
    }
    const requestId = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        this.#pending.delete(requestId);
        reject(new UnavailableError(`${this.#threadName} did not answer within ${timeoutMs} ms`));
      });
      this.#pending.set(requestId, { resolve, reject, timer });
      send(requestId);
    });
  }

  /** Takes an answer; one that nobody waits for any more is dropped. */
  answer(answer: Answer): void {
    const pending = this.#pending.get(answer.requestId);
    if (pending === undefined) return;
    this.#pending.delete(answer.requestId);
    pending.timer.cancel();
    pending.resolve(answer);
  }

  /** Rejects everything that waits: the thread has ended. */
  abandon(): void {
    for (const pending of this.#pending.values()) {
      pending.timer.cancel();
      pending.reject(new UnavailableError(`${this.#threadName} ended before it answered`));
    }
    this.#pending.clear();
  }
}
