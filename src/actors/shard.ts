// The actor that owns one (topic, partition): acquires it, recovers, runs a session until it ends,
// and does so again until the partition is released. One owner at a time is the writer's promise,
// not ours: a session that lost the partition finds out at its next commit, and nothing of that
// commit is visible. A shard that cannot go on fails alone.
//
//   assigned ─▶ restoring ─▶ replaying ─▶ running ─▶ draining ─▶ released
//                ▲ ▲  ▲          │           │
//                │ │  └─ backoff ┴recovering─┤         (its memory is dropped)
//                │ └──── heartbeat ── fenced ┘
//                └── asked to, or a growing pause ── failed ◀── any (shard-failures.ts)
import {
  errorToData,
  FoldError,
  InvariantError,
  isSensoriumError,
  UnavailableError,
  type ErrorData,
} from '../errors.ts';
import { backoffMs } from '../backoff.ts';
import type { FetchedBatch, PartitionWriter } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { CommitSize } from './commit-size.ts';
import { FailedState } from './failed-state.ts';
import { FastClockWatch } from './fast-clock-watch.ts';
import { TimeUnitWatch } from './time-unit-watch.ts';
import { suspectAfter, type Suspect } from './fold-failure.ts';
import type {
  CommandOutcome,
  SensorCommand,
  SensorView,
  ShardPhase,
  ShardRetryOutcome,
  ShardStatus,
} from './protocol.ts';
import { quarantineOf } from './quarantine-views.ts';
import { confirmedByGroup } from './group-confirmation.ts';
import { recoverShard } from './recovery.ts';
import { Session } from './session.ts';
import type { ShardContext } from './shard-context.ts';
import { roleOf, type ShardRole } from './shard-memory.ts';
import type { ShardSources } from './shard-sources.ts';
import type { WatchedShard } from './source-watch.ts';
import {
  nothingKnown,
  progressAfter,
  progressObserved,
  progressOf,
  type ObservedShard,
  type ShardProgress,
} from './shard-view.ts';
import { watchedWriter, type WatchedWriter } from './watched-writer.ts';

export interface ShardHost {
  start(position: number): void;
  setPaused(paused: boolean): void;
  heartbeatAfterNow(): Promise<void>;
  /** As the group member's, of this partition. */
  unansweredMs(): number;
  phaseChanged(status: ShardStatus): void;
}

/** A fetch that finds nothing is answered after half a second. */
const unansweredMsMax = 2_000;

export class Shard implements WatchedShard {
  readonly partition: TopicPartition;
  readonly #context: ShardContext;
  readonly #host: ShardHost;
  readonly #role: ShardRole;
  readonly #fastClocks: FastClockWatch;
  readonly #timeUnit: TimeUnitWatch;
  readonly #abort: AbortController = new AbortController();
  readonly #ended: Promise<void>;
  #session: Session | undefined;
  #endSession: ((failure: unknown) => void) | undefined;
  #phase: ShardPhase = 'assigned';
  #lastError: ErrorData | undefined;
  #failuresInARow = 0;
  #suspect: Suspect | undefined;
  readonly #commitSize: CommitSize;
  readonly #failed: FailedState;
  /** Status of the last session, or as last read from the log. */
  #progress: ShardProgress = nothingKnown;

