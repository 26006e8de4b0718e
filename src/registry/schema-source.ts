// The port of a schema registry as the fold sees it: schemas by their immutable ids. Types only.
import type { WriterSchemas } from '../codecs/writer-schema.ts';
import type { UnavailableError } from '../errors.ts';

export interface LoadOptions {
  /** Called for each time that the registry does not answer; it is asked again. */
  onFailed(error: UnavailableError): void;
  readonly signal: AbortSignal;
}

export interface SchemaSource extends WriterSchemas {
  /** Schemas that are kept. */
  readonly size: number;
  /**
   * Loads a schema, so that `find` has it. Waits for a registry that does not answer; resolves with
   * `unknown` only once the registry says so.
   * @throws the signal's reason once it aborts.
   */
  load(id: number, options: LoadOptions): Promise<'loaded' | 'unknown'>;
  /** Asks, from time to time and in the background, whether schemas that were unknown exist now. */
  lookAgain(ids: Iterable<number>): void;
}
