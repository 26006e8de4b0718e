import { describe, expect, it } from 'vitest';
import { encodeConfluent } from '../../src/codecs/confluent.ts';
import { decodeReading } from '../../src/codecs/reading-decoder.ts';
import { encodeReadingAvro } from '../../src/codecs/reading-encoder.ts';
import { otherReading } from '../../src/kernel/record-scanner.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { scanRecords } from '../../src/codecs/record-scan.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { emptyReading } from '../../src/sensors/reading.ts';
import { guarded, surrounded } from './surrounded.ts';

interface Decoded {
  readonly id: string;
  readonly timestampMs: number;
  readonly value: number;
}

/**
 * The reading, or the dead letter's code. Every record lies in a larger buffer and may read nothing around it. What the
 * record scanner does not leave, it reads alike.
 */
function decode(record: Uint8Array | string): Decoded | string {
  const { bytes, start, end } = guarded(surrounded(Buffer.from(record), '9"}'));
  const decoded = decodeStrictly(bytes, start, end);
  const scanned = scan(Buffer.from(record));
  if (scanned !== undefined) expect(decoded).toEqual(scanned);
  return decoded;
}

function decodeStrictly(bytes: Uint8Array, start: number, end: number): Decoded | string {
  const out = emptyReading();
  const reason = decodeReading(bytes, start, end, out);
  if (reason !== null) {
    expect(reason.message).not.toBe('');
    expect(out).toEqual(emptyReading());
    return reason.code;
  }
  const id = Buffer.from(out.idBytes.slice(out.idStart, out.idEnd)).toString();
  return { id, timestampMs: out.timestampMs, value: out.value };
}

/** undefined where the scanner leaves the record. */
function scan(value: Buffer): Decoded | undefined {
  const options = { baseOffset: 0, timestampMs: 0 };
  const cursor = recordCursor(encodeRecordBatch([{ topic: '', key: null, value }], options));
  cursor.next();
  const found = scanRecords(cursor);
  if (found?.kinds[0] !== otherReading) return undefined;
  const { idBytes, idStarts, idEnds, timestampsMs, values } = found.readings;
  const id = Buffer.from(idBytes.slice(idStarts[0], idEnds[0])).toString();
  return { id, timestampMs: timestampsMs[0] ?? NaN, value: values[0] ?? NaN };
}

const json = (sensorId: string, timestamp: string, value: string): string =>
  `{"sensor_id":${sensorId},"timestamp":${timestamp},"value":${value}}`;

const plain: Decoded = { id: 'sensor_001', timestampMs: 1700000040000, value: 20.5 };

describe('a JSON reading', () => {
  it.each([
    ['compact', '{"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}'],
    [
      "as Python's json.dumps",
      '{"sensor_id": "sensor_001", "timestamp": 1700000040000, "value": 20.5}',
    ],
    [
      'pretty-printed',
      '{\n  "sensor_id": "sensor_001",\r\n\t"timestamp" : 1700000040000 ,\n "value": 20.5\n}\n',
    ],
    [
      'after whitespace',
      ' \t\r\n{"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}',
    ],
    ['in another field order', '{"value":20.5,"sensor_id":"sensor_001","timestamp":1700000040000}'],
    [
      'with flat unknown fields',
      '{"unit":"°C","a":1,"sensor_id":"sensor_001","b":true,"c":false,"d":null,"timestamp":1700000040000,"e":-1.5e-7,"value":20.5,"":""}',
    ],
    [
      'with nested unknown fields',
      '{"tags":["a",{"value":1}],"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5,"m":{}}',
    ],
    [
      'with escapes',
      '{"sensor\\u005fid":"sensor_\\u0030\\u00301","timestamp":1700000040000,"value":20.5}',
    ],
    [
      'with duplicate keys, of which the last wins',
      '{"sensor_id":"x","value":1,"timestamp":5,"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}',
    ],
    [
      'with a duplicate of another type before the one that counts',
      '{"sensor_id":1,"value":"1","timestamp":[],"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}',
    ],
    [
      'with an exponent in its timestamp',
      '{"sensor_id":"sensor_001","timestamp":1.70000004e12,"value":2050e-2}',
    ],
    [
      'with a field named __proto__',
      '{"__proto__":{"value":1},"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}',
    ],
  ])('is read %s', (_, text) => {
    expect(decode(text)).toEqual(plain);
  });

  it.each([
    ['0', 0],
    ['-0', -0],
    ['-0.0', -0],
    ['0e5', 0],
    ['5e-324', 5e-324],
    ['2.2250738585072011e-308', 2.2250738585072011e-308],
    ['1e-400', 0],
    ['1e150', 1e150],
    ['-1e150', -1e150],
    ['20.123456789012345', 20.123456789012345],
    ['0.1000000000000000055511151231257827021181583404541015625', 0.1],
    ['123456789012345678901234567890', 123456789012345678901234567890],
  ])('keeps the value %s exactly', (text, value) => {
    const decoded = decode(json('"s"', '1', text));

    expect(decoded).toEqual({ id: 's', timestampMs: 1, value });
  });

  it.each([
    ['0', 0],
    ['-0', 0],
    ['-1', -1],
    ['1.0e3', 1000],
    ['100e-2', 1],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', Number.MIN_SAFE_INTEGER],
  ])('may have the timestamp %s', (text, timestampMs) => {
    expect(decode(json('"s"', text, '1'))).toEqual({ id: 's', timestampMs, value: 1 });
  });

  it.each([
    ['of one byte', '"a"', 'a'],
    ['of 256 bytes', `"${'é'.repeat(128)}"`, 'é'.repeat(128)],
    ['outside the BMP', '"🌡-1"', '🌡-1'],
    ['as an escaped surrogate pair', '"\\ud83c\\udf21"', '🌡'],
    ['with a NUL', '"a\\u0000b"', 'a\u0000b'],
    ['with quotes and a backslash', '"a\\"\\\\b"', 'a"\\b'],
    ['with U+FFFD itself', '"\ufffd"', '\ufffd'],
    ['with a DEL', '"\u007f"', '\u007f'],
  ])('may have a sensor_id %s', (_, text, id) => {
    expect(decode(json(text, '1', '1'))).toEqual({ id, timestampMs: 1, value: 1 });
  });
});

