// Bodies of readings are cut into their entries whatever their layout: each entry is what its
// writer wrote, and no body, however broken, is lost without an entry.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { entriesOfBody } from '../../src/codecs/json-entries.ts';
import { holds, runs, titled } from '../seed.ts';

const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), {
  minLength: 1,
});
const indents = fc.constantFrom(undefined, 1, '\t');
const valuesOf = (body: Uint8Array): unknown[] =>
  entriesOfBody(body).map(({ value }) => JSON.parse(Buffer.from(value).toString()) as unknown);
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

it(titled('an array, its lines and each value alone give the same entries'), async () => {
  await holds(
    fc.property(objects, indents, fc.constantFrom('\n', '\r\n', '\n\n'), (values, indent, end) => {
      const array = Buffer.from(JSON.stringify(values, null, indent));
      const lines = Buffer.from(values.map((value) => JSON.stringify(value)).join(end));
      const [first] = values;

      expect(valuesOf(array)).toEqual(plain(values));
      expect(valuesOf(lines)).toEqual(plain(values));
      expect(valuesOf(Buffer.from(`\uFEFF ${JSON.stringify(first, null, indent)}`))).toEqual([
        plain(first),
      ]);
    }),
    runs(500),
  );
});

it(
  titled('a body that is no JSON has an entry for everything in it but blanks and commas'),
  async () => {
    const pieces = fc.array(
      fc.oneof(fc.constantFrom('[', ']', '{', '}', ',', '"', '\\', '\n', ' '), fc.string()),
    );
    await holds(
      fc.property(pieces, (parts) => {
        const body = Buffer.from(parts.join(''));
        const kept = entriesOfBody(body).reduce((sum, { value }) => sum + value.length, 0);
        const syntax = body.filter((byte) => ' \n\r\t,[]'.includes(String.fromCharCode(byte)));

        expect(kept).toBeGreaterThanOrEqual(body.length - syntax.length - 3);
        for (const { line } of entriesOfBody(body)) expect(line).toBeGreaterThan(0);
      }),
      runs(500),
    );
  },
);
