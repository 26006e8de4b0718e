import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { Zstd } from '@hpcc-js/wasm-zstd';
import { describe, expect, it } from 'vitest';

import { parseInputSchema } from '../../src/config/input-schema.ts';
import { ConfigError } from '../../src/errors.ts';
import type { FileOptions } from '../../src/files/file-shape.ts';
import { readRows } from '../../src/files/read-rows.ts';
import type { InputDeclaration } from '../../src/sensors/input-declaration.ts';

interface Read {
  readonly readings: readonly string[];
  readonly refusals: readonly string[];
  readonly notes: readonly string[];
}

const fixture = (name: string): string =>
  fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

async function read(
  path: string,
  options: FileOptions = {},
  declaration?: InputDeclaration,
): Promise<Read> {
  const out = { readings: [] as string[], refusals: [] as string[], notes: [] as string[] };
  const onNote = (note: string): unknown => out.notes.push(note);
  for await (const batch of readRows(path, declaration, { ...options, onNote })) {
    expect(batch.timestampsMs).toHaveLength(batch.count);
    for (let index = 0; index < batch.count; index += 1) {
      const time = new Date(batch.timestampsMs[index] ?? NaN).toISOString().replace('.000Z', 'Z');
      out.readings.push(`${batch.sensorIds[index]} ${time} ${batch.values[index]}`);
    }
    out.refusals.push(...batch.refusals.map(({ row, reason }) => `${row}: ${reason}`));
  }
  return out;
}

function written(content: string | Uint8Array, name = 'x.csv'): string {
  const path = join(mkdtempSync(join(tmpdir(), 'sensorium-files-')), name);
  writeFileSync(path, content);
  return path;
}

function declared(yaml: string): InputDeclaration {
  const parsed = parseInputSchema(yaml);
  if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
  return parsed.declaration;
}

/** The first readings of a file of `name`, one a second from 1 March 2024 on, from 20.0 up. */
const usual = (name: string, count = 2): readonly string[] =>
  Array.from(
    { length: count },
    (_, index) => `${name} 2024-03-01T00:00:0${index}Z ${20 + index / 10}`,
  );

