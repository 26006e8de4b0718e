// JSON record values: readings, what is nearly one, and scrap.
import fc from 'fast-check';

const blank = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', ' ') },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r') }) },
);
const anyDouble = fc.double({ noNaN: true, noDefaultInfinity: true });
const digits = fc.string({
  unit: fc.constantFrom(...'0123456789'.split('')),
  minLength: 1,
  maxLength: 25,
});
export const numberText: fc.Arbitrary<string> = fc.oneof(
  anyDouble.map((value) => JSON.stringify(value)),
  fc.maxSafeInteger().map(String),
  fc.double({ min: -100, max: 100, noNaN: true }).map((value) => JSON.stringify(value)),
  // Mostly a JSON number, sometimes not quite: leading zeros, missing digits.
  fc
    .tuple(
      fc.constantFrom('', '-', '+'),
      fc.oneof(digits, fc.constant('0')),
      fc.oneof(
        fc.constant(''),
        digits.map((d) => `.${d}`),
        fc.constant('.'),
      ),
      fc.oneof(
        fc.constant(''),
        fc.integer({ min: -400, max: 400 }).map((e) => `e${e}`),
        fc.constantFrom('E+1', 'e', 'e-', 'E05'),
      ),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(
    '-0',
    '1e150',
    '-1e150',
    '1e999',
    'NaN',
    'Infinity',
    '-',
    '.5',
    '9007199254740993',
  ),
);
const anyText = fc.string({ unit: 'binary' });
const escaped = anyText.map(
  (text) =>
    `"${text
      .split('')
      .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')}"`,
);
const stringText = fc.oneof(
  fc.string({ unit: 'grapheme-ascii' }).map((text) => JSON.stringify(text)),
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  anyText.map((text) => JSON.stringify(text)),
  fc.integer({ min: 250, max: 260 }).map((length) => JSON.stringify('i'.repeat(length))),
  escaped,
);
const literal = fc.constantFrom('true', 'false', 'null', 'tru', 'nulll');
const nested = fc.jsonValue().map((value) => JSON.stringify(value));
const anyValue = fc.oneof(numberText, stringText, literal, nested);
const otherKey = fc.oneof(
  stringText,
  fc.constantFrom(
    '"valu"',
    '"values"',
    '"sensor_ie"',
    '"timestamps"',
    '"val\\u0075e"',
    '"__proto__"',
  ),
);

/**
 * One `key : value` with whitespace anywhere; `typical` in most, so that most objects are nearly
 * readings.
 */
const field = (key: fc.Arbitrary<string>, typical: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(blank, key, blank, blank, fc.oneof({ weight: 7, arbitrary: typical }, anyValue), blank)
    .map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`);
const sensorId = field(fc.constant('"sensor_id"'), stringText);
const timestamp = field(fc.constant('"timestamp"'), fc.maxSafeInteger().map(String));
const value = field(fc.constant('"value"'), numberText);
const other = field(otherKey, anyValue);
const objectText = fc
  .tuple(
    blank,
    fc.tuple(sensorId, timestamp, value),
    fc.array(fc.oneof(other, sensorId, timestamp, value), { maxLength: 4 }),
    fc.array(fc.nat(), { minLength: 7, maxLength: 7 }),
    blank,
  )
  .map(([before, three, more, order, after]) => {
    const fields = [...three, ...more]
      .map((text, i) => ({ text, rank: order[i] ?? 0 }))
      .sort((a, b) => a.rank - b.rank);
    return `${before}{${fields.map(({ text }) => text).join(',')}}${after}`;
  });
/** Flat and nested objects that are readings, or nearly. */
export const objectBytes: fc.Arbitrary<Buffer> = objectText.map((text) => Buffer.from(text));

export type Changes = readonly (readonly [change: string, where: number, byte: number])[];

/** A few bytes replaced, taken out, put in or cut off. */
export const anyChanges: fc.Arbitrary<Changes> = fc.array(
  fc.tuple(
    fc.constantFrom('replace', 'remove', 'insert', 'cut'),
    fc.nat(),
    fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:.eE-+0 1'))),
  ),
  { minLength: 1, maxLength: 3 },
);

export function changed(bytes: Uint8Array, changes: Changes): Buffer<ArrayBuffer> {
  const record = [...bytes];
  for (const [change, where, byte] of changes) {
    const at = where % (record.length + 1);
    if (change === 'replace') record[Math.min(at, record.length - 1)] = byte;
    else if (change === 'remove') record.splice(at, 1);
    else if (change === 'insert') record.splice(at, 0, byte);
    else record.length = at;
  }
  return Buffer.from(record.filter((byte) => byte !== undefined));
}

const mutated = fc
  .tuple(objectBytes, anyChanges)
  .map(([bytes, changes]) => changed(bytes, changes));

/** Record values that are JSON readings, nearly, or anything. */
export const anyJsonRecord: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: objectBytes },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes)) },
);
