import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanReading } from '../../src/codecs/json-scanner.ts';
import { parseReading } from '../../src/codecs/json-strict.ts';
import { decodeReading } from '../../src/codecs/reading-decoder.ts';
import { emptyReading, type Reading } from '../../src/sensors/reading.ts';
import { guarded, surrounded } from '../../test/codecs/surrounded.ts';
import { runs, titled } from '../seed.ts';

const fillers = ['"', '}', '9', ' ', ',"value":1}', '\\', '\u00e9', '\0'];
const filler = fc.constantFrom(...fillers);

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
const numberText = fc.oneof(
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
const objectBytes = objectText.map((text) => Buffer.from(text));

/** A few bytes replaced, taken out, put in or cut off. */
const anyChanges = fc.array(
  fc.tuple(
    fc.constantFrom('replace', 'remove', 'insert', 'cut'),
    fc.nat(),
    fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:.eE-+0 1'))),
  ),
  { minLength: 1, maxLength: 3 },
);

function changed(
  bytes: Buffer,
  changes: readonly (readonly [string, number, number])[],
): Buffer<ArrayBuffer> {
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

const anyRecord = fc.oneof(
  { weight: 4, arbitrary: objectBytes },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes)) },
);

interface Plain {
  readonly id: string;
  readonly timestampMs: number;
  readonly value: number;
}

function plainOf(reading: Reading): Plain {
  const id = Buffer.from(reading.idBytes.slice(reading.idStart, reading.idEnd)).toString('hex');
  return { id, timestampMs: reading.timestampMs, value: reading.value };
}

describe('the fast scanner', () => {
  it(titled('reads what the strict parser reads, and the same'), () => {
    fc.assert(
      fc.property(anyRecord, filler, (record, around) => {
        const { bytes, start, end } = guarded(surrounded(record, around));
        const scanned = emptyReading();
        if (!scanReading(bytes, start, end, scanned)) {
          expect(scanned).toEqual(emptyReading());
          return;
        }

        const parsed = emptyReading();
        const reason = parseReading(record, 0, record.length, parsed);

        expect(reason).toBeNull();
        expect(plainOf(scanned)).toEqual(plainOf(parsed));
      }),
      runs(4_000),
    );
  });

  it(titled('answers alike whatever the records before it looked like'), () => {
    fc.assert(
      fc.property(objectBytes, anyChanges, filler, (before, changes, around) => {
        const scratch = emptyReading();
        // As often as it takes for their shape to be known.
        for (let i = 0; i < 10; i += 1) scanReading(before, 0, before.length, scratch);
        const record = changed(before, changes);
        const { bytes, start, end } = guarded(surrounded(record, around));
        fc.pre(record[0] === 0x7b);

        const decoded = emptyReading();
        const reason = decodeReading(bytes, start, end, decoded);

        const parsed = emptyReading();
        expect(reason).toEqual(parseReading(record, 0, record.length, parsed));
        expect(plainOf(decoded)).toEqual(plainOf(parsed));
      }),
      runs(3_000),
    );
  });

  it(titled('leaves the strict parser nothing but escapes, nesting and what is no reading'), () => {
    fc.assert(
      fc.property(objectBytes, (record) => {
        const text = record.toString();
        fc.pre(!/[\\[]/.test(text) && text.lastIndexOf('{') === text.indexOf('{'));
        const parsed = emptyReading();
        fc.pre(parseReading(record, 0, record.length, parsed) === null);
        // A duplicate of another type before the one that counts is the one more case it leaves.
        fc.pre(text.split('"sensor_id"').length === 2 && text.split('"timestamp"').length === 2);
        fc.pre(text.split('"value"').length === 2);

        expect(scanReading(record, 0, record.length, emptyReading())).toBe(true);
      }),
      runs(1_500),
    );
  });

  it(titled('changes no verdict'), () => {
    fc.assert(
      fc.property(anyRecord, filler, (record, around) => {
        fc.pre(record[0] === 0x7b);
        const { bytes, start, end } = guarded(surrounded(record, around));
        const decoded = emptyReading();
        const parsed = emptyReading();

        const reason = decodeReading(bytes, start, end, decoded);
        const strictReason = parseReading(record, 0, record.length, parsed);

        expect(reason).toEqual(strictReason);
        expect(plainOf(decoded)).toEqual(plainOf(parsed));
      }),
      runs(2_000),
    );
  });
});

describe('the strict parser', () => {
  it(titled('agrees with JSON.parse on what a reading says'), () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const out = emptyReading();
        const reason = parseReading(record, 0, record.length, out);

        expect(reason === null).toBe(isReading(record));
        if (reason !== null) return;
        const said = JSON.parse(record.toString()) as Record<string, unknown>;
        expect(Buffer.from(out.idBytes).toString()).toBe(said['sensor_id']);
        expect(out.timestampMs).toBe(Number(said['timestamp']) + 0);
        expect(out.value).toBe(said['value']);
      }),
      runs(2_000),
    );
  });
});

/** The contract in its plainest words. */
function isReading(record: Buffer): boolean {
  let said: unknown;
  try {
    const text = record.toString();
    if (!Buffer.from(text).equals(record)) return false;
    said = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return false;
  const { sensor_id, timestamp: time, value: measured } = said as Record<string, unknown>;
  if (typeof sensor_id !== 'string' || /\p{Cs}/u.test(sensor_id)) return false;
  const length = Buffer.byteLength(sensor_id);
  return (
    length >= 1 &&
    length <= 256 &&
    Number.isSafeInteger(time) &&
    typeof measured === 'number' &&
    measured >= -1e150 &&
    measured <= 1e150
  );
}
