// Requests to a thread and their answers, matched by id. Each request has a timeout, and their
// number is bounded: otherwise the port of a hung thread would queue them without limit.
import { errorFromData, UnavailableError, type ErrorData } from '../errors.ts';
import type { Clock, Timer } from '../clock.ts';

export const pendingRequestsMax = 64;

interface Pending<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

interface Answered {
  readonly requestId: number;
  /** Why the thread could not answer. */
  readonly error?: ErrorData;
}

export class ThreadRequests<Answer extends Answered> {
  readonly #pending = new Map<number, Pending<Answer>>();
  readonly #clock: Clock;
  readonly #threadName: string;
  #nextId = 1;

  constructor(clock: Clock, threadName: string) {
    this.#clock = clock;
    this.#threadName = threadName;
  }

  /**
   * Calls `send` with a new request id and resolves with the answer.
   * @throws UnavailableError after `timeoutMs`, if the thread ends, or at once if too many are
   * pending; the error that the thread answers with.
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

  /** Delivers an answer, or its error; drops it if its request has timed out. */
  answer(answer: Answer): void {
    const pending = this.#pending.get(answer.requestId);
    if (pending === undefined) return;
    this.#pending.delete(answer.requestId);
    pending.timer.cancel();
    if (answer.error !== undefined) pending.reject(errorFromData(answer.error));
    else pending.resolve(answer);
  }

  /** Rejects all pending requests: the thread has ended. */
  abandon(): void {
    for (const pending of this.#pending.values()) {
      pending.timer.cancel();
      pending.reject(new UnavailableError(`${this.#threadName} ended before it answered`));
    }
    this.#pending.clear();
  }
}
