// The audit: recomputes a group's windows from the log and compares them with the rows of the topic
// and of the store.
//
//   cut: each shard's committed position ─▶ read the topic to its end ─▶ fold every shard to its cut, compare each window
//                                                                  ─▶ judge the remaining rows ─▶ compare the store
//
// The topic is read after the cut, so it holds every row up to the cut. The watermark at the cut
// tells rows of later commits apart.
import { featureRowRecord } from '../actors/output-records.ts';
import { wholeMetadata } from '../actors/position-metadata.ts';
import { readCommittedShard, type CommittedShard } from '../actors/restore.ts';
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { partitionKey } from '../records/partition-key.ts';
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
  /** Topics of feature rows, one per window length; the store is compared with the base's. */
  readonly featureTopics: readonly [base: string, ...larger: string[]];
  readonly projectionGroupId: string;
  readonly sampled: SensorSample;
  /** Audits windows that start at or after `fromMs` and end at or before `toMs`. Default: all. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** `newest` starts at the newest snapshots, for continuous audits. */
  readonly reach?: 'newest';
  encodeFeatureRow(window: ClosedWindow, shard: TopicPartition): Uint8Array;
  onProgress?(done: number, total: number): void;
}

export interface AuditRound {
  readonly windows: number;
  readonly sensorsInStore: number;
  readonly findings: readonly Finding[];
  /** Number of findings beyond those listed. */
  readonly findingsLeftOut: number;
  /** Checks that were not possible, each with the reason. */
  readonly unchecked: readonly string[];
}

const findingsMax = 1_000;

/** The audit of one group. Each `round` continues where the last one stopped. */
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
   * Finds the starting point of each shard.
   * @throws ConfigError if there is none: the settings differ, or the log lost the records.
   */
  async open(): Promise<void> {
    const { fromMs, reach } = this.#options;
    await this.#openShards({ reach: reach ?? fromMs ?? 'oldest' });
  }

  /** Folds to the committed positions without comparing; later rounds compare what follows. */
  async prime(): Promise<void> {
    // Record the start before the cut: rows committed in between are then read, and recognized as
    // older than the first round.
    // A commit that is out in part counts as committed whole: nothing tells which of its rows were
    // there before the start.
    for (const rows of this.#rows.values()) await rows.skipToEnd();
    const cut = [...(await this.#cut())].map(([audited, each]) => [audited, whole(each)] as const);
    await this.#fold(new Map(cut), () => undefined);
    for (const audited of this.shards) {
      audited.startWatermarkMs = audited.start.memory.state.watermarkMs;
      this.#passedToMs = Math.max(this.#passedToMs, audited.startWatermarkMs);
    }
    this.#takeRound();
  }

  /**
   * Compares everything the group has committed so far.
   * @throws UnavailableError, ConfigError
   */
  async round(): Promise<AuditRound> {
    const cut = await this.#cut();
    for (const rows of this.#rows.values()) await rows.readOn();
    await this.#fold(cut, (record) => this.#compare(record));
    // A shard may have committed its first rows after the cut.
    await this.#openShards({ reach: 'oldest' });
    for (const rows of this.#rows.values()) this.#judgeRest(rows);
    if (this.#expired > 0) {
      this.#unchecked.push(`${this.#expired} rows that retention has deleted from their topic`);
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
    // A shard without a commit so far is audited from its origin.
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
    // Retention deletes the oldest rows: a row older than the sensor's oldest may have existed.
    if (someExpired && expected.window_end < oldest) this.#expired += 1;
    else this.#add({ kind: 'missing', ...place(expected, rows.topic) });
  }

  /** Judges rows that the fold did not produce: of a later commit, before the audit, or extra. */
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

function whole({ committedOffset, metadata, ...shard }: CommittedShard): CommittedShard {
  const offset = metadata.partial?.offset ?? committedOffset;
  return { ...shard, committedOffset: offset, metadata: wholeMetadata(metadata) };
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
