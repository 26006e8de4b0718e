// The schemas of a thread, by id. The fold reads them at once or not at all, so what it lacks is
// loaded before it goes on. Ids are immutable, so a schema stays right for as long as it is kept,
// and a registry that is away stops nobody whose schemas are here.
import { backoffMs } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { writerSchema, type WriterSchema } from '../../codecs/writer-schema.ts';
import { UnavailableError } from '../../errors.ts';
import type { TimeUnit } from '../../sensors/input-declaration.ts';
import type { RegistryClient } from './registry-client.ts';
import type { LoadOptions, SchemaSource } from '../schema-source.ts';

/** More than this, those used longest ago are dropped, and loaded again where they are needed. */
export const schemasMax = 1_000;
/** A registry's followers may learn of a schema later than the producer that registered it. */
const graceMs = 2_000;
/** Within it no second id gets its time of grace: a flood of unknown ids must not stop a shard. */
const graceEveryMs = 10_000;
const askAgainMs = 10_000;

export class SchemaCache implements SchemaSource {
  readonly #client: RegistryClient;
  readonly #timeUnit: TimeUnit;
  readonly #clock: Clock;
  readonly #schemas: Map<number, WriterSchema> = new Map();
  readonly #loading: Map<number, Promise<boolean>> = new Map();
  #graceMs = -Infinity;
  #lookedMs = -Infinity;

  constructor(client: RegistryClient, timeUnit: TimeUnit, clock: Clock) {
    this.#client = client;
    this.#timeUnit = timeUnit;
    this.#clock = clock;
  }

  get size(): number {
    return this.#schemas.size;
  }

  find(id: number): WriterSchema | undefined {
    const schema = this.#schemas.get(id);
    if (schema === undefined || this.#schemas.size < schemasMax) return schema;
    this.#schemas.delete(id);
    this.#schemas.set(id, schema);
    return schema;
  }

  async load(id: number, { onFailed, signal }: LoadOptions): Promise<'loaded' | 'unknown'> {
    let graceEndMs: number | undefined;
    for (let tries = 0; ; tries += 1) {
      signal.throwIfAborted();
      try {
        if (await this.#ask(id)) return 'loaded';
        graceEndMs ??= this.#graceEnd();
        if (this.#clock.monotonicMs() >= graceEndMs) return 'unknown';
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        onFailed(error);
      }
      await this.#clock.sleep(backoffMs(tries), signal);
    }
  }

  lookAgain(ids: Iterable<number>): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedMs < askAgainMs) return;
    this.#lookedMs = nowMs;
    void this.#askAll([...ids].filter((id) => this.find(id) === undefined));
  }

  /** Until when an id that the registry does not know yet is asked for again. */
  #graceEnd(): number {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#graceMs < graceEveryMs) return nowMs;
    this.#graceMs = nowMs;
    return nowMs + graceMs;
  }

  async #askAll(ids: readonly number[]): Promise<void> {
    try {
      for (const id of ids) await this.#ask(id);
    } catch (error) {
      // The next look asks again.
      if (!(error instanceof UnavailableError)) throw error;
    }
  }

  /** One question at a time for each id, whichever shards ask. */
  #ask(id: number): Promise<boolean> {
    const asked = this.#loading.get(id);
    if (asked !== undefined) return asked;
    const asking = this.#fetch(id).finally(() => this.#loading.delete(id));
    this.#loading.set(id, asking);
    return asking;
  }

  async #fetch(id: number): Promise<boolean> {
    const schema = await this.#client.schema(id);
    if (schema === undefined) return false;
    const reader = await writerSchema(schema, this.#timeUnit);
    const [oldest] = this.#schemas.keys();
    if (this.#schemas.size >= schemasMax && oldest !== undefined) this.#schemas.delete(oldest);
    this.#schemas.set(id, reader);
    return true;
  }
}
