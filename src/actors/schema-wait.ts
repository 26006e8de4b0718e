// The wait of one session for the schema of its next record. The fold is a pure function of the
// log, so it never goes on by a timeout: a registry that does not answer is waited for, and its
// word that it has no such schema is journaled before the record becomes a dead letter.
import type { SchemaSource } from '../registry/schema-source.ts';
import type { TopicPartition } from '../records/record.ts';
import type { Decision } from './journal.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';

export interface SchemaWaitHost {
  readonly isReplaying: () => boolean;
  decide(decision: Decision): void;
}

type Context = Pick<ShardContext, 'clock' | 'logger' | 'metrics' | 'schemas'>;

const askReplayedMs = 5_000;

export class SchemaWait {
  readonly #context: Context;
  readonly #shard: TopicPartition;
  readonly #memory: ShardMemory;
  readonly #host: SchemaWaitHost;
  readonly #closing = new AbortController();
  #sinceMs: number | undefined;
  #told = false;

  constructor(context: Context, shard: TopicPartition, memory: ShardMemory, host: SchemaWaitHost) {
    this.#context = context;
    this.#shard = shard;
    this.#memory = memory;
    this.#host = host;
  }

  /** Resolves once the record can be folded or refused, or the session ends. */
  async until(schemaId: number): Promise<void> {
    const { schemas } = this.#context;
    if (schemas === undefined) return;
    this.#sinceMs = this.#context.clock.monotonicMs();
    try {
      await this.#load(schemaId, schemas);
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    } finally {
      this.#end();
    }
  }

  async #load(schemaId: number, schemas: SchemaSource): Promise<void> {
    const { clock, metrics } = this.#context;
    const { signal } = this.#closing;
    const onFailed = (error: Error): void => {
      metrics.schemaLookups.inc({ result: 'failed' });
      this.#tell(schemaId, error.message);
    };
    for (;;) {
      const result = await schemas.load(schemaId, { signal, onFailed });
      metrics.schemaLookups.inc({ result });
      if (result === 'loaded') return;
      if (!this.#host.isReplaying()) {
        return this.#host.decide({ kind: 'schema', schema_id: schemaId, known: false });
      }
      // The journal of these records does not say so: they were read with it.
      this.#tell(schemaId, `the registry has lost schema ${schemaId}, which this group has read`);
      await clock.sleep(askReplayedMs, signal);
      signal.throwIfAborted();
    }
  }

  /** A few times a second while the session is live: journals unknown schemas that exist now. */
  tick(): void {
    const { clock, metrics, schemas } = this.#context;
    if (schemas === undefined) return;
    if (this.#sinceMs !== undefined) {
      const waitedMs = clock.monotonicMs() - this.#sinceMs;
      metrics.schemaWaitSeconds.set(this.#labels(), waitedMs / 1_000);
    }
    const { unknownSchemas } = this.#memory;
    if (unknownSchemas.size === 0 || this.#host.isReplaying()) return;
    for (const id of [...unknownSchemas]) {
      if (schemas.find(id) === undefined) continue;
      this.#host.decide({ kind: 'schema', schema_id: id, known: true });
    }
    schemas.lookAgain(unknownSchemas);
  }

  close(): void {
    this.#closing.abort();
  }

  #end(): void {
    const { clock, logger, metrics } = this.#context;
    const waitedMs = clock.monotonicMs() - (this.#sinceMs ?? 0);
    this.#sinceMs = undefined;
    metrics.schemaWaitSeconds.remove(this.#labels());
    if (this.#told) logger.warn({ ...this.#shard, waitedMs }, 'the wait for a schema is over');
    this.#told = false;
  }

  #labels(): { topic: string; partition: string } {
    return { topic: this.#shard.topic, partition: String(this.#shard.partition) };
  }

  #tell(schemaId: number, reason: string): void {
    if (this.#told) return;
    this.#told = true;
    const fields = { ...this.#shard, offset: this.#memory.position, schemaId, reason };
    this.#context.logger.warn(fields, 'a shard waits for the schema of its next record');
  }
}
