import { describe, expect, it } from 'vitest';

import { createInputReader, type ReadRecord } from '../../src/codecs/input-reader.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';
import type { InputDeclaration } from '../../src/sensors/input-declaration.ts';

const recordTimeMs = Date.UTC(2026, 0, 31, 10);

function declare(text: string): InputDeclaration {
  const parsed = parseInputSchema(text);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.declaration;
}

function readWhole(
  declaration: string,
  value: string | Uint8Array | null,
  options: { key?: string; timestampMs?: number; only?: readonly string[] } = {},
): ReadRecord {
  const key = options.key === undefined ? undefined : Buffer.from(options.key);
  const bytes = Buffer.concat([key ?? Buffer.alloc(0), Buffer.from(value ?? '')]);
  const keyEnd = key?.length ?? 0;
  return createInputReader(declare(declaration), 300_000).read(
    {
      bytes,
      keyStart: key === undefined ? -1 : 0,
      keyEnd,
      valueStart: value === null ? -1 : keyEnd,
      valueEnd: value === null ? -1 : bytes.length,
      timestampMs: options.timestampMs ?? recordTimeMs,
    },
    options.only === undefined ? undefined : new Set(options.only),
  );
}

/** `sensor time value` of each reading, then `field: code` of each refusal. */
function read(...args: Parameters<typeof readWhole>): string[] {
  const { entries, refusals } = readWhole(...args);
  return [
    ...entries.flatMap(({ timestampMs, measured }) =>
      measured.map(
        ({ sensorId, value }) => `${sensorId} ${new Date(timestampMs).toISOString()} ${value}`,
      ),
    ),
    ...[...entries.flatMap((entry) => entry.refusals), ...refusals].map(
      ({ field, reason }) => `${field}: ${reason.code}`,
    ),
  ];
}

const reason = (...args: Parameters<typeof readWhole>): string | undefined => {
  const { entries, refusals } = readWhole(...args);
  return [...entries.flatMap((entry) => entry.refusals), ...refusals][0]?.reason.message;
};

const day = '2026-01-31T09:59:00.000Z';
const seconds = Date.parse(day) / 1_000;

describe('the id of a reading', () => {
  const values = 'time: t\ntime_unit: s\nvalues: [a]';

  it('is a field, several joined by /, or the key of the record', () => {
    const record = `{"site":"north","n":7,"t":${seconds},"a":1}`;

    expect(read(`id: site\n${values}`, record)).toEqual([`north/a ${day} 1`]);
    expect(read(`id: [site, n]\n${values}`, record)).toEqual([`north/7/a ${day} 1`]);
    expect(read(`id: $key\n${values}`, record, { key: 'k/1' })).toEqual([`k/1/a ${day} 1`]);
    expect(read(`id: $key\n${values}`, record)).toEqual([': sensor_id_missing']);
  });

  it('never is the same for two tuples', () => {
    const id = 'id: [x, y]\ntime: t\ntime_unit: s\nvalue: a';
    const of = (x: string, y: string): string[] =>
      read(id, JSON.stringify({ x, y, t: seconds, a: 1 }));

    expect(of('p/q', 'r')).toEqual([`p/q/r ${day} 1`]);
    expect(of('p', 'q/r')).toEqual([`p/q%2Fr ${day} 1`]);
    expect(of('p', 'q%2Fr')).toEqual([`p/q%252Fr ${day} 1`]);
  });

  it.each([
    ['"x"', undefined],
    ['42', undefined],
    ['9007199254740993', 'sensor_id_type'],
    ['1.5', 'sensor_id_type'],
    ['true', 'sensor_id_type'],
    ['null', 'sensor_id_type'],
    ['""', 'sensor_id_length'],
    ['"\\ud800"', 'sensor_id_utf8'],
  ])('%s is refused with %s', (text, code) => {
    const found = read(`id: d\n${values}`, `{"d":${text},"t":${seconds},"a":1}`);

    expect(found[0]?.startsWith(': ') === true ? found[0].slice(2) : undefined).toBe(code);
  });
});

