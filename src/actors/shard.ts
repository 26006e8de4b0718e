// The actor that owns one (topic, partition), from its assignment to its release. Its life-cycle
// runs it (lifecycles/shard-lifecycle.ts): acquires it, recovers, folds until the session ends, and
// does so again. One owner at a time is the writer's promise, not ours: a session that lost the
// partition finds out at its next commit, and nothing of that commit is visible. A shard that
// cannot go on fails alone.
import { UnavailableError } from '../errors.ts';
import type { Life } from '../lifecycles/life.ts';
import {
  createShardLife,
  type ShardPhase,
  type ShardTransition,
} from '../lifecycles/shard-lifecycle.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import type { SensorQuery, SensorScan } from '../sensors/sensor-list.ts';
import { FastClockWatch } from './fast-clock-watch.ts';
import type {
  CommandOutcome,
  SensorCommand,
  SensorView,
  ShardRetryOutcome,
  ShardStatus,
} from './protocol.ts';
import { quarantineOf } from './quarantine-views.ts';
import type { Session } from './session.ts';
import type { ShardContext } from './shard-context.ts';
import { ShardOwnership, type OwnershipHost } from './shard-ownership.ts';
import type { ShardSources } from './shard-sources.ts';
import { progressObserved, progressOf, type ObservedShard } from './shard-view.ts';
import type { WatchedShard } from './source-watch.ts';
import { TimeUnitWatch } from './time-unit-watch.ts';

export interface ShardHost extends OwnershipHost {
  phaseChanged(status: ShardStatus): void;
}

/** A fetch that finds nothing is answered after half a second. */
const unansweredMsMax = 2_000;

export class Shard implements WatchedShard {
  readonly partition: TopicPartition;
  readonly #context: ShardContext;
  readonly #host: ShardHost;
  readonly #fastClocks: FastClockWatch;
  readonly #timeUnit: TimeUnitWatch;
  readonly #owned: ShardOwnership;
  readonly #life: Life<ShardPhase, ShardTransition>;

  constructor(context: ShardContext, partition: TopicPartition, host: ShardHost) {
    this.partition = partition;
    this.#context = context;
    this.#host = host;
    this.#fastClocks = new FastClockWatch(context, partition);
    this.#timeUnit = new TimeUnitWatch(context, partition);
    this.#owned = new ShardOwnership(context, partition, host);
    this.#life = createShardLife(this.#owned, (phase) => this.#entered(phase));
    this.#life.start();
  }

  /** Next offset to fold; undefined while there is no memory. */
  get position(): number | undefined {
    return this.#owned.session?.memory.position;
  }

  /** The metadata that it was recovered with. */
  get recovered(): Session['recovered'] | undefined {
    return this.#owned.session?.recovered;
  }

  get sources(): ShardSources | undefined {
    return this.#owned.session?.sources;
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    await this.#owned.session?.onBatch(batch);
  }

  tick(): void {
    const session = this.#owned.session;
    if (session === undefined) return;
    session.tick();
    if (session.replaying) return;
    const { sourceMaxMs, state } = session.memory;
    this.#fastClocks.look(state.fastClocks);
    this.#timeUnit.look(sourceMaxMs, state.fastClocks.refusedMs);
    state.fastClocks.refusedMs = NaN;
    if (this.#owned.failed.sinceMs === undefined) return;
    const proof = this.#owned.failed.prove(session.committer.lastCommitMs !== null);
    if (proof === 'well') this.#owned.lastError = undefined;
  }

  /** Drops everything and writes nothing more: another member owns the partition now. */
  async release(): Promise<void> {
    this.#life.send({ type: 'RELEASE' });
    await this.#life.ended;
  }

  /** Commits, stores a snapshot and releases the partition; any doubt is left to the next owner. */
  async drain(): Promise<void> {
    this.#life.send({ type: 'DRAIN' });
    await this.#life.ended;
  }

  status(): ShardStatus {
    const session = this.#owned.session;
    const progress =
      session === undefined ? this.#owned.progress : progressOf(session, this.#owned.heardAtMs);
    const failedSinceMs = this.#owned.failed.sinceMs;
    return {
      ...this.partition,
      phase: this.#life.phase,
      ...progress,
      fastClock: this.#fastClocks.view,
      unansweredMs: session === undefined ? 0 : this.#host.unansweredMs(),
      ...(this.#owned.lastError === undefined ? {} : { error: this.#owned.lastError }),
      ...(failedSinceMs === undefined ? {} : { failedSinceMs }),
    };
  }

  get hasFailed(): boolean {
    return this.#life.phase === 'failed';
  }

  /** Whether its own fetches do not tell how far its partition reaches. */
  get isUnfetched(): boolean {
    const session = this.#owned.session;
    return session === undefined || session.paused || this.#host.unansweredMs() > unansweredMsMax;
  }

  /** Takes over what the log says of it; a session knows its own position better. */
  observed(observed: ObservedShard): void {
    const session = this.#owned.session;
    if (session !== undefined) session.reachedAtLeast(observed.end);
    else
      this.#owned.progress = progressObserved(
        this.#owned.progress,
        observed,
        this.#context.clock.nowMs(),
      );
  }

  /**
   * Its records cannot be fetched (any more): what is in memory is dropped, and recovery finds out
   * why.
   */
  deliveryFailed(error: unknown): void {
    this.#owned.fail(error);
  }

  /**
   * Makes a failed shard recover at once, with `acceptGap` also over records that were deleted
   * before they were read. Resolves once it runs or has failed again, or with the phase that it has
   * reached after some seconds.
   */
  async retry(acceptGap: boolean): Promise<ShardRetryOutcome> {
    const retried = this.hasFailed;
    if (retried) await this.#owned.failed.retry(acceptGap);
    const { topic, partition, phase, error } = this.status();
    return { topic, partition, retried, phase, ...(error === undefined ? {} : { error }) };
  }

  inspect(sensorId: string): SensorView | undefined {
    const memory = this.#owned.session?.memory;
    const sensor = memory?.state.inspect(sensorId);
    if (memory === undefined || sensor === undefined) return undefined;
    const why = quarantineOf(memory, sensorId);
    return { ...sensor, ...this.partition, offset: memory.position, ...why };
  }

  /**
   * @throws UnavailableError where the shard is on the way: whether it has the sensor is unknown.
   */
  async command(command: SensorCommand): Promise<CommandOutcome | undefined> {
    if (this.#owned.session !== undefined) return this.#owned.session.command(command);
    throw new UnavailableError('the shard is recovering: ask again', { ...this.partition });
  }

  /** Returns a search through the sensors in memory; undefined while the shard has none. */
  sensorScan(query: SensorQuery): SensorScan | undefined {
    return this.#owned.session?.memory.state.sensorScan(query);
  }

  #entered(phase: ShardPhase): void {
    const status = { ...this.status(), phase };
    this.#context.logger.debug({ ...status, error: undefined }, `shard ${phase}`);
    this.#host.phaseChanged(status);
  }
}
