import { describe, expect, it } from 'vitest';

import { compileProtobuf } from '../../src/codecs/protobuf-value.ts';
import { DecodeError } from '../../src/errors.ts';
import type { TimeUnit } from '../../src/sensors/input-declaration.ts';

const file = `
syntax = "proto3";
package plant.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "place.proto";
message Other { int32 a = 1; }
enum State { STATE_OFF = 0; STATE_ON = 1; }
message Reading {
  message Inner { string text = 1; Inner inner = 2; }
  string device_id = 1;
  google.protobuf.Timestamp seen = 2;
  double plain = 3;
  optional double maybe = 4;
  State state = 5;
  repeated sint64 counts = 6;
  map<string, float> parts = 7;
  bytes mac = 8;
  google.protobuf.DoubleValue wrapped = 9;
  oneof way { int32 left = 10; int32 right = 11; }
  Inner inner = 12;
  plant.common.Place place = 13;
}`;
const place = 'syntax = "proto3"; package plant.common; message Place { string line = 1; }';

function read(hex: string, timeUnit: TimeUnit = 'ms', text = file): unknown {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const value = compileProtobuf(text, { references: [place], timeUnit })(bytes, 0, bytes.length);
  return JSON.parse(JSON.stringify(value)) as unknown;
}

/** Of the file's second message; the bytes are those of Google's Python library. */
const reading = (fields: string): string => `02 02 ${fields}`;

describe('a Protobuf value', () => {
  it('has the defaults of its file where absence is not told, and nothing where it is', () => {
    expect(read(reading(''))).toEqual({
      ...{ device_id: '', plain: 0, state: 'STATE_OFF', counts: [], parts: {}, mac: '' },
    });
  });

  it('has all that was written', () => {
    const fields =
      '0a026464120b08e4a4f7cb0610959aef3a19000000000000f83f21000000000000000028013202010' +
      '43a080a0161150000003f42020aff4a090900000000000004405807620512030a01786a030a016c';

    expect(read(reading(fields))).toEqual({
      ...{ device_id: 'dd', plain: 1.5, maybe: 0, state: 'STATE_ON', counts: [-1, 2] },
      ...{ parts: { a: 0.5 }, mac: '0aff', wrapped: 2.5, right: 7 },
      inner: { text: '', inner: { text: 'x' } },
      place: { line: 'l' },
      seen: 1_769_853_540_123,
    });
  });

  it('is of the message that the indexes name', () => {
    expect(read('00 08 05')).toEqual({ a: 5 });
    expect(read('02 00 08 05')).toEqual({ a: 5 });
    expect(read('04 02 00 0a 01 78')).toEqual({ text: 'x' });
    expect(() => read('02 04')).toThrow('no message 2');
    expect(() => read('01')).toThrow(DecodeError);
  });

  it('has a Timestamp in the declared unit', () => {
    const seen = reading('120b08e4a4f7cb0610959aef3a');

    expect(read(seen, 's')).toMatchObject({ seen: 1_769_853_540.123 });
    expect(read(seen, 'iso')).toMatchObject({ seen: '2026-01-31T09:59:00.123Z' });
  });

  it('is read with a descriptor in base64 as with the text', () => {
    // syntax proto3, package p, message M { double v = 1; }
    const text = 'CgdtLnByb3RvEgFwIhEKAU0SDAoBdhgBIAEoAVIBdmIGcHJvdG8z';

    expect(read('00 09 00 00 00 00 00 00 f8 3f', 'ms', text)).toEqual({ v: 1.5 });
  });

  it.each([
    ['a field cut off', reading('19 00')],
    ['a length beyond the record', reading('0a ff ff 03')],
    ['messages within each other without end', reading(`62 ff 7f ${'12 ff 7f '.repeat(400)}`)],
    ['no indexes', ''],
  ])('is none: %s', (_, hex) => {
    expect(() => read(hex)).toThrow();
  });

  it('needs a file that is one', () => {
    expect(() => read('00', 'ms', 'message {')).toThrow(DecodeError);
    expect(() => read('00', 'ms', 'AAAA')).toThrow(DecodeError);
  });
});
