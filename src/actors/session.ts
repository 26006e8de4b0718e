// One period of ownership of a shard, from a recovered memory to its end: replay, then fold live
// and commit. Anything indefinite ends the session; its memory is dropped as a whole and the shard
// recovers into a new one.
import { neverSetBack } from '../clock.ts';
import { UnavailableError } from '../errors.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import { outputEncoders } from './output-records.ts';
import { Committer } from './committer.ts';
import { decide, type Deciding } from './decisions.ts';
import { decisionOn, foldFailedReason, foldFailure, type Suspect } from './fold-failure.ts';
import type { BatchFolder } from './batch-folder.ts';
import { createBatchFolder } from './fold-batch.ts';
import { FoldSlice } from './fold-slice.ts';
import { idleMarkMs } from './idle-rule.ts';
import type { Decision } from './journal.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { foldUntilLive } from './partial-commit.ts';
import type { CommandOutcome, SensorCommand } from './protocol.ts';
import type { Recovered } from './recovery.ts';
import { JournaledFold } from './journaled-fold.ts';
import { decisionOf } from './sensor-command.ts';
import type { ShardContext } from './shard-context.ts';
import { SchemaWait } from './schema-wait.ts';
import type { SessionHost } from './session-host.ts';
import { Silence } from './silence.ts';
import type { ShardMemory } from './shard-memory.ts';
import { forwardingOf, ShardSources } from './shard-sources.ts';
import { shardTraces, type ShardTraces } from './shard-traces.ts';
import type { WatchedWriter } from './watched-writer.ts';

export class Session {
  readonly memory: ShardMemory;
  /** As recovery found it. */
  readonly recovered: Recovered['metadata'];
  readonly committer: Committer;
  readonly sources: ShardSources;
  highWatermark: number;

  readonly #context: ShardContext;
  readonly #shard: TopicPartition;
  readonly #host: SessionHost;
  readonly #outbox: Outbox;
  readonly #traces: ShardTraces | undefined;
  readonly #slice: FoldSlice;
  readonly #folder: BatchFolder;
  readonly #replay: JournaledFold;
  readonly #deciding: Deciding;
  readonly #schemas: SchemaWait;
  #closed = false;
  #draining = false;
  #checkingIdle = false;
  readonly #silence: Silence;
  readonly #wallMs: () => number;