describe('a record that is no reading', () => {
  const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
  const deep = 100_000;
  it.each<[string, Uint8Array | string, string]>([
    ['of no bytes', '', 'json_syntax'],
    ['of text', 'hello', 'json_syntax'],
    ['of whitespace', '   ', 'json_syntax'],
    ['cut off', '{"sensor_id":"sensor_001","timestamp":17000000', 'json_syntax'],
    ['cut off in a string', '{"sensor_id":"sensor_0', 'json_syntax'],
    ['with text behind it', `${json('"s"', '1', '1')}}`, 'json_syntax'],
    ['of two objects', `${json('"s"', '1', '1')}${json('"s"', '1', '1')}`, 'json_syntax'],
    ['with a trailing comma', '{"sensor_id":"s","timestamp":1,"value":1,}', 'json_syntax'],
    ['with a missing comma', '{"sensor_id":"s" "timestamp":1,"value":1}', 'json_syntax'],
    ['in single quotes', "{'sensor_id':'s','timestamp':1,'value':1}", 'json_syntax'],
    ['with NaN', json('"s"', '1', 'NaN'), 'json_syntax'],
    ['with Infinity', json('"s"', '1', '-Infinity'), 'json_syntax'],
    ['with a leading zero', json('"s"', '1', '01'), 'json_syntax'],
    ['with a leading plus', json('"s"', '1', '+1'), 'json_syntax'],
    ['with a bare point', json('"s"', '1', '1.'), 'json_syntax'],
    ['with a bare exponent', json('"s"', '1', '1e'), 'json_syntax'],
    ['with hexadecimal', json('"s"', '0x10', '1'), 'json_syntax'],
    ['with a control character', json('"a\nb"', '1', '1'), 'json_syntax'],
    ['with a byte order mark', `\ufeff${json('"s"', '1', '1')}`, 'json_syntax'],
    ['in UTF-16', Buffer.from(json('"s"', '1', '1'), 'utf16le'), 'json_syntax'],
    [
      'malformed outside its id',
      latin1('{"u":"\xb0C","sensor_id":"s","timestamp":1,"value":1}'),
      'json_syntax',
    ],
    ['of 100,000 brackets', `{"a":${'['.repeat(deep)}`, 'json_syntax'],
    ['of an array', `[${json('"s"', '1', '1')}]`, 'json_not_object'],
    ['of a number', '51.5', 'json_not_object'],
    ['of null', 'null', 'json_not_object'],
    ['of an encoded string', JSON.stringify(json('"s"', '1', '1')), 'json_not_object'],
    ['of an empty object', '{}', 'sensor_id_missing'],
    ['without sensor_id', '{"timestamp":1,"value":1}', 'sensor_id_missing'],
    ['nested one level down', `{"reading":${json('"s"', '1', '1')}}`, 'sensor_id_missing'],
    ['with another spelling', '{"sensorId":"s","timestamp":1,"value":1}', 'sensor_id_missing'],
    ['with a number as sensor_id', json('17', '1', '1'), 'sensor_id_type'],
    ['with null as sensor_id', json('null', '1', '1'), 'sensor_id_type'],
    ['with an empty sensor_id', json('""', '1', '1'), 'sensor_id_length'],
    ['with a sensor_id of 257 bytes', json(`"${'a'.repeat(257)}"`, '1', '1'), 'sensor_id_length'],
    ['with 129 two-byte letters', json(`"${'é'.repeat(129)}"`, '1', '1'), 'sensor_id_length'],
    [
      'with a sensor_id of 10,000 bytes',
      json(`"${'a'.repeat(10_000)}"`, '1', '1'),
      'sensor_id_length',
    ],
    ['with a Latin-1 sensor_id', latin1(json('"Z\xfcrich"', '1', '1')), 'sensor_id_utf8'],
    ['with an overlong NUL in its id', latin1(json('"a\xc0\x80"', '1', '1')), 'sensor_id_utf8'],
    ['with a CESU surrogate in its id', latin1(json('"\xed\xa0\xbd"', '1', '1')), 'sensor_id_utf8'],
    ['with a lone surrogate in its id', json('"a\\ud800"', '1', '1'), 'sensor_id_utf8'],
    ['without timestamp', '{"sensor_id":"s","value":1}', 'timestamp_missing'],
    ['with a string timestamp', json('"s"', '"1700000040000"', '1'), 'timestamp_type'],
    ['with an ISO timestamp', json('"s"', '"2023-11-14T22:15:00Z"', '1'), 'timestamp_type'],
    ['with a null timestamp', json('"s"', 'null', '1'), 'timestamp_type'],
    ['with a fractional timestamp', json('"s"', '1700000040000.5', '1'), 'timestamp_type'],
    ['with a timestamp of 2^53', json('"s"', '9007199254740992', '1'), 'timestamp_range'],
    ['with a timestamp of 1e308', json('"s"', '1e308', '1'), 'timestamp_range'],
    ['with a timestamp of 1e999', json('"s"', '1e999', '1'), 'timestamp_range'],
    ['without value', '{"sensor_id":"s","timestamp":1}', 'value_missing'],
    ['with a string value', json('"s"', '1', '"20.5"'), 'value_type'],
    ['with a null value', json('"s"', '1', 'null'), 'value_type'],
    ['with a boolean value', json('"s"', '1', 'true'), 'value_type'],
    ['with a nested value', json('"s"', '1', '{"c":20.5}'), 'value_type'],
    [
      'with 100,000 nested arrays as value',
      json('"s"', '1', `${'['.repeat(deep)}${']'.repeat(deep)}`),
      'value_type',
    ],
    [
      'whose last duplicate is a string',
      '{"sensor_id":"s","timestamp":1,"value":1,"value":"1"}',
      'value_type',
    ],
    ['with a value of 1e308', json('"s"', '1', '1e308'), 'value_range'],
    ['with a value of 1e999', json('"s"', '1', '-1e999'), 'value_range'],
    ['just above 1e150', json('"s"', '1', '1.0000000000000002e150'), 'value_range'],
  ])('%s becomes a dead letter', (_, record, code) => {
    expect(decode(record)).toBe(code);
  });

  it('without a value is a null_value', () => {
    expect(decodeReading(new Uint8Array(8), -1, -1, emptyReading())?.code).toBe('null_value');
  });

  it('of more than 1 MiB is refused, however little of it would have to be read', () => {
    const just = json('"s"', '1', '1').padEnd(1_048_576);

    expect(decode(just)).toEqual({ id: 's', timestampMs: 1, value: 1 });
    expect(decode(`${just} `)).toBe('too_large');
    expect(decode(Buffer.alloc(10_000_000, '['))).toBe('too_large');
  });
});

