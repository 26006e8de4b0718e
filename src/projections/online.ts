// The online projection: writes committed feature rows to the online store. Invariant: a position
// is committed only after every row before it is in the store. The store refuses older windows, so
// reading rows again is harmless. While the store is away the partitions are paused; nothing is
// fetched or buffered, and they resume at their positions.
import type { Clock } from '../clock.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import { errorToData, isSensoriumError, UnavailableError, type ErrorData } from '../errors.ts';
import type { EventLog, FetchedBatch, GroupListener, GroupMember } from '../log/event-log.ts';
import { TopicIds } from '../log/topic-ids.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import { backoffMs } from '../backoff.ts';
import { tracedListener, type Traced } from './batch-span.ts';
import { Positions, type Held } from './positions.ts';
import type { ProjectorStatus } from './protocol.ts';
import { createRowProblems, type RowProblems } from './row-problems.ts';
import { openGate, servingGate, type ServingGate, type ServingRule } from './serving-gate.ts';

export interface ProjectorOptions extends Traced {
  readonly log: EventLog;
  readonly store: FeatureStore;
  /** The topics of feature rows with their views, that of the base windows first. */
  readonly topics: readonly { readonly topic: string; readonly view: string }[];
  /** The projection's own consumer group. */
  readonly groupId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Rows are held back until they count as readable; left out, each is written at once. */
  readonly serving?: ServingRule;
  /** Called with base-window rows once they are stored: the newest of each sensor in a batch. */
  onRows?(rows: readonly FeatureRow[]): void;
  /** The projector cannot go on. */
  onFailed(error: unknown): void;
}

export interface Projector {
  status(): ProjectorStatus;
  /** Finishes the writes in flight, commits, leaves the group. Idempotent. */
  drain(): Promise<void>;
}

const rowsPerUpsert = 1_000;
const commitIntervalMs = 1_000;
const pingIntervalMs = 1_000;
const topicsLookMs = 3_000;
/** A fetch that finds nothing is answered after half a second, a heartbeat at once. */
const silentMsMax = 5_000;

/**
 * Joins the group and projects until drained.
 * @throws UnavailableError when the group cannot be joined.
 */
export async function startProjector(options: ProjectorOptions): Promise<Projector> {
  const projector = new OnlineProjector(options);
  await projector.join();
  return projector;
}