  constructor(
    context: ShardContext,
    shard: TopicPartition,
    writer: WatchedWriter,
    recovered: Recovered,
    host: SessionHost,
    suspect?: Suspect,
  ) {
    this.#context = context;
    this.#shard = shard;
    this.#host = host;
    this.memory = recovered.memory;
    this.recovered = recovered.metadata;
    this.highWatermark = recovered.end;
    this.#traces = shardTraces(context.tracer, shard);
    this.#outbox = createOutbox(outputEncoders(context, shard, this.#traces));
    this.#outbox.muted = true;
    const { journal } = recovered;
    this.#deciding = { context, shard, journal, memory: this.memory, outbox: this.#outbox };
    this.#slice = new FoldSlice(context.clock, this.#outbox);
    this.#folder = createBatchFolder({
      ...{ ...context, shard, outbox: this.#outbox, slice: this.#slice },
      forwarding: forwardingOf(context),
    });
    this.#schemas = new SchemaWait(context, shard, this.memory, {
      isReplaying: () => this.replaying,
      decide: (decision) => this.#decide(decision),
    });
    this.#replay = new JournaledFold({
      memory: this.memory,
      folder: this.#folder,
      closed: this.#outbox,
      entries: recovered.journalEntries,
      ...foldUntilLive(recovered, { shard, outbox: this.#outbox, live: () => this.#goLive() }),
      ...(suspect === undefined ? {} : { suspect: this.#suspect(suspect) }),
    });
    this.committer = new Committer({
      ...{ ...recovered, context, shard, writer },
      outbox: this.#outbox,
      traces: this.#traces,
      onFailed: (error) => this.#fail(error),
    });
    this.sources = new ShardSources(context, shard, this.memory, {
      isLive: () => !this.#closed && !this.#draining && !this.replaying,
      moveWatermark: (watermarkMs) => {
        this.#decide({ kind: 'idle', watermark_ms: watermarkMs });
        this.committer.poke();
      },
      setPaused: (paused) => host.setPaused(paused),
    });
    this.#silence = new Silence(() => context.clock.monotonicMs());
    this.#wallMs = neverSetBack(context.clock);
  }

  /** Whether the shard waits for sources that are behind; nothing is fetched for it meanwhile. */
  get paused(): boolean {
    return this.sources.paused;
  }

  get replaying(): boolean {
    return !this.#replay.ended;
  }

  /**
   * Obeys entries that lie at the position already and goes live where there is nothing to replay.
   */
  begin(): void {
    this.#replay.begin();
    this.committer.poke();
  }

  /** Notes that the partition reaches at least to `end`, as another request has shown. */
  reachedAtLeast(end: number): void {
    this.highWatermark = Math.max(this.highWatermark, end);
    this.committer.lagRecords = Math.max(0, this.highWatermark - this.memory.position);
  }

  /** Folds one batch; resolves once the next one may be delivered. */
  async onBatch(batch: FetchedBatch): Promise<void> {
    if (this.#closed || this.#draining) return;
    if (batch.fetchOffset > this.memory.position) return this.#host.seek(this.memory.position);
    const outcome = await this.#foldInSlices(batch);
    if (outcome === undefined) return;
    this.committer.folded(batch.bytes);
    // State and outputs hold copies.
    batch.release?.();
    if (outcome === 'decided') return this.#commitDecision();
    this.#context.metrics.fetches.inc();
    this.committer.poke();
    if (this.#outbox.full) await this.committer.room();
  }

  /** Four times a second: the idle rule, and the brake on sources that run ahead. */
  tick(): void {
    if (this.#closed || this.#draining || this.replaying) return;
    this.sources.tick();
    this.#schemas.tick();
    this.#silence.observe(this.sources.paused ? undefined : this.#host.unansweredMs());
    void this.#checkIdle();
    this.committer.poke();
  }

  /**
   * Journals an operator's command and resolves once it is committed; undefined where the shard has
   * no such sensor.
   * @throws UnavailableError where the shard is on the way, or lost before the commit was certain:
   * ask again.
   */
  async command(command: SensorCommand): Promise<CommandOutcome | undefined> {
    const { memory } = this;
    if (this.#closed || this.#draining || this.replaying) {
      throw new UnavailableError('the shard is recovering or leaving: ask again');
    }
    const sensor = memory.state.inspect(command.sensorId);
    if (sensor === undefined) return undefined;
    const decision = decisionOf(command, sensor, this.#context.clock.nowMs());
    const outcome = { ...this.#shard, offset: memory.position, changed: decision !== undefined };
    if (decision !== undefined) this.#decide(decision);
    await this.committer.committed();
    return outcome;
  }

  /** Stops folding, commits all, leaves a snapshot that the last commit names. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#schemas.close();
    await this.committer.drain();
  }

  close(): void {
    this.#closed = true;
    this.#schemas.close();
    this.sources.close();
    this.committer.close();
  }

  /**
   * Returns undefined where the session failed, or ends before all is folded: what is left is its
   * successor's.
   */
  async #foldInSlices(batch: FetchedBatch): Promise<'folded' | 'decided' | undefined> {
    for (;;) {
      let outcome: 'folded' | 'decided' | 'paused';
      try {
        outcome = this.#fold(batch);
      } catch (error) {
        this.#fail(this.#foldFailure(error));
        return undefined;
      }
      if (outcome !== 'paused') return outcome;
      this.committer.poke();
      if (this.#folder.missingSchema !== undefined) await this.#schema(this.#folder.missingSchema);
      else if (this.#outbox.full) await this.committer.room();
      else await this.#context.clock.sleep(0);
      if (this.#closed || this.#draining) return undefined;
    }
  }

  async #schema(id: number): Promise<void> {
    await this.#schemas.until(id).catch((error: unknown) => this.#fail(error));
  }

  #fold(batch: FetchedBatch): 'folded' | 'decided' | 'paused' {
    const { memory } = this;
    const { recordsSeen: seenBefore } = this.#folder;
    const { maxEventTimeMs: eventTimeBefore } = memory.state;
    const { forwards: forwardsBefore, leftOut: leftOutBefore } = this.#outbox;
    this.#slice.begin();
    this.#traces?.look(batch, memory, this.#folder);
    const outcome = this.#replay.fold(batch);
    this.highWatermark = Math.max(batch.highWatermark, memory.position);
    this.committer.lagRecords = this.highWatermark - memory.position;
    const { recordsSeen } = this.#folder;
    if (recordsSeen !== seenBefore) {
      // A source that is left out, say for a clock in 2000, keeps no windows of the others open.
      const isHeard = memory.role === 'source' || memory.state.maxEventTimeMs > eventTimeBefore;
      if (isHeard) this.#silence.begin();
      this.committer.sourceIdle = false;
    }
    const forwards = this.#outbox.forwards - forwardsBefore;
    this.#context.metrics.forwardsLeftOut.inc(this.#outbox.leftOut - leftOutBefore);
    this.sources.folded({ records: recordsSeen - seenBefore, forwards });
    return outcome;
  }

  /**
   * A later record may throw as well: before it is folded the decision must be safe, or each would
   * undo the other.
   */
  async #commitDecision(): Promise<void> {
    await this.committer.committed().catch((error: unknown) => this.#fail(error));
    if (this.#closed) return;
    this.#host.decided();
    this.#host.seek(this.memory.position);
  }

  #goLive(): void {
    this.#outbox.open();
    this.#silence.begin();
    this.#host.live();
  }

  #suspect(suspect: Suspect): { offset: number; decide: (record: RecordCursor) => boolean } {
    return { offset: suspect.offset, decide: (record) => this.#decideOn(suspect, record) };
  }

  #decideOn(suspect: Suspect, record: RecordCursor): boolean {
    if (record.offset !== suspect.offset) return false;
    const { clock, logger } = this.#context;
    const sensorId = suspect.sensorId ?? this.#folder.sensorOf(this.memory, record);
    try {
      const decision = decisionOn(suspect, sensorId, this.memory, clock.nowMs());
      if (decision === undefined) return false;
      if (decision.kind === 'skip') this.#folder.refuse(record, foldFailedReason(suspect));
      decide(this.#deciding, decision);
      const fields = { ...this.#shard, offset: suspect.offset, sensorId, error: suspect.message };
      logger.error(fields, `folding a record threw: ${decision.kind} journaled`);
      return true;
    } catch (error) {
      // An error while deciding does not come from the fold.
      this.#fail(error);
      throw error;
    }
  }

  #foldFailure(error: unknown): unknown {
    const offset = this.#replay.faultOffset;
    const phase = this.replaying ? 'replay' : 'fold';
    const sensorId = this.#folder.foldingSensor;
    return foldFailure(error, { ...this.#shard, offset, phase, sensorId });
  }

  /** Applies a decision; if it throws, the memory may be inconsistent. */
  #decide(decision: Decision): void {
    try {
      decide(this.#deciding, decision);
    } catch (error) {
      const at = { ...this.#shard, offset: this.memory.position, phase: 'decision' } as const;
      this.#fail(foldFailure(error, at));
      throw error;
    }
  }

  async #checkIdle(): Promise<void> {
    const { log, settings } = this.#context;
    if (this.#checkingIdle || this.sources.paused) return;
    const quiet = (): boolean => this.#silence.ms >= settings.idleTimeoutMs;
    const isSource = this.memory.role === 'source';
    const saysSo = isSource && !this.committer.sourceIdle;
    const wanted = quiet() && (this.#idleMark() !== undefined || saysSo);
    if (!wanted) return;
    this.#checkingIdle = true;
    try {
      const { memory } = this;
      const positionBefore = memory.position;
      // A shard that is behind is not idle; only the log knows whether records are waiting.
      const { end } = await log.offsets(this.#shard);
      // The answer may have taken an outage, in which silence counts for nothing.
      const stillQuiet = quiet() && memory.position === positionBefore && positionBefore >= end;
      if (this.#closed || this.#draining || !stillQuiet) return;
      if (isSource) this.committer.sourceIdle = true;
      const watermarkMs = this.#idleMark();
      if (watermarkMs !== undefined) this.#decide({ kind: 'idle', watermark_ms: watermarkMs });
      this.committer.poke();
    } catch (error) {
      const fields = { shard: this.#shard, reason: String(error) };
      this.#context.logger.debug(fields, 'idle check postponed');
    } finally {
      this.#checkingIdle = false;
    }
  }

  #idleMark(): number | undefined {
    const { settings, semantics } = this.#context;
    const { role, state } = this.memory;
    if (role === 'rekeyed' && !this.#context.sources.allIdle) return undefined;
    return idleMarkMs({
      nowMs: this.#wallMs(),
      quietMs: this.#silence.ms,
      idleTimeoutMs: settings.idleTimeoutMs,
      watermarkDelayMs: semantics.watermarkDelayMs,
      maxEventTimeMs: state.maxEventTimeMs,
      watermarkMs: state.watermarkMs,
      earliestDueMs: Math.min(state.earliestWindowEndMs, state.earliestEventMs),
    });
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#host.failed(error);
  }
}
