import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cutRecord, keptBytesMax, readCut } from '../../src/codecs/cut-record.ts';
import { deadLetterRecord, restoreDeadLetter } from '../../src/codecs/dead-letter.ts';
import { forwardRecord } from '../../src/codecs/forward.ts';
import { decodeReading } from '../../src/codecs/reading-decoder.ts';
import { recordBytes } from '../../src/codecs/record-size.ts';
import type { OutputRecord, RecordCursor, RecordHeader } from '../../src/records/record.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { emptyReading } from '../../src/sensors/reading.ts';

const source = { topic: 'raw_readings', partition: 3 };
const rekeyed = { topic: 'raw_readings.rekeyed', partition: 0 };
const reason = { code: 'late', message: 'its window has closed' } as const;
const header = (key: string, value: string): RecordHeader => ({ key, value: Buffer.from(value) });
const text = (bytes: Uint8Array | null | undefined): string | null =>
  bytes == null ? null : Buffer.from(bytes).toString();
const lastOf = (record: OutputRecord, name: string): string | null =>
  text(record.headers?.findLast(({ key }) => key === name)?.value);

/** A cursor on the record as it was read from offset 7. */
function read(record: OutputRecord): RecordCursor {
  const cursor = recordCursor(encodeRecordBatch([record], { baseOffset: 7, timestampMs: 1 }));
  cursor.next();
  return cursor;
}

const json = '{"sensor_id":"a\\u0000\\"ß","timestamp":1700000000000,"value":-0,"fill":"FILL"}';
const input = {
  topic: source.topic,
  key: Buffer.from('another key'),
  value: Buffer.from(json.replace('FILL', 'f'.repeat(5_000))),
  headers: [header('trace', 'a'), header('rekey.cut', 'of the client')],
};

function forwardOf(record: OutputRecord): OutputRecord {
  const cursor = read(record);
  const reading = emptyReading();
  decodeReading(cursor.bytes, cursor.valueStart, cursor.valueEnd, reading);
  const key = reading.idBytes.subarray(reading.idStart, reading.idEnd);
  const target = { topic: rekeyed.topic, partitions: 4, clock: '3/4/17', key };
  return forwardRecord(cursor, source, target);
}

describe('a forward that is cut', () => {
  it('is the same reading to the bit, at the same sensor, from the same place', () => {
    const whole = forwardOf(input);

    const cut = cutRecord(whole, 1_000);

    const value = cut.value ?? Buffer.alloc(0);
    const reading = emptyReading();
    expect(decodeReading(value, 0, value.length, reading)).toBeNull();
    const { idBytes, idStart, idEnd } = reading;
    expect(text(idBytes.subarray(idStart, idEnd))).toBe('a\u0000"ß');
    expect([reading.timestampMs, Object.is(reading.value, -0)]).toEqual([1_700_000_000_000, true]);
    expect(recordBytes(cut)).toBeLessThanOrEqual(1_000);
    expect(cut.key).toEqual(whole.key);
    expect(lastOf(cut, 'rekey.cut')).toBe('value');
    for (const name of ['trace', 'rekey.topic', 'rekey.offset', 'rekey.key', 'rekey.source']) {
      expect(lastOf(cut, name)).toBe(lastOf(whole, name));
    }
  });

  it('does without the headers of the client, and then without the first key', () => {
    const long = { ...input, headers: [header('long', 'h'.repeat(3_000))] };
    const key = Buffer.from('k'.repeat(3_000));

    const withoutHeaders = cutRecord(forwardOf(long), 1_000);
    const withoutKey = cutRecord(forwardOf({ ...long, key }), 1_000);

    expect(lastOf(withoutHeaders, 'rekey.cut')).toBe('value,headers');
    expect(lastOf(withoutHeaders, 'rekey.key')).toBe('another key');
    expect(lastOf(withoutKey, 'rekey.cut')).toBe('value,headers,key');
    expect(lastOf(withoutKey, 'rekey.source')).toBe('3/4/17');
  });

  it('says so in its dead letter, which names where the whole record entered', () => {
    const cut = cutRecord(forwardOf(input), 1_000);

    const letter = deadLetterRecord(read(cut), reason, rekeyed, 'raw_readings.dlq');

    const restored = restoreDeadLetter({ ...letter, headers: letter.headers ?? [] });
    expect([restored.record.topic, restored.record.partition, restored.offset]).toEqual([
      ...Object.values(source),
      7,
    ]);
    const sha256 = createHash('sha256').update(input.value).digest('hex');
    expect(restored.cut).toEqual({ parts: 'value', whole: { bytes: input.value.length, sha256 } });
    expect(restored.record.headers?.map(({ key, value }) => [key, text(value)])).toEqual([
      ['trace', 'a'],
      ['rekey.cut', 'of the client'],
    ]);
  });
});

describe('a dead letter that is cut', () => {
  it('twice still says what the whole record was', () => {
    const letter = deadLetterRecord(read(input), reason, source, 'raw_readings.dlq');

    const once = cutRecord(letter, 2_000);
    const twice = cutRecord(once, 1_000);

    expect(readCut(twice.headers ?? [], 'deadLetter')).toEqual(
      readCut(once.headers ?? [], 'deadLetter'),
    );
    expect(twice.headers?.filter(({ key }) => key === 'dlq.cut')).toHaveLength(1);
    expect([once, twice].map((each) => recordBytes(each) <= 2_000)).toEqual([true, true]);
    expect(recordBytes(twice)).toBeLessThanOrEqual(1_000);
    expect(text(input.value)?.startsWith(text(twice.value) ?? '?')).toBe(true);
  });

  it('is cut at once where it is longer than is ever kept', () => {
    const value = Buffer.alloc(keptBytesMax + 1, '{');

    const letter = deadLetterRecord(read({ ...input, value }), reason, source, 'raw_readings.dlq');

    expect(recordBytes(letter)).toBeLessThanOrEqual(keptBytesMax);
    expect(lastOf(letter, 'dlq.bytes')).toBe(String(value.length));
    expect(letter.value?.buffer.byteLength).toBeLessThanOrEqual(keptBytesMax);
  });

  it('is whole where nothing was cut, whatever headers the client sent', () => {
    const headers = [header('dlq.cut', 'value'), header('dlq.bytes', '1'), header('trace', 'a')];

    const letter = deadLetterRecord(read({ ...input, headers }), reason, source, 'dlq');

    expect(readCut(letter.headers ?? [], 'deadLetter')).toBeUndefined();
    expect(lastOf(letter, 'trace')).toBe('a');
  });
});