describe('files as people have them', () => {
  it.each(['upper.csv', 'cr_only.csv', 'utf16.csv', 'plain.csv.gz'])(
    '%s is read as it is',
    async (name) => {
      const { readings, refusals } = await read(fixture(name));

      expect(refusals).toEqual([]);
      expect(readings.slice(0, 2)).toEqual(usual(name.replace(/\..*/, '')));
    },
  );

  it('a column of another name is named by an option', async () => {
    await expect(read(fixture('time_value.csv'))).rejects.toThrow(
      /time_value\.csv: no column timestamp among time, value; name others with --time-column/,
    );

    const { readings } = await read(fixture('time_value.csv'), { timeColumn: 'time' });

    expect(readings.slice(0, 2)).toEqual(usual('time_value'));
  });

  it('a header may be missing, and cells may be quoted behind spaces', async () => {
    expect((await read(fixture('noheader.csv'))).readings).toEqual([
      'noheader 2024-03-01T00:00:00Z 20',
      'noheader 2024-03-01T00:00:01Z 21',
    ]);
    expect((await read(fixture('space_quote.csv'))).readings).toEqual([
      'space_quote 2024-03-01T00:00:00Z 20',
      'space_quote 2024-03-01T00:00:01Z 21',
    ]);
  });

  it('epoch seconds are read with their unit; without it a note names it', async () => {
    expect((await read(fixture('epoch_s.csv'), { timeUnit: 's' })).readings.slice(0, 2)).toEqual(
      usual('epoch_s'),
    );
    const { readings, notes } = await read(fixture('epoch_s.csv'));

    expect(readings[0]).toMatch(/ 1970-01-20T/);
    expect(notes).toEqual([expect.stringMatching(/times lie in early 1970.*say --time-unit s$/)]);
  });

  it('microseconds are read with their unit; without it they are refused, and the unit named', async () => {
    expect((await read(fixture('epoch_us.csv'), { timeUnit: 'us' })).readings.slice(0, 2)).toEqual(
      usual('epoch_us'),
    );
    const { readings, refusals } = await read(fixture('epoch_us.csv'));

    expect(readings).toEqual([]);
    expect(refusals[0]).toMatch(/far ahead, in us 2024-03-01T00:00:00.000Z; say --time-unit us$/);
  });

  it('dates that do not exist are refused', async () => {
    const { readings, refusals } = await read(fixture('dates_odd2.csv'));

    expect(readings).toEqual([]);
    expect(refusals).toEqual([
      '1: timestamp is not a time: there is no 2024-02-30 00:00:00',
      '2: timestamp is not a time: there is no 2023-02-29 12:00:00',
      '3: timestamp is not a time: there is no 2024-04-31',
    ]);
  });

  it('a decimal comma that makes a cell too many is refused', async () => {
    const { readings, refusals } = await read(fixture('decimal_comma.csv'));

    expect(readings).toEqual([]);
    expect(refusals).toEqual([1, 2].map((row) => `${row}: 3 cells, but the header has 2`));
  });

  it('a decimal comma between semicolons is read by option, and noted without it', async () => {
    const columns = { timeColumn: 'datetime', sensorColumn: 'sensor' };

    expect(
      (await read(fixture('semicolon_comma.csv'), { ...columns, decimal: 'comma' })).readings,
    ).toEqual(['A 2024-03-01T00:00:00Z 20.5', 'A 2024-03-01T00:00:01Z 21.7']);
    const { readings, refusals, notes } = await read(fixture('semicolon_comma.csv'), columns);
    expect(readings).toEqual([]);
    expect(refusals[0]).toBe('1: value is not a number: 20,5');
    expect(notes).toContain('2 values have a decimal comma: say --decimal-comma');
  });

  it('names of rows, without a name of their own in the header, are skipped', async () => {
    const { readings, notes } = await read(fixture('row_names.csv'), {
      timeColumn: 'date',
      column: 'Temperature',
    });

    expect(readings).toEqual([
      'row_names 2015-02-04T17:51:00Z 23.18',
      'row_names 2015-02-04T17:51:59Z 23.15',
    ]);
    expect(notes[0]).toContain('one cell more than the header');
  });

  it('a column that looks like an id is named where all rows are one sensor', async () => {
    const { readings, notes } = await read(fixture('device_id.csv'));
    expect(readings[0]).toMatch(/^device_id /);
    expect(notes).toEqual([expect.stringContaining('say --sensor-column device_id')]);

    expect((await read(fixture('device_id.csv'), { sensorColumn: 'device_id' })).readings).toEqual([
      'A 2024-03-01T00:00:00Z 20',
      'B 2024-03-01T00:00:01Z 21',
    ]);
  });

  it.each([
    ['missing_value.csv', ['2: value is missing']],
    [
      'nan_value.csv',
      ['NaN', 'NA', 'null'].map((text, at) => `${at + 2}: value is not a number: ${text}`),
    ],
  ])('%s: the rows without a value are counted, the others read', async (name, refused) => {
    const { readings, refusals } = await read(fixture(name));

    expect(readings).toHaveLength(2);
    expect(refusals).toEqual(refused);
  });

  it('a zone has each instant once, skips the hour it skips, and its repeated hour is named', async () => {
    const { readings, notes } = await read(fixture('local_dst.csv'), { timeZone: 'Europe/Berlin' });

    expect(readings).toEqual([
      'local_dst 2024-03-31T00:59:59Z 1',
      'local_dst 2024-03-31T01:00:00Z 2',
      'local_dst 2024-10-27T00:30:00Z 3',
      'local_dst 2024-10-27T01:30:00Z 4',
    ]);
    expect(notes).toEqual([
      expect.stringContaining('Europe/Berlin has twice, the first 2024-10-27 02:30:00'),
    ]);
    const skipped = written('timestamp,value\n2024-03-31 02:30:00,1\n');
    expect((await read(skipped, { timeZone: 'Europe/Berlin' })).refusals).toEqual([
      '1: timestamp is not a time: the clocks of Europe/Berlin skip 2024-03-31 02:30:00',
    ]);
  });

  it('decimals of Parquet are the numbers that they show', async () => {
    const { readings, refusals } = await read(fixture('decimal.parquet'));

    expect(refusals).toEqual([]);
    expect(readings).toHaveLength(200);
    for (const reading of readings) expect(reading).toMatch(/ -?\d+(\.\d{1,3})?$/);
  });

  it.each([
    ['epoch_s.parquet', 's'],
    ['epoch_us.parquet', 'us'],
  ] as const)('%s is read with its unit', async (name, timeUnit) => {
    const { readings, refusals } = await read(fixture(name), { timeUnit });

    expect(refusals).toEqual([]);
    expect(readings).toHaveLength(200);
    expect(readings[0]).toMatch(/ 20\d\d-/);
  });
});

const zstd = await Zstd.load();

