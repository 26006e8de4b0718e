// The reader of Avro against avsc's, over any schema and value; and against any bytes at all, which
// it refuses or reads within bounds.
import avro from 'avsc';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { compileAvro } from '../../src/codecs/avro-value.ts';
import { DecodeError } from '../../src/errors.ts';
import { holds, runs, titled } from '../seed.ts';

interface Written {
  readonly schema: unknown;
  /** As avsc takes it, unions wrapped. */
  readonly value: unknown;
  /** As JSON of the plain value. */
  readonly plain: unknown;
}

const leaf = fc.oneof(
  fc.constant<Written>({ schema: 'null', value: null, plain: null }),
  fc.boolean().map((value): Written => ({ schema: 'boolean', value, plain: value })),
  fc.integer().map((value): Written => ({ schema: 'int', value, plain: value })),
  fc.maxSafeInteger().map((value): Written => {
    // avsc writes these exactly; the unit tests have the rest of 64 bits.
    const long = Math.trunc(value / 4);
    return { schema: 'long', value: long, plain: long + 0 };
  }),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value): Written => ({ schema: 'double', value, plain: value + 0 })),
  fc
    .string({ unit: 'grapheme' })
    .map((value): Written => ({ schema: 'string', value, plain: value })),
  fc.uint8Array({ maxLength: 9 }).map((bytes): Written => {
    const value = Buffer.from(bytes);
    return { schema: 'bytes', value, plain: value.toString('hex') };
  }),
);

/** A schema and a value of it; `depth` bounds the nesting, `name` makes its types' names unique. */
function written(depth: number, name: string): fc.Arbitrary<Written> {
  if (depth === 0) return leaf;
  const fields = fc
    .integer({ min: 0, max: 4 })
    .chain((count) =>
      fc.tuple(
        ...Array.from({ length: count }, (_, index) => written(depth - 1, `${name}${index}`)),
      ),
    );
  const record = fields.map((members): Written => {
    const named = members.map((member, index) => ({ ...member, field: `f${index}` }));
    return {
      schema: {
        ...{ type: 'record', name },
        fields: named.map(({ field, schema }) => ({ name: field, type: schema })),
      },
      value: Object.fromEntries(named.map(({ field, value }) => [field, value])),
      plain: Object.fromEntries(named.map(({ field, plain }) => [field, plain])),
    };
  });
  const array = fc
    .tuple(written(depth - 1, `${name}i`), fc.integer({ min: 0, max: 3 }))
    .map(([{ schema, value, plain }, count]): Written => ({
      schema: { type: 'array', items: schema },
      value: Array.from({ length: count }, () => value),
      plain: Array.from({ length: count }, () => plain),
    }));
  const map = fc
    .tuple(written(depth - 1, `${name}m`), fc.uniqueArray(fc.string(), { maxLength: 3 }))
    .map(([{ schema, value, plain }, keys]): Written => ({
      schema: { type: 'map', values: schema },
      value: Object.fromEntries(keys.map((key) => [key, value])),
      plain: Object.fromEntries(keys.map((key) => [key, plain])),
    }));
  const union = fc.boolean().map((flag): Written => ({
    schema: ['null', 'boolean', { type: 'fixed', name: `${name}x`, size: 2 }],
    value: flag ? { boolean: flag } : { [`${name}x`]: Buffer.from([1, 255]) },
    plain: flag ? flag : '01ff',
  }));
  return fc.oneof(leaf, record, array, map, union);
}

const example = written(3, 'R');

function read(schema: unknown, bytes: Buffer): unknown {
  const reader = compileAvro(JSON.stringify(schema), { references: [], timeUnit: 'ms' });
  return reader(bytes, 0, bytes.length);
}

it(titled('what another library writes is read as it was, whatever the schema'), async () => {
  await holds(
    fc.property(example, ({ schema, value, plain }) => {
      const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: true });

      const found = read(schema, type.toBuffer(value));

      expect(JSON.stringify(found)).toBe(JSON.stringify(plain));
    }),
    runs(300),
  );
});

it(titled('any bytes are read or refused, and never more than the record is read'), async () => {
  await holds(
    fc.property(example, fc.uint8Array({ maxLength: 40 }), ({ schema }, bytes) => {
      const surrounded = Buffer.concat([Buffer.from(bytes), Buffer.alloc(64, 0xff)]);
      const reader = compileAvro(JSON.stringify(schema), { references: [], timeUnit: 'ms' });
      const outcome = (record: Buffer): string => {
        try {
          return JSON.stringify(reader(record, 0, bytes.length));
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
          return String(error);
        }
      };

      expect(outcome(surrounded)).toBe(outcome(Buffer.from(bytes)));
    }),
    runs(300),
  );
});
