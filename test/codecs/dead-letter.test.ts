import { describe, expect, it } from 'vitest';
import { deadLetterRecord, restoreDeadLetter } from '../../src/codecs/dead-letter.ts';
import { DecodeError } from '../../src/errors.ts';
import type { OutputRecord, RecordCursor, RecordHeader } from '../../src/records/record.ts';

interface Given {
  readonly key?: string | null;
  readonly value?: Uint8Array | string | null;
  readonly headers?: readonly RecordHeader[];
  readonly offset?: number;
}

/** A cursor on one record, its key and value in the middle of a batch's bytes. */
function cursor({
  key = 'sensor_001',
  value = 'bad',
  headers = [],
  offset = 7,
}: Given): RecordCursor {
  const keyBytes = Buffer.from(key ?? '');
  const valueBytes = Buffer.from(value ?? '');
  const bytes = Uint8Array.from(
    Buffer.concat([Buffer.from('##'), keyBytes, valueBytes, Buffer.from('##')]),
  );
  const valueStart = 2 + keyBytes.length;
  return {
    next: () => false,
    offset,
    timestampMs: 1,
    bytes,
    keyStart: key === null ? -1 : 2,
    keyEnd: key === null ? -1 : valueStart,
    valueStart: value === null ? -1 : valueStart,
    valueEnd: value === null ? -1 : valueStart + valueBytes.length,
    headerCount: headers.length,
    headers: () => headers,
  };
}

const header = (key: string, value: string | null): RecordHeader => ({
  key,
  value: value === null ? null : Buffer.from(value),
});
const source = { topic: 'raw_readings', partition: 3 };
const reason = { code: 'value_type', message: 'expected value to be a number' } as const;
const letterOf = (given: Given, position = source): OutputRecord =>
  deadLetterRecord(cursor(given), reason, position, 'raw_readings.dlq');
const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString();
const headersOf = (record: { readonly headers?: readonly RecordHeader[] }): (string | null)[][] =>
  (record.headers ?? []).map(({ key, value }) => [key, text(value)]);

const ours = (topic: string, partition: number, offset: number): (string | null)[][] => [
  ['dlq.reason', 'value_type'],
  ['dlq.message', 'expected value to be a number'],
  ['dlq.topic', topic],
  ['dlq.partition', String(partition)],
  ['dlq.offset', String(offset)],
];

describe('a dead letter', () => {
  it('of a record that could not be read says that nothing of it was kept', () => {
    const record = { ...cursor({ key: null, value: null }), unreadable: {} };

    const letter = deadLetterRecord(record, reason, source, 'raw_readings.dlq');

    expect(headersOf(letter).at(-1)).toEqual(['dlq.cut', 'value,headers,key']);
    expect(restoreDeadLetter(letter as never).cut).toMatchObject({ parts: 'value,headers,key' });
  });

  it('keeps key, value and headers, and says why and from where', () => {
    const headers = [header('trace', 'a'), header('trace', null), header('trace', 'b')];

    const letter = letterOf({ headers });

    expect(letter.topic).toBe('raw_readings.dlq');
    expect(text(letter.key)).toBe('sensor_001');
    expect(text(letter.value)).toBe('bad');
    expect(headersOf(letter)).toEqual([
      ['trace', 'a'],
      ['trace', null],
      ['trace', 'b'],
      ...ours('raw_readings', 3, 7),
    ]);
    expect(letter.timestampMs).toBeUndefined();
    expect(letter.partition).toBeUndefined();
  });

  it('keeps bytes that are no text, and empty and missing ones apart', () => {
    const bytes = Uint8Array.from([0, 255, 128, 123]);

    expect(letterOf({ value: bytes }).value).toEqual(bytes);
    expect(letterOf({ value: null }).value).toBeNull();
    expect(letterOf({ value: '' }).value).toEqual(new Uint8Array(0));
    expect(letterOf({ key: null }).key).toBeNull();
    expect(letterOf({ key: '' }).key).toEqual(new Uint8Array(0));
  });

  it('shares no bytes with the batch it came from', () => {
    const record = cursor({});
    const letter = deadLetterRecord(record, reason, source, 'raw_readings.dlq');

    record.bytes.fill(0);

    expect([text(letter.key), text(letter.value)]).toEqual(['sensor_001', 'bad']);
  });

  it('that fails again says so once', () => {
    const headers = letterOf({ headers: [header('trace', 'a')], offset: 1 }).headers ?? [];

    expect(headersOf(letterOf({ headers, offset: 99 }))).toEqual([
      ['trace', 'a'],
      ...ours('raw_readings', 3, 99),
    ]);
  });

  it('has a message of bounded length', () => {
    const long = { code: 'json_syntax', message: 'x'.repeat(1_000_000) } as const;
    const letter = deadLetterRecord(cursor({}), long, source, 'raw_readings.dlq');

    expect(headersOf(letter)[1]?.[1]).toHaveLength(500);
  });
});

