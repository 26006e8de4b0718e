// One period of ownership of a shard, from a recovered memory to its end: replay, then fold live and commit. Anything
// indefinite ends the session; its memory is dropped as a whole and the shard recovers into a new one.
import type { FetchedBatch, PartitionWriter, TopicPartition } from '../log/event-log.ts';
import { anomalyEncoder, featureRowRecord } from './output-records.ts';
import { Committer } from './committer.ts';
import { createBatchFolder, type BatchFolder } from './fold-batch.ts';
import { idleMarkMs } from './idle-rule.ts';
import { journalRecord, type JournalEntry } from './journal.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import type { Recovered } from './recovery.ts';
import { applyJournalEntry, Replay } from './replay.ts';
import { journalPartitionOf } from './restore.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import { allSourcesIdle } from './source-clocks.ts';

export interface SessionHost {
  /** The replay reached the committed offset: outputs count from here on. */
  live(): void;
  failed(error: unknown): void;
  /** Asks the log to deliver from `position` again. */
  seek(position: number): void;
  setPaused(paused: boolean): void;
}

export class Session {
  readonly memory: ShardMemory;
  highWatermark = 0;

  readonly #context: ShardContext;
  readonly #shard: TopicPartition;
  readonly #host: SessionHost;
  readonly #outbox: Outbox;
  readonly #folder: BatchFolder;
  readonly #committer: Committer;
  readonly #replay: Replay;
  #closed = false;
  #draining = false;
  #paused = false;
  #checkingIdle = false;
  #lastActivityMs: number;

