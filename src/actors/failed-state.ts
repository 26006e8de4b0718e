// The failed state of one shard: since when it has failed, the pause before the next attempt, and
// operators waiting for an attempt they asked for.
import { deferred, type Deferred } from '../deferred.ts';
import type { Directive, ErrorData } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import type { NextStep } from '../lifecycles/shard-lifecycle.ts';
import type { ShardContext } from './shard-context.ts';
import { ShardFailures } from './shard-failures.ts';

/** Longest wait of a retry for its outcome; a longer replay shows in the status. */
const answerMs = 3_000;
/**
 * A shard counts as well after running this long: a cause that still holds shows at the first
 * commits.
 */
const provenMs = 5_000;

type Context = Pick<ShardContext, 'clock' | 'logger' | 'metrics'>;

export class FailedState {
  /**
   * Wall clock of the first failure, ms; kept through all attempts until the shard has proved to
   * run again.
   */
  sinceMs: number | undefined;
  /**
   * Whether the attempt that was asked for may go on without records that were deleted before they
   * were read.
   */
  acceptsGap = false;
  readonly #context: Context;
  readonly #shard: TopicPartition;
  readonly #failures = new ShardFailures();
  #pause: AbortController | undefined;
  #asked: Deferred<void> | undefined;
  #liveMs = Infinity;

  constructor(context: Context, shard: TopicPartition) {
    this.#context = context;
    this.#shard = shard;
  }

  /** Returns what follows an error of `directive`. */
  next(directive: Directive): NextStep {
    return this.#failures.next(directive, this.#context.clock.monotonicMs());
  }

  /** Logs and counts the failure; returns the pause before the next attempt, ms. */
  enter({ code, message }: ErrorData): number {
    const { clock, logger, metrics } = this.#context;
    const again = this.sinceMs !== undefined;
    this.sinceMs ??= clock.nowMs();
    this.acceptsGap = false;
    this.#liveMs = Infinity;
    this.#attemptEnded();
    metrics.shardFailures.inc({ code });
    const retryAfterMs = this.#failures.failed(clock.monotonicMs());
    const fields = { ...this.#shard, code, error: message, retryAfterMs };
    if (again) logger.warn(fields, 'shard failed again');
    else logger.error(fields, 'shard failed; the others go on');
    return retryAfterMs;
  }

  /** Resolves after `pauseMs`, once somebody asks for another attempt, or when `signal` aborts. */
  async pause(pauseMs: number, signal: AbortSignal): Promise<void> {
    this.#pause = new AbortController();
    await this.#context.clock.sleep(pauseMs, AbortSignal.any([signal, this.#pause.signal]));
    this.#pause = undefined;
  }

  /** Ends the pause; resolves once the attempt has ended, or after some seconds. */
  async retry(acceptGap: boolean): Promise<void> {
    this.acceptsGap ||= acceptGap;
    this.#asked ??= deferred();
    this.#pause?.abort();
    await Promise.race([this.#asked.promise, this.#context.clock.sleep(answerMs)]);
  }

  /** The shard is given up: there will be no attempt to wait for. */
  released(): void {
    this.#attemptEnded();
  }

  /** The shard runs. */
  live(): void {
    this.#liveMs = this.#context.clock.monotonicMs();
  }

  /**
   * Returns whether the shard is well again. `committed`: it has committed, or had nothing to
   * commit.
   */
  prove(committed: boolean): 'well' | 'unproven' {
    if (committed) this.#attemptEnded();
    if (this.#context.clock.monotonicMs() - this.#liveMs < provenMs) return 'unproven';
    this.sinceMs = undefined;
    this.acceptsGap = false;
    return 'well';
  }

  #attemptEnded(): void {
    this.#asked?.resolve();
    this.#asked = undefined;
  }
}