describe('a dead letter of a rekeyed record', () => {
  const rekeyed = { topic: 'raw_readings.rekeyed', partition: 1 };
  const forwarded = (key: string | null): RecordHeader[] => [
    header('rekey.topic', 'raw_readings'),
    header('rekey.partition', '3'),
    header('rekey.offset', '42'),
    header('rekey.key', key),
    header('rekey.source', '3/4/1700000040000'),
  ];

  it('is the one the record would have had where it entered', () => {
    const own = [header('trace', 'a')];
    const letter = letterOf({ headers: [...own, ...forwarded('device-9')] }, rekeyed);

    expect(letter).toEqual(letterOf({ key: 'device-9', headers: own, offset: 42 }, source));
    expect(headersOf(letter)).toEqual([['trace', 'a'], ...ours('raw_readings', 3, 42)]);
  });

  it('has no key where the record had none', () => {
    expect(letterOf({ headers: forwarded(null) }, rekeyed).key).toBeNull();
    const without = forwarded(null).filter(({ key }) => key !== 'rekey.key');
    expect(letterOf({ headers: without }, rekeyed).key).toBeNull();
  });

  it("keeps a client's own headers of the same names", () => {
    const own = [header('rekey.topic', 'mine'), header('rekey.source', 'mine')];

    const letter = letterOf({ headers: [...own, ...forwarded('k')] }, rekeyed);

    expect(headersOf(letter).slice(0, 2)).toEqual([
      ['rekey.topic', 'mine'],
      ['rekey.source', 'mine'],
    ]);
    expect(headersOf(letter).slice(2)).toEqual(ours('raw_readings', 3, 42));
  });

  it.each([
    ['none of them', []],
    ['no offset', forwarded('k').filter(({ key }) => key !== 'rekey.offset')],
    ['an offset that is no number', [...forwarded('k'), header('rekey.offset', '1e3')]],
    ['an empty topic', [...forwarded('k'), header('rekey.topic', '')]],
  ])('reports the rekeyed topic itself where the origin has %s', (_, headers) => {
    const letter = letterOf({ headers, offset: 5 }, rekeyed);

    expect(text(letter.key)).toBe('sensor_001');
    expect(headersOf(letter)).toEqual([
      ...headersOf({ headers }),
      ...ours('raw_readings.rekeyed', 1, 5),
    ]);
  });

  it('needs the rekeyed topic: elsewhere such headers are the client’s', () => {
    const letter = letterOf({ headers: forwarded('k') }, source);

    expect(headersOf(letter)).toEqual([
      ...headersOf({ headers: forwarded('k') }),
      ...ours('raw_readings', 3, 7),
    ]);
  });
});

describe('a restored dead letter', () => {
  it('is the record as it was, for the partition it came from', () => {
    const letter = letterOf({ key: null, headers: [header('trace', 'a'), header('trace', null)] });
    const { key, value, headers = [] } = letter;

    const restored = restoreDeadLetter({ key, value, headers });

    expect(restored).toMatchObject({ reason: 'value_type', message: reason.message, offset: 7 });
    expect(restored.record).toMatchObject({
      ...source,
      key: null,
      value: Uint8Array.from(Buffer.from('bad')),
    });
    expect(headersOf(restored.record)).toEqual([
      ['trace', 'a'],
      ['trace', null],
    ]);
  });

  it.each(['dlq.reason', 'dlq.topic', 'dlq.partition', 'dlq.offset'])(
    'needs the header %s',
    (missing) => {
      const headers = (letterOf({}).headers ?? []).filter(({ key }) => key !== missing);

      expect(() => restoreDeadLetter({ key: null, value: null, headers })).toThrow(DecodeError);
    },
  );
});
