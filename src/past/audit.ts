// The audit: the windows of a group folded again from the log, and held against the rows of the
// topic and of the store.
//
//   cut: what each shard has committed ─▶ read the topic to its end ─▶ fold every shard to its cut, compare each window
//                                                                ─▶ judge the rows nobody folded ─▶ compare the store
//
// The topic is read after the cut, so every row of a cut is in it; rows of later commits are known
// by the watermark.
import { featureRowRecord } from '../actors/output-records.ts';
import { readCommittedShard, type CommittedShard } from '../actors/restore.ts';
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import type { OutputRecord, TopicPartition } from '../log/event-log.ts';
import { partitionsOf } from '../log/partitioning.ts';
import { partitionKey } from '../log/partition-key.ts';
import type { PastContext } from './past-context.ts';
import type { ClosedWindow } from '../sensors/shard-state.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import {
  foldToCommitted,
  openAuditedShard,
  type AuditedShard,
  type ShardStart,
} from './audited-shard.ts';
import { readingsOf, rowDifferences, type Finding } from './finding.ts';
import type { SensorSample } from './sensor-sample.ts';
import { compareStore } from './store-rows.ts';
import { TopicRows, windowKey, type TopicRow } from './topic-rows.ts';

export interface AuditOptions {
  readonly context: PastContext;
  readonly store: FeatureStore;
  /**
   * The topics of feature rows by window length, the base's first; the store is held against that
   * one.
   */
  readonly featureTopics: readonly [base: string, ...larger: string[]];
  readonly projectionGroupId: string;
  readonly sampled: SensorSample;
  /**
   * Windows that begin at it or later, and end at `toMs` or earlier, ms; left out, all that the log
   * can give.
   */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** `newest`: from the newest snapshots on, for audits that go on. */
  readonly reach?: 'newest';
  encodeFeatureRow(window: ClosedWindow, shard: TopicPartition): Uint8Array;
  onProgress?(done: number, total: number): void;
}

export interface AuditRound {
  readonly windows: number;
  readonly sensorsInStore: number;
  readonly findings: readonly Finding[];
  /** How many findings there were beyond those that are listed. */
  readonly findingsLeftOut: number;
  /** What could not be checked, and why. */
  readonly unchecked: readonly string[];
}

const findingsMax = 1_000;

/**
 * One group under audit; `round` may be called again and goes on from where the last one stopped.
 */
export class Audit {
  readonly shards: AuditedShard[] = [];
  readonly #options: AuditOptions;
  readonly #base: TopicRows;
  readonly #rows: ReadonlyMap<string, TopicRows>;
  #findings: Finding[] = [];
  #findingsLeftOut = 0;
  #unchecked: string[] = [];
  #windows = 0;
  #passedToMs = -Infinity;
  #expired = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    const [base, ...larger] = options.featureTopics;
    this.#base = this.#rowsOf(base);
    this.#rows = new Map([
      [base, this.#base],
      ...larger.map((topic) => [topic, this.#rowsOf(topic)] as const),
    ]);
  }

  /**
   * Finds where each shard begins.
   * @throws ConfigError where one cannot: other semantics, or a log too short
   */
  async open(): Promise<void> {
    const { fromMs, reach } = this.#options;
    await this.#openShards({ reach: reach ?? fromMs ?? 'oldest' });
  }

