import { describe, expect, it } from 'vitest';
import { encodeConfluent, readConfluentSchemaId } from '../../src/codecs/confluent.ts';
import { guarded, surrounded } from './surrounded.ts';

function schemaId(record: Uint8Array): number {
  const { bytes, start, end } = guarded(surrounded(record, '\0'));
  return readConfluentSchemaId(bytes, start, end);
}

describe('the Confluent header', () => {
  it('is 0 and the id in big-endian order', () => {
    const encoded = encodeConfluent(0x01020304, Buffer.of(9));

    expect([...encoded]).toEqual([0, 1, 2, 3, 4, 9]);
    expect(schemaId(encoded)).toBe(0x01020304);
  });

  it('holds ids above 2^31', () => {
    expect(schemaId(encodeConfluent(0xfffffffe, Buffer.of()))).toBe(0xfffffffe);
  });

  it('is absent from shorter bytes and from other magic', () => {
    expect(schemaId(Buffer.of(0, 0, 0, 1))).toBe(-1);
    expect(schemaId(Buffer.of(1, 0, 0, 0, 1, 2))).toBe(-1);
    expect(schemaId(Buffer.of())).toBe(-1);
  });
});
