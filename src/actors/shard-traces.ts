// The traces of one session: which sampled readings wait for their rows, and the span of the commit
// under way. Kept in memory only: after a recovery a row may lack its header, and nothing else.
//
//   sampled reading ──▶ row of its window, with the reading's traceparent
//   commit's span ──▶ linked to the sampled readings it covers; its own traceparent is on its first row
import { headerOf, sampledTraceparents } from '../codecs/traceparent.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import type { ClosedWindow } from '../sensors/shard-state.ts';
import type { BatchFolder } from './batch-folder.ts';
import type { ShardMemory } from './shard-memory.ts';
import { linksMax, type Tracer, type TraceSpan } from '../tracing/tracer.ts';

/** Most sensors of a shard whose newest sampled reading waits for its row. */
const waitingMax = 1_000;

interface Sampled {
  readonly offset: number;
  readonly traceparent: string;
}

/** Returns the traces of a session of `shard`; undefined where traces are off. */
export function shardTraces(
  tracer: Tracer | undefined,
  shard: TopicPartition,
): ShardTraces | undefined {
  return tracer === undefined ? undefined : new ShardTraces(tracer, shard);
}

export class ShardTraces {
  readonly #tracer: Tracer;
  readonly #shard: TopicPartition;
  readonly #waiting = new Map<string, Sampled>();
  #links: string[] = [];
  #looked: FetchedBatch | undefined;
  /** For the next row that is made. */
  #commitTraceparent: string | undefined;

  constructor(tracer: Tracer, shard: TopicPartition) {
    this.#tracer = tracer;
    this.#shard = shard;
  }

  /** Notes the sampled records of a batch that is about to be folded, once a batch. */
  look(batch: FetchedBatch, memory: ShardMemory, folder: Pick<BatchFolder, 'sensorOf'>): void {
    if (this.#looked === batch) return;
    this.#looked = batch;
    for (const { traceparent, record } of sampledTraceparents(batch, memory.position)) {
      if (this.#links.length < linksMax) this.#links.push(traceparent);
      const sensorId = folder.sensorOf(memory, record);
      if (sensorId !== undefined) this.#wait(sensorId, { traceparent, offset: record.offset });
    }
  }

  /** Begins the span of a commit up to `nextOffset`. */
  begin(nextOffset: number): TraceSpan {
    const { topic, partition } = this.#shard;
    const links = this.#links;
    this.#links = [];
    const attributes = {
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'sensorium.position': nextOffset,
    };
    const span = this.#tracer.begin('commit', links, attributes);
    this.#commitTraceparent = span.traceparent;
    return span;
  }

  /** Returns `record`, the row of `window`, with the header that is due on it. */
  onRow(window: ClosedWindow, record: OutputRecord): OutputRecord {
    const traceparent = this.#sampledIn(window) ?? this.#commitTraceparent;
    if (traceparent === undefined) return record;
    if (traceparent === this.#commitTraceparent) this.#commitTraceparent = undefined;
    return { ...record, headers: [...(record.headers ?? []), headerOf(traceparent)] };
  }

  #sampledIn({
    idBytes,
    idStart,
    idEnd,
    firstOffset,
    lastOffset,
  }: ClosedWindow): string | undefined {
    if (this.#waiting.size === 0) return undefined;
    const sensorId = Buffer.from(idBytes.subarray(idStart, idEnd)).toString();
    const sampled = this.#waiting.get(sensorId);
    if (sampled === undefined) return undefined;
    const isInWindow = firstOffset <= sampled.offset && sampled.offset <= lastOffset;
    return isInWindow ? sampled.traceparent : undefined;
  }

  /** A sensor waits with its newest sampled reading; those that waited longest make room. */
  #wait(sensorId: string, sampled: Sampled): void {
    this.#waiting.delete(sensorId);
    this.#waiting.set(sensorId, sampled);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > waitingMax && oldest !== undefined) this.#waiting.delete(oldest);
  }
}