describe('the time of a reading', () => {
  const at = (unit: string, text: string, timestampMs = recordTimeMs): string[] =>
    read(
      unit === '' ? 'id: d\ntime: $time\nvalue: v' : `id: d\ntime: t\n${unit}\nvalue: v`,
      `{"d":"x","t":${text},"v":1}`,
      { timestampMs },
    );

  it.each([
    ['time_unit: ms', '1769853540123', '2026-01-31T09:59:00.123Z'],
    ['time_unit: s', '1769853540', day],
    ['time_unit: s', '1769853540.123', '2026-01-31T09:59:00.123Z'],
    ['time_unit: s', '1769853540.9999', '2026-01-31T09:59:00.999Z'],
    ['time_unit: us', '1769853540999999', '2026-01-31T09:59:00.999Z'],
    ['time_unit: ns', '1769853540123000000', '2026-01-31T09:59:00.123Z'],
    ['time_unit: iso', '"2026-01-31T09:59:00Z"', day],
    ['time_unit: iso', '"2026-01-31 11:59:00.5+02:00"', '2026-01-31T09:59:00.500Z'],
    ['time_unit: iso', '"2026-01-31T04:59:00.123456789-0500"', '2026-01-31T09:59:00.123Z'],
    ['time_unit: iso\ntime_zone: +02:00', '"2026-01-31T11:59"', day],
    ['time_unit: iso\ntime_zone: +02:00', '"2026-01-31T09:59Z"', day],
    ['', '0', '2026-01-31T10:00:00.000Z'],
  ])('%s: %s is %s', (unit, text, iso) => {
    expect(at(unit, text)).toEqual([`x ${iso} 1`]);
  });

  it.each([
    ['time_unit: iso', '"2026-01-31T09:59:00"', 'timestamp_zone'],
    ['time_unit: iso', '"2026-02-30T09:59:00Z"', 'timestamp_range'],
    ['time_unit: iso', '"2026-01-31T24:00:00Z"', 'timestamp_range'],
    ['time_unit: iso', '"31.01.2026 09:59"', 'timestamp_type'],
    ['time_unit: iso', '1769853540', 'timestamp_type'],
    ['time_unit: s', '"1769853540"', 'timestamp_type'],
    ['time_unit: s', '1e300', 'timestamp_range'],
    ['time_unit: ms', '1.5', 'timestamp_type'],
    ['time_unit: ms', 'null', 'timestamp_type'],
  ])('%s: %s is refused with %s', (unit, text, code) => {
    expect(at(unit, text)).toEqual([`: ${code}`]);
  });

  it.each([
    ['ms', '1769853540', 's'],
    ['us', '1769853540123', 'ms'],
    ['s', '1769853540123', 'ms'],
    ['ms', '1769853540123456', 'us'],
    ['us', '1769853540123456000', 'ns'],
  ])(
    'declared in %s but likely in another unit is refused with the cure: %s',
    (unit, text, likely) => {
      expect(at(`time_unit: ${unit}`, text)).toEqual([': timestamp_unit']);
      expect(
        reason(`id: d\ntime: t\ntime_unit: ${unit}\nvalue: v`, `{"d":"x","t":${text}}`),
      ).toMatch(new RegExp(`2026-01-31T09:59.*; declare time_unit: ${likely}$`));
    },
  );

  it('of a record without a timestamp is none, and the reason says so', () => {
    expect(at('', '0', -1)).toEqual([': timestamp_missing']);
    expect(reason('id: d\ntime: $time\nvalue: v', '{"d":"x","v":1}', { timestampMs: -1 })).toMatch(
      /timestamp is -1, which is none.*LogAppendTime/,
    );
  });
});

