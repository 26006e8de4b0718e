// The next step of a shard whose ownership ended with an error, by the error's directive. A shard
// that cannot go on fails alone: it stays failed, and is tried again after a pause that
// grows, or at once when an operator asks.
//
//   release ─▶ confirm     retry, rebuild ─▶ recover     crash ─▶ recover, a few times ─▶ fail     stop ─▶ fail
import { backoffMs } from '../backoff.ts';
import type { Directive } from '../errors.ts';
import type { NextStep } from '../lifecycles/shard-lifecycle.ts';

/**
 * A bug may be the memory's, which recovery makes again; one that comes back as often as this is
 * the program's.
 */
const bugsMax = 3;
const bugPeriodMs = 600_000;
const pause = { firstMs: 60_000, maxMs: 1_800_000 };
const failurePeriodMs = 3_600_000;

export class ShardFailures {
  #bugsMs: readonly number[] = [];
  #failuresMs: readonly number[] = [];

  /** Returns what follows an error of `directive` at `nowMs` (monotonic). */
  next(directive: Directive, nowMs: number): NextStep {
    switch (directive) {
      case 'release':
        return 'confirm';
      case 'retry':
      case 'rebuild':
        return 'recover';
      case 'crash':
        return this.#nextAfterBug(nowMs);
      case 'stop':
      // Recovery reads no single record that could be put aside.
      case 'dead-letter':
        return 'fail';
      default:
        return directive satisfies never;
    }
  }

  /**
   * Notes that the shard has failed. Returns the pause until it is tried again: 1 min, doubling up
   * to 30 min.
   */
  failed(nowMs: number): number {
    this.#failuresMs = [...since(this.#failuresMs, nowMs - failurePeriodMs), nowMs];
    return backoffMs(this.#failuresMs.length - 1, pause);
  }

  #nextAfterBug(nowMs: number): NextStep {
    this.#bugsMs = [...since(this.#bugsMs, nowMs - bugPeriodMs), nowMs];
    return this.#bugsMs.length > bugsMax ? 'fail' : 'recover';
  }
}

function since(timesMs: readonly number[], fromMs: number): readonly number[] {
  return timesMs.filter((timeMs) => timeMs > fromMs);
}
