// Declarations with the place of each of their fields, and records of one schema that has them: what
// the arbitraries of Avro and Protobuf share.
import fc, { type GeneratorValue } from 'fast-check';

import type { ModelRecord, WrittenDeclaration } from '../models/input-model.ts';
import { anyDeclaration, recordTimeMs } from './declared-records.ts';
import { anyChanges, changed } from './json-records.ts';

export type Role = 'id' | 'time' | 'value' | 'metric' | 'other';

/** A field of a schema at the end of a path, or on the way to others. */
export interface Place {
  readonly role: Role;
  /** By name; `[]` for the elements of an array. */
  readonly inner: Map<string, Place>;
}

/** Times that are neither late nor far ahead. */
export const nearMs: fc.Arbitrary<number> = fc.integer({
  min: recordTimeMs - 90_000,
  max: recordTimeMs + 10_000,
});

export interface SchemaRecords {
  readonly declaration: WrittenDeclaration;
  readonly schema: string;
  /** Without the header of a schema. */
  readonly records: readonly ModelRecord[];
}

function placesOf(declaration: WrittenDeclaration): Place {
  const root: Place = { role: 'other', inner: new Map() };
  const put = (path: string, role: Role): void => {
    let place = root;
    const steps = path.match(/\[\d+\]|[^.[\]]+/g) ?? [];
    for (const [index, step] of steps.entries()) {
      // Elements of an array have one type.
      const name = step.startsWith('[') ? '[]' : step;
      const next = place.inner.get(name) ?? {
        ...{ role: index === steps.length - 1 ? role : 'other', inner: new Map<string, Place>() },
      };
      place.inner.set(name, next);
      place = next;
    }
  };
  const { id, metric, time, value, values } = declaration;
  for (const path of [id].flat()) if (path !== '$key') put(path, 'id');
  if (time !== '$time') put(time, 'time');
  if (metric !== undefined) put(metric, 'metric');
  if (value !== undefined) put(value, 'value');
  if (typeof values === 'object') for (const path of Object.values(values)) put(path, 'value');
  if (typeof values === 'string') {
    for (const name of ['a', 'm1', 'm2']) put(values.replace('*', name), 'value');
  }
  return root;
}

/**
 * Returns a declaration, a schema that `write` makes of its places, and records of it that differ in
 * what was changed of them.
 */
export function schemaRecords(
  write: (
    places: Place,
    g: GeneratorValue,
  ) => {
    readonly schema: string;
    readonly record: () => Buffer;
  },
): fc.Arbitrary<SchemaRecords> {
  return fc
    .tuple(
      // Names in schemas are ASCII.
      anyDeclaration.filter((declaration) => !JSON.stringify(declaration).includes('é')),
      fc.gen(),
      fc.array(anyRecord, { minLength: 1, maxLength: 5 }),
    )
    .map(([declaration, g, records]) => {
      const { schema, record } = write(placesOf(declaration), g);
      return {
        ...{ declaration, schema },
        records: records.map(({ key, timestampMs, changes }) => ({
          ...{ key, timestampMs },
          value: changes === null ? record() : changed(record(), changes),
        })),
      };
    });
}

const anyRecord = fc.record({
  key: fc.oneof(
    { weight: 6, arbitrary: fc.constant('dev') },
    { weight: 2, arbitrary: fc.constantFrom('dev/dev', 'dev/dev/dev') },
    fc.constantFrom(null, '7', ''),
  ),
  timestampMs: fc.oneof(
    { weight: 9, arbitrary: fc.constant(recordTimeMs) },
    fc.constantFrom(-1, 0, recordTimeMs - 400_000),
  ),
  changes: fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, anyChanges),
});