describe('the values of a record', () => {
  const several = 'id: d\ntime: t\ntime_unit: s\nvalues: [p.temp, "p.list[1]", hum]';
  const record = (rest: string): string => `{"d":"x","t":${seconds},${rest}}`;

  it('are sensors of their own; absent and null ones are no readings', () => {
    expect(read(several, record('"p":{"temp":1,"list":[2,3]},"hum":4'))).toEqual([
      `x/p.temp ${day} 1`,
      `x/p.list[1] ${day} 3`,
      `x/hum ${day} 4`,
    ]);
    expect(read(several, record('"p":{"temp":null,"list":[2]},"hum":4'))).toEqual([
      `x/hum ${day} 4`,
    ]);
  });

  it('of a wrong type are refused by name; their siblings are read', () => {
    expect(read(several, record('"p":{"temp":"21,5"},"hum":1e200'))).toEqual([
      'p.temp: value_type',
      'hum: value_range',
    ]);
    expect(read(several, record('"p":{"temp":"21.5"},"hum":4'))).toEqual([
      `x/hum ${day} 4`,
      'p.temp: value_type',
    ]);
    expect(reason(several, record('"p":{"temp":"21.5"},"hum":4'))).toBe(
      'expected p.temp to be a number, got the string "21.5"; declare value_types: [number, text]',
    );
  });

  it('that are all absent make the record a dead letter that names them', () => {
    expect(read(several, record('"other":1'))).toEqual([': value_missing']);
    expect(reason(several, record('"other":1'))).toBe('none of p.temp, p.list[1], hum is there');
  });

  it('have the names they are given', () => {
    const named = 'id: d\ntime: t\ntime_unit: s\nvalues: {temperature: p.temp, "a/b": hum}';

    expect(read(named, record('"p":{"temp":1},"hum":2'))).toEqual([
      `x/temperature ${day} 1`,
      `x/a%2Fb ${day} 2`,
    ]);
  });

  it('are all numeric fields under a path, without id and time', () => {
    const all = 'id: d\ntime: t\ntime_unit: s\nvalues: "*"';
    const under = 'id: d\ntime: t\ntime_unit: s\nvalues: p.*';

    expect(read(all, record('"a":1,"b":"two","c":{"d":3},"e":true,"f":4'))).toEqual([
      `x/a ${day} 1`,
      `x/f ${day} 4`,
    ]);
    expect(read(under, record('"p":{"a.b":1,"__proto__":2}'))).toEqual([
      `x/a.b ${day} 1`,
      `x/__proto__ ${day} 2`,
    ]);
    expect(read(under, record('"p":{}'))).toEqual([': value_missing']);
  });

  it('of the long form are named by another field', () => {
    const long = 'id: d\ntime: t\ntime_unit: s\nmetric: m\nvalue: v';

    expect(read(long, record('"m":"temp","v":1'))).toEqual([`x/temp ${day} 1`]);
    expect(read(long, record('"v":1'))).toEqual(['m: sensor_id_missing']);
    expect(read(long, record('"m":"temp","v":null'))).toEqual([': value_missing']);
  });

  it.each([
    ['[number, text]', '"21.5"', '21.5'],
    ['[number, text]', '"-1e3"', '-1000'],
    ['[number, text]', '" 21.5"', undefined],
    ['[number, text]', '"21,5"', undefined],
    ['[number, text]', '"0x10"', undefined],
    ['[number, text]', '"NaN"', undefined],
    ['[number, text]', 'true', undefined],
    ['[boolean]', 'true', '1'],
    ['[boolean]', '"OFF"', '0'],
    ['[boolean]', '"yes"', undefined],
    ['[boolean]', '1', undefined],
  ])('as %s: %s is %s', (types, text, value) => {
    const one = `id: d\ntime: t\ntime_unit: s\nvalue: v\nvalue_types: ${types}`;

    expect(read(one, record(`"v":${text}`))).toEqual([
      value === undefined ? 'v: value_type' : `x ${day} ${value}`,
    ]);
  });

  it('are those that a dead letter names, where it came back', () => {
    const both = '"p":{"temp":1},"hum":2';

    expect(read(several, record(both), { only: ['hum'] })).toEqual([`x/hum ${day} 2`]);
    expect(read(several, record(both), { only: ['other'] })).toEqual([]);
  });
});

describe('the bytes of a record', () => {
  const one = 'id: d\ntime: t\ntime_unit: s\nvalue: v';
  const record = `{"d":"x","t":${seconds},"v":1}`;

  it('may begin with a byte order mark, or with the header of a Confluent serializer', () => {
    expect(read(one, `\ufeff${record}`)).toEqual([`x ${day} 1`]);
    expect(read(one, Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from(record)]))).toEqual([
      `x ${day} 1`,
    ]);
  });

  it.each([
    [null, 'null_value'],
    ['', 'json_syntax'],
    ['{', 'json_syntax'],
    ['[]', 'json_not_object'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'json_syntax'],
    ['['.repeat(100_000), 'json_syntax'],
    [' '.repeat(1_048_577), 'too_large'],
  ])('are refused where they are none: %j', (value, code) => {
    expect(read(one, value)).toEqual([`: ${code}`]);
  });

  it('may be lines or an array, each entry with its own fate', () => {
    const lines = `format: json-lines\n${one}`;
    const array = `format: json-array\n${one}`;
    const other = record.replace('x', 'y');

    expect(read(lines, `${record}\nno\n\r\n${other}\n`)).toEqual([
      `x ${day} 1`,
      `y ${day} 1`,
      '[1]: json_syntax',
    ]);
    expect(read(array, `[${record}, 7, ${other}]`)).toEqual([
      `x ${day} 1`,
      `y ${day} 1`,
      '[1]: json_not_object',
    ]);
    expect(read(array, record)).toEqual([': json_not_array']);
    expect(read(array, '[]')).toEqual([': value_missing']);
    expect(read(lines, `${record}\n${other}`, { only: ['[1].v'] })).toEqual([`y ${day} 1`]);
  });
});
