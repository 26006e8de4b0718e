// Callers waiting for everything pending now to be committed; woken by the commit that includes it.
import { deferred, type Deferred } from '../deferred.ts';

export class CommitWaiters {
  #pending: Deferred<boolean>[] = [];
  #underWay: Deferred<boolean>[] = [];

  /** Resolves to whether the commit succeeded; false if the session ended first. */
  wait(): Promise<boolean> {
    const waiter = deferred<boolean>();
    this.#pending.push(waiter);
    return waiter.promise;
  }

  /** The commit that begins now includes everything waited for so far. */
  cut(): void {
    this.#underWay = this.#pending;
    this.#pending = [];
  }

  committed(): void {
    for (const waiter of this.#underWay.splice(0)) waiter.resolve(true);
  }

  lost(): void {
    for (const waiter of [...this.#underWay.splice(0), ...this.#pending.splice(0)]) {
      waiter.resolve(false);
    }
  }
}