describe('what a file may be', () => {
  const lines = 'timestamp,value,sensor_id\n1700000000000,1.5,a\n1700000001000,2,b\n';
  const read2 = ['a 2023-11-14T22:13:20Z 1.5', 'b 2023-11-14T22:13:21Z 2'];

  it.each([
    ['separated by tabs', lines.replaceAll(',', '\t')],
    ['separated by |', lines.replaceAll(',', '|')],
    ['gzip', gzipSync(lines)],
    [
      'gzip of two members',
      Buffer.concat([gzipSync(lines.slice(0, 40)), gzipSync(lines.slice(40))]),
    ],
    ['Zstandard', zstd.compress(Buffer.from(lines))],
    ['UTF-16 without a mark', Buffer.from(lines, 'utf16le')],
    [
      'NDJSON',
      '{"timestamp":1700000000000,"value":1.5,"sensor_id":"a"}\n{"timestamp":"2023-11-14T22:13:21Z","value":2,"sensor_id":"b"}\n',
    ],
    [
      'a JSON array',
      '[\n {"timestamp":1700000000000,"value":1.5,"sensor_id":"a"},\n {"timestamp":1700000001000,"value":2,"sensor_id":"b"}\n]',
    ],
  ])('%s', async (_what, content) => {
    expect((await read(written(content))).readings).toEqual(read2);
  });

  it('a broken quote costs its line alone', async () => {
    const { readings, refusals } = await read(
      written('timestamp,value,note\n1000,1,"a"b\n2000,2,"two\nlines"\n3000,3,"open\n4000,4,x\n'),
    );

    expect(readings.map((text) => text.split(' ').at(-1))).toEqual(['2', '4']);
    expect(refusals).toEqual(['1: text stands behind a closing quote', '3: a quote is not closed']);
  });

  it('a cell that moves the cursor is shown escaped', async () => {
    const { refusals } = await read(written('timestamp,value\n1,\u001b[2J\n'));

    expect(refusals).toEqual(['1: value is not a number: "\\u001b[2J"']);
  });

  it.each([
    [
      'a ZIP archive',
      Buffer.from('504b030414000000', 'hex'),
      /is a ZIP archive or an Excel workbook/,
    ],
    ['zero bytes', Buffer.from('a\0\0\0b,c\n'), /is no text: it holds zero bytes/],
    [
      'a gzip file that is cut off',
      gzipSync(lines.repeat(9)).subarray(0, 40),
      /cannot read .*x\.csv: unexpected end/,
    ],
    ['Parquet in gzip', gzipSync('PAR1....'), /is a Parquet file that was compressed/],
  ])('%s is named as what it is', async (_what, content, message) => {
    const reading = read(written(content));

    await expect(reading).rejects.toThrow(ConfigError);
    await expect(reading).rejects.toThrow(message);
  });
});

describe('a declared file', () => {
  const wide = declared('id: [host, cpu]\ntime: ts\ntime_unit: s\nvalues: [idle, user]\n');

  it('is read by the declaration of its topic, whatever its format', async () => {
    const csv = 'ts,host,cpu,idle,user\n1700000000,edge/7,0,97.5,\n1700000001,edge/7,1/2,,1.5\n';
    const json =
      '{"ts":1700000000,"host":"edge/7","cpu":0,"idle":97.5,"user":null}\n' +
      '{"ts":1700000001,"host":"edge/7","cpu":"1/2","user":1.5}\n';
    const expected = [
      'edge/7/0/idle 2023-11-14T22:13:20Z 97.5',
      'edge/7/1%2F2/user 2023-11-14T22:13:21Z 1.5',
    ];

    expect((await read(written(csv), {}, wide)).readings).toEqual(expected);
    expect((await read(written(json), {}, wide)).readings).toEqual(expected);
  });

  it('refuses a field by name and reads those beside it', async () => {
    const csv = 'ts,host,cpu,idle,user\n1700000000,a,0,x,1\n1700000001,a,0,,\n1700000002,,0,1,1\n';

    const { readings, refusals } = await read(written(csv), {}, wide);

    expect(readings).toEqual(['a/0/user 2023-11-14T22:13:20Z 1']);
    expect(refusals).toEqual([
      '1: idle is not a number: x',
      '2: none of idle, user is there',
      '3: host is missing',
    ]);
  });

  it('may take every numeric column, and dotted columns for nested fields', async () => {
    const every = declared('id: tags.host\ntime: ts\ntime_unit: iso\nvalues: fields.*\n');
    const csv = 'ts,tags.host,fields.a,fields.b,other\n2023-11-14T22:13:20Z,h,1,text,5\n';

    expect((await read(written(csv), {}, every)).readings).toEqual(['h/a 2023-11-14T22:13:20Z 1']);
  });

  it('may be long', async () => {
    const long = declared('id: dev\ntime: ts\nmetric: m\nvalue: v\n');
    const csv = 'dev,ts,m,v\nd,1700000000000,flow,0.4\n';

    expect((await read(written(csv), {}, long)).readings).toEqual([
      'd/flow 2023-11-14T22:13:20Z 0.4',
    ]);
  });

  it('has nanoseconds exactly', async () => {
    const ns = declared('id: dev\ntime: ts\ntime_unit: ns\nvalue: v\n');
    const csv = 'dev,ts,v\nd,1769853540123000000,1\nd,1769853540122999999,2\n';

    expect((await read(written(csv), {}, ns)).readings).toEqual([
      'd 2026-01-31T09:59:00.123Z 1',
      'd 2026-01-31T09:59:00.122Z 2',
    ]);
  });
});
