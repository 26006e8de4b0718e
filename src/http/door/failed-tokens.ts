// Wrong tokens, by client: after a few within a minute the client is refused unheard, so that none
// is guessed, and the log gets one line for many.
const windowMs = 60_000;
const failuresMax = 10;
const clientsMax = 10_000;

interface Failures {
  count: number;
  readonly sinceMs: number;
}

export class FailedTokens {
  readonly #monotonicMs: () => number;
  readonly #clients = new Map<string, Failures>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Returns for how long the client is refused, seconds; undefined where it is not. */
  refusedForS(client: string): number | undefined {
    const failures = this.#current(client);
    if (failures === undefined || failures.count < failuresMax) return undefined;
    return Math.ceil((failures.sinceMs + windowMs - this.#monotonicMs()) / 1_000);
  }

  /** Counts a failure; returns whether it is worth a line in the log: the first, and the last. */
  add(client: string): 'logged' | 'counted' {
    const failures = this.#current(client) ?? { count: 0, sinceMs: this.#monotonicMs() };
    failures.count += 1;
    this.#clients.delete(client);
    this.#clients.set(client, failures);
    if (this.#clients.size > clientsMax) {
      const [oldest] = this.#clients.keys();
      if (oldest !== undefined) this.#clients.delete(oldest);
    }
    return failures.count === 1 || failures.count === failuresMax ? 'logged' : 'counted';
  }

  #current(client: string): Failures | undefined {
    const failures = this.#clients.get(client);
    if (failures === undefined) return undefined;
    if (this.#monotonicMs() - failures.sinceMs < windowMs) return failures;
    this.#clients.delete(client);
    return undefined;
  }
}
