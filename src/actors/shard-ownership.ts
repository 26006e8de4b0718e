// The work of owning a shard, as its life-cycle asks for it (lifecycles/shard-lifecycle.ts): the
// writer, the session over it, and what each failure leads to.
import { backoffMs } from '../backoff.ts';
import {
  assert,
  errorToData,
  FoldError,
  InvariantError,
  isSensoriumError,
  type ErrorData,
} from '../errors.ts';
import { deferred, type Deferred } from '../deferred.ts';
import type { NextStep, ShardWork } from '../lifecycles/shard-lifecycle.ts';
import type { TopicPartition } from '../records/record.ts';
import { CommitSize } from './commit-size.ts';
import { FailedState } from './failed-state.ts';
import { suspectAfter, type Suspect } from './fold-failure.ts';
import { confirmedByGroup } from './group-confirmation.ts';
import { recoverShard, type Recovered } from './recovery.ts';
import { Session } from './session.ts';
import type { ShardContext } from './shard-context.ts';
import { roleOf } from './shard-memory.ts';
import { nothingKnown, progressAfter, type ShardProgress } from './shard-view.ts';
import { watchedWriter, type WatchedWriter } from './watched-writer.ts';

export interface OwnershipHost {
  start(position: number): void;
  setPaused(paused: boolean): void;
  heartbeatAfterNow(): Promise<void>;
  /** As the group member's, of this partition. */
  unansweredMs(): number;
}

export class ShardOwnership implements ShardWork {
  session: Session | undefined;
  lastError: ErrorData | undefined;
  /** Status of the last session, or as last read from the log. */
  progress: ShardProgress = nothingKnown;
  readonly failed: FailedState;
  readonly #context: ShardContext;
  readonly #partition: TopicPartition;
  readonly #host: OwnershipHost;
  readonly #commitSize: CommitSize;
  #writer: WatchedWriter | undefined;
  #restoring: Promise<Recovered> | undefined;
  #recovered: Recovered | undefined;
  #restoringSinceMs = 0;
  #sessionEnded: Deferred<never> | undefined;
  #failuresInARow = 0;
  #failedPauseMs = 0;
  #suspect: Suspect | undefined;