  constructor(context: ShardContext, partition: TopicPartition, host: ShardHost) {
    this.partition = partition;
    this.#context = context;
    this.#host = host;
    this.#role = roleOf(context.topics, partition);
    this.#fastClocks = new FastClockWatch(context, partition);
    this.#timeUnit = new TimeUnitWatch(context, partition);
    this.#failed = new FailedState(context, partition);
    this.#commitSize = new CommitSize({
      transactionTimeoutMs: context.settings.transactionTimeoutMs,
      bytesMax: context.commitBytesMax,
    });
    this.#ended = this.#own();
  }

  /** Next offset to fold; undefined while there is no memory. */
  get position(): number | undefined {
    return this.#session?.memory.position;
  }

  get sources(): ShardSources | undefined {
    return this.#session?.sources;
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    await this.#session?.onBatch(batch);
  }

  tick(): void {
    const session = this.#session;
    if (session === undefined) return;
    session.tick();
    if (session.replaying) return;
    this.#fastClocks.look(session.memory.state.fastClocks);
    this.#timeUnit.look(session.memory.sourceMaxMs);
    if (this.#failed.sinceMs === undefined) return;
    const proof = this.#failed.prove(session.committer.lastCommitMs !== null);
    if (proof === 'well') this.#lastError = undefined;
  }

  /** Drops everything and writes nothing more: another member owns the partition now. */
  async release(): Promise<void> {
    this.#abort.abort();
    this.#endSession?.(undefined);
    await this.#ended;
    this.#enter('released');
  }

  /** Commits, stores a snapshot and releases the partition; any doubt is left to the next owner. */
  async drain(): Promise<void> {
    const session = this.#session;
    if (session !== undefined && !session.replaying) {
      this.#enter('draining');
      await session.drain();
    }
    await this.release();
  }

  status(): ShardStatus {
    const session = this.#session;
    const progress =
      session === undefined ? this.#progress : progressOf(session, this.#heardAtMs());
    const failedSinceMs = this.#failed.sinceMs;
    return {
      ...this.partition,
      phase: this.#phase,
      ...progress,
      fastClock: this.#fastClocks.view,
      unansweredMs: session === undefined ? 0 : this.#host.unansweredMs(),
      ...(this.#lastError === undefined ? {} : { error: this.#lastError }),
      ...(failedSinceMs === undefined ? {} : { failedSinceMs }),
    };
  }

  get hasFailed(): boolean {
    return this.#phase === 'failed';
  }

  /** Whether its own fetches do not tell how far its partition reaches. */
  get isUnfetched(): boolean {
    const session = this.#session;
    return session === undefined || session.paused || this.#host.unansweredMs() > unansweredMsMax;
  }

  /** Takes over what the log says of it; a session knows its own position better. */
  observed(observed: ObservedShard): void {
    const session = this.#session;
    if (session !== undefined) session.reachedAtLeast(observed.end);
    else this.#progress = progressObserved(this.#progress, observed, this.#context.clock.nowMs());
  }

  #heardAtMs(): number {
    return this.#context.clock.nowMs() - this.#host.unansweredMs();
  }

  /**
   * Its records cannot be fetched (any more): what is in memory is dropped, and recovery finds out
   * why.
   */
  deliveryFailed(error: unknown): void {
    this.#endSession?.(error);
  }

  /**
   * Has a failed shard recover at once, with `acceptGap` also over records that were deleted before
   * they were read. Resolves once it runs or has failed again, or with the phase that it has
   * reached after some seconds.
   */
  async retry(acceptGap: boolean): Promise<ShardRetryOutcome> {
    const retried = this.hasFailed;
    if (retried) await this.#failed.retry(acceptGap, this.#abort.signal);
    const { topic, partition, phase, error } = this.status();
    return { topic, partition, retried, phase, ...(error === undefined ? {} : { error }) };
  }

  inspect(sensorId: string): SensorView | undefined {
    const memory = this.#session?.memory;
    const sensor = memory?.state.inspect(sensorId);
    if (memory === undefined || sensor === undefined) return undefined;
    const why = quarantineOf(memory, sensorId);
    return { ...sensor, ...this.partition, offset: memory.position, ...why };
  }

  /**
   * @throws UnavailableError where the shard is on the way: whether it has the sensor is unknown.
   */
  async command(command: SensorCommand): Promise<CommandOutcome | undefined> {
    if (this.#session !== undefined) return this.#session.command(command);
    throw new UnavailableError('the shard is recovering: ask again', { ...this.partition });
  }

  sensorIds(limit: number): readonly string[] {
    return this.#session?.memory.state.sensorIds(limit) ?? [];
  }

  async #own(): Promise<void> {
    const { metrics } = this.#context;
    while (!this.#abort.signal.aborted) {
      const failure = this.#judged(await this.#ownOnce());
      if (this.#abort.signal.aborted || failure === undefined) return;
      const directive = isSensoriumError(failure) ? failure.directive : 'crash';
      this.#lastError = errorToData(failure);
      metrics.commitFailures.inc({ directive });
      const next = this.#failed.next(directive);
      switch (next) {
        case 'confirm':
          metrics.fences.inc();
          this.#enter('fenced');
          break;
        case 'recover':
          await this.#backOff();
          break;
        case 'fail':
          await this.#stayFailed(this.#lastError);
          break;
        default:
          return next satisfies never;
      }
      await this.#groupConfirms();
    }
  }

  /** Waits, without reading or writing, until an operator requests a retry or the pause ends. */
  async #stayFailed(error: ErrorData): Promise<void> {
    const pauseMs = this.#failed.enter(error);
    this.#host.setPaused(true);
    this.#enter('failed');
    await this.#failed.pause(pauseMs, this.#abort.signal);
  }

  /** After a fold that threw, keeps its suspect for the next session, as long as that can help. */
  #judged(failure: unknown): unknown {
    if (!(failure instanceof FoldError)) return failure;
    this.#suspect = suspectAfter(this.#suspect, failure);
    if (this.#suspect !== undefined) return failure;
    const message = `${failure.message} again, its sensor and the record set aside`;
    return new InvariantError(message, failure.details, failure);
  }

  /** Returns why ownership ended: an error, or undefined when the shard was released. */
  async #ownOnce(): Promise<unknown> {
    const { clock, log, metrics, settings } = this.#context;
    const startedMs = clock.monotonicMs();
    this.#enter('restoring');
    let writer: WatchedWriter | undefined;
    try {
      const opened = await log.openWriter(settings.groupId, this.partition, this.#abort.signal);
      writer = this.#watched(opened);
      const recovered = await recoverShard(this.#recovering(), this.partition, this.#role, writer);
      if (this.#abort.signal.aborted) return undefined;
      const ended = new Promise<unknown>((resolve) => (this.#endSession = resolve));
      const host = {
        live: () => {
          metrics.restoreSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
          this.#failuresInARow = 0;
          if (this.#failed.sinceMs === undefined) this.#lastError = undefined;
          this.#failed.live();
          // Fast clocks seen in the replay were already counted when they were first folded.
          this.#session?.memory.state.fastClocks.take();
          this.#enter('running');
        },
        failed: (error: unknown) => this.#endSession?.(error),
        decided: () => (this.#suspect = undefined),
        seek: (position: number) => this.#host.start(position),
        setPaused: (paused: boolean) => this.#host.setPaused(paused),
        unansweredMs: () => this.#host.unansweredMs(),
      };
      const parts = [this.#context, this.partition, writer, recovered, host] as const;
      const session = new Session(...parts, this.#suspect);
      this.#session = session;
      this.#enter('replaying');
      session.begin();
      this.#host.start(session.memory.position);
      return await ended;
    } catch (error) {
      return this.#abort.signal.aborted ? undefined : error;
    } finally {
      this.#session?.close();
      if (this.#session !== undefined) {
        this.#progress = progressAfter(this.#session, this.#heardAtMs());
      }
      this.#session = undefined;
      this.#endSession = undefined;
      // Before the writer is closed, which waits for a broker that may be gone.
      if (!this.#abort.signal.aborted) this.#enter('recovering');
      await writer?.close();
    }
  }

  #watched(writer: PartitionWriter): WatchedWriter {
    const [context, shard, size] = [this.#context, this.partition, this.#commitSize];
    return watchedWriter(writer, { context, shard, size });
  }

  #recovering(): ShardContext {
    const { settings } = this.#context;
    if (!this.#failed.acceptsGap) return this.#context;
    return { ...this.#context, settings: { ...settings, acceptGap: true } };
  }

  /** Re-acquires only what the group says is ours; an owner that slept may have lost it. */
  async #groupConfirms(): Promise<void> {
    const heartbeat = (): Promise<void> => this.#host.heartbeatAfterNow();
    const answer = await confirmedByGroup(heartbeat, this.#abort.signal);
    if (answer === 'none') await this.#backOff();
  }

  async #backOff(): Promise<void> {
    const delayMs = backoffMs(this.#failuresInARow);
    this.#failuresInARow += 1;
    const fields = { ...this.partition, reason: this.#lastError?.message, delayMs };
    this.#context.logger.warn(fields, 'shard dropped its memory and will recover');
    await this.#context.clock.sleep(delayMs, this.#abort.signal);
  }

  #enter(phase: ShardPhase): void {
    if (this.#phase === phase) return;
    this.#phase = phase;
    const status = this.status();
    this.#context.logger.debug({ ...status, error: undefined }, `shard ${phase}`);
    this.#host.phaseChanged(status);
  }
}