  /** Folds silently to what is committed now: later rounds compare what comes after. */
  async prime(): Promise<void> {
    // Passed over before the cut: of what is committed between the two, the rows are read and known
    // as folded here.
    for (const rows of this.#rows.values()) await rows.skipToEnd();
    await this.#fold(await this.#cut(), () => undefined);
    for (const audited of this.shards) {
      audited.startWatermarkMs = audited.start.memory.state.watermarkMs;
      this.#passedToMs = Math.max(this.#passedToMs, audited.startWatermarkMs);
    }
    this.#takeRound();
  }

  /**
   * Compares everything that the group has committed by now.
   * @throws UnavailableError, ConfigError
   */
  async round(): Promise<AuditRound> {
    const cut = await this.#cut();
    for (const rows of this.#rows.values()) await rows.readOn();
    await this.#fold(cut, (record) => this.#compare(record));
    // Again: the first rows of a shard may have come after the cut.
    await this.#openShards({ reach: 'oldest' });
    for (const rows of this.#rows.values()) this.#judgeRest(rows);
    if (this.#expired > 0) {
      this.#unchecked.push(`${this.#expired} rows that retention deleted from their topic`);
    }
    const { context, store, projectionGroupId: groupId } = this.#options;
    const { compared, unchecked } = await compareStore(
      { log: context.log, store, groupId, rows: this.#base, passedToMs: this.#passedToMs },
      (finding) => this.#add(finding),
    );
    this.#unchecked.push(...unchecked);
    for (const { outOfReach } of this.shards) {
      if (outOfReach !== undefined) this.#unchecked.push(`windows before: ${outOfReach}`);
    }
    return { ...this.#takeRound(), sensorsInStore: compared };
  }

  async #openShards(start: ShardStart): Promise<void> {
    const known = new Set(this.shards.map(({ shard }) => partitionKey(shard)));
    for (const shard of shardsOf(this.#options.context)) {
      if (known.has(partitionKey(shard))) continue;
      const audited = await openAuditedShard(this.#options.context, shard, start);
      if (audited !== undefined) this.shards.push(audited);
    }
  }

  async #cut(): Promise<ReadonlyMap<AuditedShard, CommittedShard>> {
    // Of a shard that had committed nothing so far, everything came since.
    await this.#openShards({ reach: 'oldest' });
    const cut = new Map<AuditedShard, CommittedShard>();
    for (const audited of this.shards) {
      const committed = await readCommittedShard(this.#options.context, audited.shard);
      if (committed !== undefined) cut.set(audited, committed);
    }
    return cut;
  }

  async #fold(
    cut: ReadonlyMap<AuditedShard, CommittedShard>,
    compare: (record: OutputRecord) => void,
  ): Promise<void> {
    const { context, onProgress } = this.#options;
    let total = 0;
    let done = 0;
    for (const [{ start }, { committedOffset }] of cut) {
      total += Math.max(0, committedOffset - start.memory.position);
    }
    for (const [audited, committed] of cut) {
      const { shard } = audited;
      const encode = featureRowRecord(this.#options, shard);
      await foldToCommitted(context, audited, committed, {
        windowClosed: (window) => {
          if (this.#inRange(window.windowStartMs, window.windowEndMs)) compare(encode(window));
        },
        snapshotDiffers: (offset) =>
          this.#add({
            kind: 'snapshot_mismatch',
            row: `${shard.topic}/${shard.partition}@${offset}`,
          }),
        progress: (records) => onProgress?.((done += records), total),
      });
    }
  }

  #compare({ topic, key, value }: OutputRecord): void {
    const sensorId = Buffer.from(key ?? []).toString();
    const rows = this.#rows.get(topic);
    if (value === null || rows === undefined || !this.#options.sampled(sensorId)) return;
    this.#windows += 1;
    const expected = decodeFeatureRow(value);
    const name = windowKey(expected.lineage, expected.window_start, sensorId);
    const found = rows.found.get(name);
    if (found === undefined) return this.#missing(rows, expected);
    rows.forget(name);
    for (const [index, row] of found.entries()) {
      if (index > 0) this.#add({ kind: 'doubled', ...place(expected, rows.topic, row) });
      if (Buffer.compare(row.bytes, value) === 0) continue;
      for (const difference of rowDifferences(expected, decodeFeatureRow(row.bytes))) {
        this.#add({ kind: 'mismatch', ...place(expected, rows.topic, row), ...difference });
      }
    }
  }

  #missing(rows: TopicRows, expected: FeatureRow): void {
    const oldest = rows.oldestEndMs.get(expected.sensor_id) ?? Infinity;
    const someExpired = [...rows.earliest.values()].some((earliest) => earliest > 0);
    // Retention deletes from the front: what is older than the sensor's oldest row may have been
    // there.
    if (someExpired && expected.window_end < oldest) this.#expired += 1;
    else this.#add({ kind: 'missing', ...place(expected, rows.topic) });
  }

  /** Rows that no fold gave: of a later commit, of before the audit began to look, or of nobody. */
  #judgeRest(rows: TopicRows): void {
    const byPlace = new Map(
      this.shards.map((audited) => [
        partitionKey(audited.shard),
        { from: audited.startWatermarkMs, to: audited.start.memory.state.watermarkMs },
      ]),
    );
    for (const [name, all] of rows.found) {
      for (const [index, found] of all.entries()) {
        const row = decodeFeatureRow(found.bytes);
        const seen = byPlace.get(partitionKey(row.lineage));
        const later = seen !== undefined && row.window_end > seen.to;
        if (later) break;
        if (index === 0) rows.forget(name);
        const before = seen !== undefined && row.window_end <= seen.from;
        if (!before) this.#add({ kind: 'extra', ...place(row, rows.topic, found) });
      }
    }
  }

  #rowsOf(topic: string): TopicRows {
    const { context, sampled } = this.#options;
    return new TopicRows({
      log: context.log,
      topic,
      wanted: (row) => this.#inRange(row.window_start, row.window_end),
      sampled,
      unreadable: (row, reason) => this.#add({ kind: 'unreadable', row, found: reason }),
    });
  }

  #inRange(startMs: number, endMs: number): boolean {
    const { fromMs = -Infinity, toMs = Infinity } = this.#options;
    return startMs >= fromMs && endMs <= toMs;
  }

  #add(finding: Finding): void {
    if (this.#findings.length < findingsMax) this.#findings.push(finding);
    else this.#findingsLeftOut += 1;
  }

  #takeRound(): Omit<AuditRound, 'sensorsInStore'> {
    const taken = {
      windows: this.#windows,
      findings: this.#findings,
      findingsLeftOut: this.#findingsLeftOut,
      unchecked: this.#unchecked,
    };
    this.#findings = [];
    this.#unchecked = [];
    this.#findingsLeftOut = this.#windows = this.#expired = 0;
    return taken;
  }
}

function place(row: FeatureRow, topic: string, found?: TopicRow): Omit<Finding, 'kind'> {
  const { sensor_id, window_start, window_end } = row;
  const at = found === undefined ? {} : { row: `${topic}/${found.partition}@${found.offset}` };
  return { sensor_id, window_start, window_end, ...at, readings: readingsOf(row) };
}

function shardsOf(context: PastContext): readonly TopicPartition[] {
  const { topics, sourcePartitions, rekeyedPartitions } = context;
  return [
    ...partitionsOf(topics.input, sourcePartitions),
    ...partitionsOf(topics.rekeyed, rekeyedPartitions),
  ];
}