  constructor(context: ShardContext, partition: TopicPartition, host: OwnershipHost) {
    this.#context = context;
    this.#partition = partition;
    this.#host = host;
    this.failed = new FailedState(context, partition);
    this.#commitSize = new CommitSize({
      transactionTimeoutMs: context.settings.transactionTimeoutMs,
      bytesMax: context.commitBytesMax,
    });
  }

  /** When the partition was last heard of, wall clock ms. */
  get heardAtMs(): number {
    return this.#context.clock.nowMs() - this.#host.unansweredMs();
  }

  async restore(signal: AbortSignal): Promise<void> {
    this.#restoringSinceMs = this.#context.clock.monotonicMs();
    this.#restoring = this.#acquire(signal);
    this.#recovered = await this.#restoring;
  }

  async #acquire(signal: AbortSignal): Promise<Recovered> {
    const { log, settings, topics } = this.#context;
    const opened = await log.openWriter(settings.groupId, this.#partition, signal);
    const watching = { context: this.#context, shard: this.#partition, size: this.#commitSize };
    this.#writer = watchedWriter(opened, watching);
    const role = roleOf(topics, this.#partition);
    return recoverShard(this.#recovering(), this.#partition, role, this.#writer);
  }

  #recovering(): ShardContext {
    const { settings } = this.#context;
    if (!this.failed.acceptsGap) return this.#context;
    return { ...this.#context, settings: { ...settings, acceptGap: true } };
  }

  async fold(live: () => void): Promise<never> {
    const [recovered, writer] = [this.#recovered, this.#writer];
    assert(recovered !== undefined && writer !== undefined, 'a shard folds once it has recovered');
    const { position: restoredAt } = recovered.memory;
    const ended = (this.#sessionEnded = deferred<never>());
    const host = {
      live: () => {
        this.#live(restoredAt);
        live();
      },
      failed: (error: unknown) => ended.reject(error),
      decided: () => (this.#suspect = undefined),
      seek: (position: number) => this.#host.start(position),
      setPaused: (paused: boolean) => this.#host.setPaused(paused),
      unansweredMs: () => this.#host.unansweredMs(),
    };
    const parts = [this.#context, this.#partition, writer, recovered, host] as const;
    const session = (this.session = new Session(...parts, this.#suspect));
    session.begin();
    this.#host.start(session.memory.position);
    return ended.promise;
  }

  #live(restoredAt: number): void {
    const { clock, logger, metrics } = this.#context;
    const tookMs = clock.monotonicMs() - this.#restoringSinceMs;
    metrics.restoreSeconds.observe(tookMs / 1_000);
    const position = this.session?.memory.position ?? restoredAt;
    const fields = { ...this.#partition, position, replayed: position - restoredAt };
    logger.info({ ...fields, tookMs: Math.round(tookMs) }, 'shard recovered and runs');
    this.#failuresInARow = 0;
    if (this.failed.sinceMs === undefined) this.lastError = undefined;
    this.failed.live();
    // Fast clocks seen in the replay were already counted when they were first folded.
    this.session?.memory.state.fastClocks.take();
  }

  /** Ends the session with `error`; recovery finds out why. */
  fail(error: unknown): void {
    this.#sessionEnded?.reject(error);
  }

  async drain(): Promise<void> {
    await this.session?.drain();
  }

  endSession(): void {
    const { session } = this;
    this.session = undefined;
    this.#sessionEnded = undefined;
    if (session === undefined) return;
    session.close();
    this.progress = progressAfter(session, this.heardAtMs);
  }

  async drop(error: unknown): Promise<NextStep> {
    await this.#closeWriter();
    const failure = this.#judged(error);
    const directive = isSensoriumError(failure) ? failure.directive : 'crash';
    const data = (this.lastError = errorToData(failure));
    const { logger, metrics } = this.#context;
    metrics.commitFailures.inc({ directive });
    const next = this.failed.next(directive);
    if (next === 'confirm') {
      metrics.fences.inc();
      logger.warn(
        { ...this.#partition, error: data.message },
        'shard fenced: another owner has it',
      );
    }
    if (next === 'fail') {
      this.#failedPauseMs = this.failed.enter(data);
      this.#host.setPaused(true);
    }
    return next;
  }

  /** After a fold that threw, keeps its suspect for the next session, as long as that can help. */
  #judged(failure: unknown): unknown {
    if (!(failure instanceof FoldError)) return failure;
    this.#suspect = suspectAfter(this.#suspect, failure);
    if (this.#suspect !== undefined) return failure;
    const message = `${failure.message} again, its sensor and the record set aside`;
    return new InvariantError(message, failure.details, failure);
  }

  async backOff(signal: AbortSignal): Promise<void> {
    await this.#pause(signal);
    await this.confirm(signal);
  }

  /** Re-acquires only what the group says is ours; an owner that slept may have lost it. */
  async confirm(signal: AbortSignal): Promise<void> {
    const heartbeat = (): Promise<void> => this.#host.heartbeatAfterNow();
    const answer = await confirmedByGroup(heartbeat, signal);
    if (answer === 'none') await this.#pause(signal);
  }

  /** Waits, without reading or writing, until an operator requests a retry or the pause ends. */
  async stayFailed(signal: AbortSignal): Promise<void> {
    await this.failed.pause(this.#failedPauseMs, signal);
    await this.confirm(signal);
  }

  async leave(): Promise<void> {
    this.failed.released();
    // Its signal is aborted; what it has opened by then is closed too.
    await this.#restoring?.catch(() => undefined);
    await this.#closeWriter();
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    this.#recovered = undefined;
    await writer?.close();
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const delayMs = backoffMs(this.#failuresInARow);
    this.#failuresInARow += 1;
    const fields = { ...this.#partition, reason: this.lastError?.message, delayMs };
    this.#context.logger.warn(fields, 'shard dropped its memory and will recover');
    await this.#context.clock.sleep(delayMs, signal);
  }
}
