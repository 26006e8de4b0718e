// The schema ids that the registry was asked for and did not have. Whether it has one is no
// function of the log, so each answer is journaled; records of these ids are dead letters until the
// journal says that the schema exists.
import type { ShardMemory } from './shard-memory.ts';

/** An older one is forgotten beyond this, and asked for again where a record names it. */
export const unknownSchemasMax = 1_000;

/** Notes what the journal says of a schema. */
export function noteSchema(
  { unknownSchemas }: ShardMemory,
  schemaId: number,
  known: boolean,
): void {
  unknownSchemas.delete(schemaId);
  if (known) return;
  unknownSchemas.add(schemaId);
  const [oldest] = unknownSchemas;
  if (unknownSchemas.size > unknownSchemasMax && oldest !== undefined)
    unknownSchemas.delete(oldest);
}