  constructor(
    context: ShardContext,
    shard: TopicPartition,
    writer: PartitionWriter,
    recovered: Recovered,
    host: SessionHost,
  ) {
    this.#context = context;
    this.#shard = shard;
    this.#host = host;
    this.memory = recovered.memory;
    this.#outbox = createOutbox({
      featureRow: featureRowRecord(context, shard),
      anomaly: anomalyEncoder(context, shard),
    });
    this.#outbox.muted = true;
    this.#folder = createBatchFolder({
      shard,
      topics: context.topics,
      semantics: context.semantics,
      sourcePartitions: context.sourcePartitions,
      outbox: this.#outbox,
    });
    this.#replay = new Replay({
      memory: this.memory,
      folder: this.#folder,
      closed: this.#outbox,
      entries: recovered.journalEntries,
      end: recovered.committedOffset,
      onEnd: () => this.#goLive(),
    });
    this.#committer = new Committer({
      context,
      shard,
      writer,
      memory: this.memory,
      outbox: this.#outbox,
      metadata: recovered.metadata,
      committedOffset: recovered.committedOffset,
      journalOffset: recovered.journalOffset,
      onFailed: (error) => this.#fail(error),
    });
    this.#lastActivityMs = context.clock.monotonicMs();
  }

  get committer(): Committer {
    return this.#committer;
  }

  get replaying(): boolean {
    return !this.#replay.ended;
  }

  /** Obeys entries that lie at the position already and goes live where there is nothing to replay. */
  begin(): void {
    this.#replay.begin();
    this.#committer.poke();
  }

  /** Folds one batch; resolves when the next one may come. */
  async onBatch(batch: FetchedBatch): Promise<void> {
    if (this.#closed || this.#draining) return;
    if (batch.fetchOffset > this.memory.position) return this.#host.seek(this.memory.position);
    try {
      this.#fold(batch);
    } catch (error) {
      return this.#fail(error);
    }
    // State and outputs hold copies.
    batch.release?.();
    this.#context.metrics.fetches.inc();
    this.#committer.poke();
    if (this.#outbox.full) await this.#committer.room();
  }

  /** Four times a second: idle rule, source markers, the brake on sources that run ahead. */
  tick(): void {
    if (this.#closed || this.#draining || this.replaying) return;
    this.#brake();
    void this.#checkIdle();
    this.#committer.poke();
  }

  /** Stops folding, commits all, leaves a snapshot that the last commit names. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#committer.drain();
  }

  close(): void {
    this.#closed = true;
    this.#committer.close();
  }

  #fold(batch: FetchedBatch): void {
    const { memory } = this;
    const seenBefore = this.#folder.recordsSeen;
    this.#replay.fold(batch);
    this.highWatermark = Math.max(batch.highWatermark, memory.position);
    this.#committer.lagRecords = this.highWatermark - memory.position;
    if (this.#folder.recordsSeen !== seenBefore) {
      this.#lastActivityMs = this.#context.clock.monotonicMs();
      this.#committer.sourceIdle = false;
    }
  }

  #goLive(): void {
    this.#outbox.muted = false;
    this.#lastActivityMs = this.#context.clock.monotonicMs();
    this.#host.live();
  }

  /** A source far ahead of its siblings would hold windows of theirs open without bound: it waits for them. */
  #brake(): void {
    const { rekeying, settings, semantics } = this.#context;
    const leastMs = rekeying.leastSourceMs;
    const aheadMs =
      this.memory.role === 'source' && rekeying.active && leastMs !== undefined
        ? this.memory.sourceMaxMs - leastMs
        : -Infinity;
    const paused = aheadMs > settings.openWindowsMax * semantics.windowMs;
    if (!paused && !this.#paused) return;
    this.#paused = paused;
    // Said again at every tick while it holds: a rejoin forgets what was paused.
    this.#host.setPaused(paused);
  }

  async #checkIdle(): Promise<void> {
    const { clock, log, settings } = this.#context;
    if (this.#checkingIdle || this.#paused) return;
    const quiet = clock.monotonicMs() - this.#lastActivityMs >= settings.idleTimeoutMs;
    const wanted =
      quiet &&
      (this.#idleMark() !== undefined || (this.#isSource() && !this.#committer.sourceIdle));
    if (!wanted) return;
    this.#checkingIdle = true;
    try {
      const { memory } = this;
      const positionBefore = memory.position;
      // Behind is not idle: only the log itself knows whether something is waiting.
      const { end } = await log.offsets(this.#shard);
      const stillQuiet = memory.position === positionBefore && positionBefore >= end;
      if (this.#closed || this.#draining || !stillQuiet) return;
      if (this.#isSource()) this.#committer.sourceIdle = true;
      const watermarkMs = this.#idleMark();
      if (watermarkMs !== undefined) this.#journalIdle(watermarkMs);
      this.#committer.poke();
    } catch (error) {
      const fields = { shard: this.#shard, reason: String(error) };
      this.#context.logger.debug(fields, 'idle check postponed');
    } finally {
      this.#checkingIdle = false;
    }
  }

  #isSource(): boolean {
    return this.memory.role === 'source';
  }

  #idleMark(): number | undefined {
    const { clock, settings, semantics } = this.#context;
    const { memory } = this;
    if (!this.#isSource() && !allSourcesIdle(memory.clocks)) return undefined;
    return idleMarkMs({
      nowMs: clock.nowMs(),
      quietMs: clock.monotonicMs() - this.#lastActivityMs,
      idleTimeoutMs: settings.idleTimeoutMs,
      watermarkDelayMs: semantics.watermarkDelayMs,
      maxEventTimeMs: memory.state.maxEventTimeMs,
      watermarkMs: memory.state.watermarkMs,
      earliestWindowEndMs: memory.state.earliestWindowEndMs,
    });
  }

  #journalIdle(watermarkMs: number): void {
    const { memory } = this;
    const entry: JournalEntry = {
      version: 1,
      sequence: memory.journalSequence + 1,
      offset: memory.position,
      kind: 'idle',
      watermark_ms: watermarkMs,
    };
    const shardKey = shardKeyOf(this.#context.settings.groupId, this.#shard);
    const journal = journalPartitionOf(this.#context, this.#shard);
    this.#outbox.journal(journalRecord(entry, shardKey, journal));
    applyJournalEntry(memory, entry, this.#outbox);
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#host.failed(error);
  }
}
