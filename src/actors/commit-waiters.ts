// Who waits for the certainty that what is pending now is committed: told at the end of the commit that cuts it.
import { deferred, type Deferred } from '../deferred.ts';

export class CommitWaiters {
  #pending: Deferred<boolean>[] = [];
  #underWay: Deferred<boolean>[] = [];

  /** Resolves with whether it is certain: false where the session ended first. */
  wait(): Promise<boolean> {
    const waiter = deferred<boolean>();
    this.#pending.push(waiter);
    return waiter.promise;
  }

  /** The commit that begins now holds everything that was waited for so far. */
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