class OnlineProjector implements Projector, GroupListener {
  readonly #options: ProjectorOptions;
  readonly #problems: RowProblems;
  readonly #gate: ServingGate;
  readonly #closing = new AbortController();
  readonly #positions: Positions;
  readonly #views: ReadonlyMap<string, string>;
  readonly #writing = new Set<Promise<void>>();
  #member: GroupMember | undefined;
  #joined: (member: GroupMember) => void = () => undefined;
  readonly #whenJoined = new Promise<GroupMember>((resolve) => {
    this.#joined = resolve;
  });
  #connected = false;
  #inOutage = false;
  #failuresInRow = 0;
  #answers = 0;
  #interruptions = 0;
  #lastError: ErrorData | null = null;
  /** Why the rows of a partition cannot be fetched, by place. */
  readonly #unfetched = new Map<string, ErrorData>();
  #drained: Promise<void> | undefined;

  constructor(options: ProjectorOptions) {
    this.#options = options;
    this.#problems = createRowProblems(options.metrics, options.logger);
    const { serving: rule } = options;
    this.#gate =
      rule === undefined
        ? openGate()
        : servingGate({ ...options, rule, signal: this.#closing.signal });
    this.#views = new Map(options.topics.map(({ topic, view }) => [topic, view]));
    this.#positions = new Positions({
      ...options,
      topicIds: new TopicIds(options.log, [...this.#views.keys()]),
      storeMayForget: options.store.interruptions !== undefined,
      closing: this.#closing.signal,
    });
  }

  async join(): Promise<void> {
    const { log, groupId, tracer } = this.#options;
    const topics = [...this.#views.keys()];
    const listener = tracedListener(this, tracer);
    // Rows arrive in bursts, one shard at a time: the last burst must not wait for more.
    this.#member = await log.joinGroup({ groupId, topics, delivery: 'prompt', listener });
    this.#joined(this.#member);
    this.#guard(this.#commitRegularly());
    this.#guard(this.#pingWhenIdle());
    this.#guard(this.#followRemadeTopics());
  }

  status(): ProjectorStatus {
    const partitions = this.#positions.projected();
    const lag = partitions.reduce(
      (sum, { position, highWatermark }) => sum + Math.max(0, highWatermark - position),
      0,
    );
    const [unfetched] = this.#unfetched.values();
    const logError = unfetched ?? this.#silence();
    const connected = this.#connected && logError === undefined;
    return { partitions, lag, connected, lastError: this.#lastError ?? logError ?? null };
  }

  /** Why nothing is heard of the log; undefined while it answers. */
  #silence(): ErrorData | undefined {
    const member = this.#member;
    if (member === undefined) return undefined;
    const unanswered = this.#positions.all().map((held) => member.unansweredMs(held));
    // Infinity while the projector is out of its group.
    const silentMs = Math.max(member.unconfirmedMs(), ...unanswered);
    if (silentMs <= silentMsMax) return undefined;
    const since = Number.isFinite(silentMs) ? ` for ${Math.floor(silentMs / 1_000)} s` : '';
    return errorToData(new UnavailableError(`the log has not answered the projection${since}`));
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#writing);
    await this.#positions.commit();
    await this.#member?.leave();
    this.#positions.clear();
  }

  positionOf(partition: TopicPartition): number | undefined {
    return this.#positions.get(partition)?.position;
  }

  onAssigned(added: readonly TopicPartition[]): void {
    for (const partition of added) this.#guard(this.#begin(this.#positions.add(partition)));
  }

  onRevoked(removed: readonly TopicPartition[]): void {
    for (const partition of removed) {
      this.#positions.remove(partition);
      this.#unfetched.delete(partitionKey(partition));
    }
  }

  onPartitionFailed(partition: TopicPartition, error: Error): void {
    const held = this.#positions.get(partition);
    if (held !== undefined) this.#guard(this.#beginAgain(held, error));
  }

  onFailed(error: Error): void {
    if (!this.#closing.signal.aborted) this.#options.onFailed(error);
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    const held = this.#positions.get(batch);
    if (held?.position === undefined || this.#closing.signal.aborted) return;
    // Fetched before the partition was rewound: projecting it would leave a gap.
    if (batch.fetchOffset > held.position) return;
    this.#unfetched.delete(partitionKey(batch));
    held.fetchFailures = 0;
    const writing = this.#project(batch, held, held.position);
    this.#writing.add(writing);
    await writing;
    this.#writing.delete(writing);
  }

  async #begin(held: Held): Promise<void> {
    const member = await this.#whenJoined;
    const from = await this.#positions.settle(held);
    // A partition assigned during an outage starts with the others when the outage ends.
    if (from !== undefined && !this.#inOutage) member.start(held, from);
  }

  /**
   * Goes on where the group stands or, where rows were deleted before they were projected, with the
   * earliest left.
   */
  async #beginAgain(held: Held, error: Error): Promise<void> {
    const { clock, logger } = this.#options;
    const { topic, partition } = held;
    this.#unfetched.set(partitionKey(held), errorToData(error));
    const fields = { topic, partition, error: error.message };
    logger.warn(fields, 'feature rows of a partition cannot be fetched; trying again');
    await clock.sleep(backoffMs(held.fetchFailures), this.#closing.signal);
    held.fetchFailures += 1;
    held.position = undefined;
    await this.#begin(held);
    // Found again; anything else is cured only by a batch that comes.
    if (error instanceof UnavailableError) this.#unfetched.delete(partitionKey(held));
  }

  async #project(batch: FetchedBatch, held: Held, position: number): Promise<void> {
    try {
      held.highWatermark = batch.highWatermark;
      const observer = this.#problems.ofPartition(batch);
      for (const { atMs, rows } of this.#gate.partsOf(batch, position, observer)) {
        if (!(await this.#gate.opens(atMs))) return;
        await this.#upsertAll(rows, batch.topic);
      }
      // If the partition was rewound meanwhile, its position must not jump ahead again.
      if (held.position === position) held.position = batch.nextOffset;
    } catch (error) {
      this.#onStoreError(error);
    }
  }

  async #upsertAll(rows: readonly FeatureRow[], topic: string): Promise<void> {
    for (let at = 0; at < rows.length; at += rowsPerUpsert) {
      await this.#upsert(rows.slice(at, at + rowsPerUpsert), this.#views.get(topic));
    }
    this.#gate.countLate(rows);
    const { clock, metrics } = this.#options;
    for (const { window_end } of rows) {
      metrics.storedAgeSeconds.observe((clock.nowMs() - window_end) / 1_000);
    }
    const isBase = topic === this.#options.topics[0]?.topic;
    if (rows.length > 0 && isBase) this.#options.onRows?.(rows);
  }

  async #upsert(rows: readonly FeatureRow[], view: string | undefined): Promise<void> {
    const { metrics, store } = this.#options;
    const { written, skipped, refused = 0 } = await store.upsert(rows, view);
    metrics.projectedRows.inc({ result: 'written' }, written);
    metrics.projectedRows.inc({ result: 'skipped' }, skipped);
    metrics.projectedRows.inc({ result: 'refused' }, refused);
    this.#failuresInRow = 0;
    this.#answered();
  }

  #answered(): void {
    this.#answers += 1;
    this.#connected = true;
    this.#lastError = null;
  }

  #onStoreError(error: unknown): void {
    if (!isSensoriumError(error) || error.directive !== 'retry') {
      this.#options.onFailed(error);
      return;
    }
    this.#options.metrics.projectionFailures.inc();
    this.#connected = false;
    this.#lastError = errorToData(error);
    if (this.#inOutage || this.#closing.signal.aborted) return;
    this.#inOutage = true;
    this.#options.logger.warn({ error: error.message }, 'projection waits for the feature store');
    this.#guard(this.#sitOut());
  }

  /** Pings the store with backoff until it answers; then resumes every partition. */
  async #sitOut(): Promise<void> {
    const { clock, logger, store } = this.#options;
    const member = await this.#whenJoined;
    for (const held of this.#positions.all()) member.pause(held);
    while (!this.#connected) {
      // Only a successful write resets the backoff: a store may answer pings and refuse every
      // write.
      await clock.sleep(backoffMs(this.#failuresInRow), this.#closing.signal);
      this.#failuresInRow += 1;
      if (this.#closing.signal.aborted) return;
      try {
        await store.ping();
        this.#connected = true;
      } catch (error) {
        if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
        this.#lastError = errorToData(error);
        await this.#positions.refreshEnds();
      }
    }
    if (this.#closing.signal.aborted) return;
    this.#inOutage = false;
    logger.info({}, 'projection goes on');
    this.#rewind(member);
  }

  #rewind(member: GroupMember): void {
    this.#interruptions = this.#options.store.interruptions?.() ?? 0;
    this.#positions.rewind();
    for (const held of this.#positions.all()) {
      if (held.position !== undefined) member.start(held, held.position);
    }
  }

  async #commitRegularly(): Promise<void> {
    for (;;) {
      await this.#options.clock.sleep(commitIntervalMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      await this.#positions.commit();
    }
  }

  /**
   * Pings the store while no rows arrive, to notice an outage. An outage that began and ended
   * between two pings shows in the store's own count of interruptions.
   */
  async #pingWhenIdle(): Promise<void> {
    const { clock, store } = this.#options;
    const member = await this.#whenJoined;
    for (let answersSeen = 0; !this.#closing.signal.aborted;) {
      if (!this.#inOutage && this.#answers === answersSeen) {
        try {
          await store.ping();
          this.#answered();
        } catch (error) {
          if (!this.#closing.signal.aborted) this.#onStoreError(error);
        }
      }
      answersSeen = this.#answers;
      const interrupted = (store.interruptions?.() ?? 0) !== this.#interruptions;
      if (interrupted && !this.#inOutage) this.#rewind(member);
      await clock.sleep(pingIntervalMs, this.#closing.signal);
    }
  }

  /** A topic that is deleted and made again is projected from its earliest row. */
  async #followRemadeTopics(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      for (const held of await this.#positions.unsetRemade()) await this.#begin(held);
      await this.#options.clock.sleep(topicsLookMs, this.#closing.signal);
    }
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#options.onFailed(error);
    });
  }
}
