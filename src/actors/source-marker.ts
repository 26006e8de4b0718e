// Source markers: how a source tells the rekeyed shards how far its event time has come while it
// has nothing to forward. A commit carries them when the clock they state has changed.
import { forwardGroupHeader } from '../codecs/forward-group.ts';
import type { OutputRecord, TopicPartition } from '../log/event-log.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import { encodeSourceClock, sourceHeader } from './source-clocks.ts';

export interface SourceMarkerParts {
  readonly context: ShardContext;
  readonly shard: TopicPartition;
  readonly memory: ShardMemory;
}

export class SourceMarker {
  /** Set once the session has checked that the source is caught up and quiet. */
  sourceIdle = false;
  readonly #parts: SourceMarkerParts;
  #last = '';

  constructor(parts: SourceMarkerParts) {
    this.#parts = parts;
  }

  get changed(): boolean {
    return this.text() !== this.#last;
  }

  /** Returns the clock to state; '' if there is none, or nobody to hear it. */
  text(): string {
    const { context, shard, memory } = this.#parts;
    if (memory.role !== 'source' || !context.rekeying.active) return '';
    const silent = memory.sourceMaxMs === -Infinity;
    if (silent && !this.sourceIdle) return this.#last;
    const time = this.sourceIdle ? 'idle' : memory.sourceMaxMs;
    return encodeSourceClock({ source: shard.partition, sources: context.sourcePartitions, time });
  }

  /** Returns the records of a commit that states `text`: none if the last commit stated the same. */
  records(text: string): readonly OutputRecord[] {
    if (text === this.#last) return [];
    const { context } = this.#parts;
    const headers = [
      forwardGroupHeader(context.settings.groupId),
      { key: sourceHeader, value: Buffer.from(text) },
    ];
    return Array.from({ length: context.rekeyedPartitions }, (_, partition) => ({
      topic: context.topics.rekeyed,
      partition,
      key: null,
      value: null,
      headers,
    }));
  }

  /** The commit that states `text` has succeeded. */
  committed(text: string): void {
    this.#last = text;
  }
}