describe('an Avro reading', () => {
  const record = encodeReadingAvro({
    sensor_id: 'sensor_001',
    timestamp: 1700000040000,
    value: 20.5,
  });
  // Known answer, by hand from the Avro 1.11 specification: length 10 is 14, then the id, the zigzag varint, the double.
  const golden = Buffer.from('1473656e736f725f303031' + '8091b0fef962' + '0000000000803440', 'hex');

  it('has the bytes of the specification', () => {
    expect(Buffer.from(record).toString('hex')).toBe(golden.toString('hex'));
    expect(decode(golden)).toEqual(plain);
  });

  it('is read behind a Confluent header, whatever the schema id', () => {
    expect(decode(encodeConfluent(1, record))).toEqual(plain);
    expect(decode(encodeConfluent(0xffffffff, record))).toEqual(plain);
  });

  it('is read when its first byte looks like JSON whitespace', () => {
    const reading = { sensor_id: '{23456789_123456', timestamp: 1, value: 1 };
    const bytes = encodeReadingAvro(reading);

    expect(bytes[0]).toBe(0x20);
    expect(decode(bytes)).toEqual({ id: reading.sensor_id, timestampMs: 1, value: 1 });
  });

  const avro = (value: number, id = 's'): Uint8Array =>
    encodeReadingAvro({ sensor_id: id, timestamp: 1, value });
  const behind = (bytes: Uint8Array): Uint8Array => encodeConfluent(7, bytes);
  it.each<[string, Uint8Array, string]>([
    ['of garbage behind its header', behind(Buffer.from('garbage')), 'avro_malformed'],
    ['cut off behind its header', behind(record.subarray(0, -1)), 'avro_malformed'],
    [
      'with one byte too many behind its header',
      behind(Buffer.concat([record, Buffer.of(0)])),
      'avro_malformed',
    ],
    ['of JSON behind its header', behind(Buffer.from(json('"s"', '1', '1'))), 'avro_malformed'],
    ['of a header alone', behind(new Uint8Array(0)), 'avro_malformed'],
    ['of less than a header', Buffer.of(0, 0, 0), 'confluent_magic'],
    [
      'with a header of another magic',
      Buffer.concat([Buffer.of(1, 0, 0, 0, 7), record]),
      'confluent_magic',
    ],
    ['cut off', record.subarray(0, -1), 'json_syntax'],
    ['with one byte too many', Buffer.concat([record, Buffer.of(0)]), 'json_syntax'],
    ['of random bytes', Buffer.from('ffeeddccbbaa99887766', 'hex'), 'json_syntax'],
    ['with an empty sensor_id', avro(1, ''), 'sensor_id_length'],
    ['with an empty sensor_id behind its header', behind(avro(1, '')), 'sensor_id_length'],
    ['with a sensor_id of 10,000 bytes', avro(1, 'a'.repeat(10_000)), 'sensor_id_length'],
    [
      'with a sensor_id that is not UTF-8',
      Buffer.from(`02ff02${'00'.repeat(8)}`, 'hex'),
      'sensor_id_utf8',
    ],
    [
      'with a timestamp of 65 bits',
      behind(Buffer.from(`0261ffffffffffffffffff02${'00'.repeat(8)}`, 'hex')),
      'avro_malformed',
    ],
    [
      'with a timestamp of 11 bytes',
      behind(Buffer.from(`02618080808080808080808000${'00'.repeat(8)}`, 'hex')),
      'avro_malformed',
    ],
    [
      'with a sensor_id longer than any record',
      behind(Buffer.from(`feffffffffffffffff01${'00'.repeat(9)}`, 'hex')),
      'avro_malformed',
    ],
    [
      'with a sensor_id of negative length',
      behind(Buffer.from(`01${'00'.repeat(9)}`, 'hex')),
      'avro_malformed',
    ],
    [
      'with a timestamp of 2^53',
      Buffer.from(`02618080808080808020${'00'.repeat(8)}`, 'hex'),
      'timestamp_range',
    ],
    [
      'with the least long',
      Buffer.from(`0261ffffffffffffffffff01${'00'.repeat(8)}`, 'hex'),
      'timestamp_range',
    ],
    ['with a value of NaN', avro(NaN), 'value_range'],
    ['with a value of -Infinity', avro(-Infinity), 'value_range'],
    ['with a value of 1e308', avro(1e308), 'value_range'],
  ])('%s becomes a dead letter', (_, bytes, code) => {
    expect(decode(bytes)).toBe(code);
  });

  it('keeps -0 and denormals', () => {
    expect(decode(avro(-0))).toEqual({ id: 's', timestampMs: 1, value: -0 });
    expect(decode(avro(5e-324))).toEqual({ id: 's', timestampMs: 1, value: 5e-324 });
  });
});
