// Records by hand of which a picker must not read anything, because the reader of whole records
// reads or refuses them otherwise. The law over any schema is property-tests/laws/picked-records.
import { describe, expect, it } from 'vitest';

import { inputRecord } from '../../src/codecs/input-record.ts';
import { PickedFields } from '../../src/codecs/picked-fields.ts';
import { writerSchema } from '../../src/codecs/writer-schema.ts';
import { parseInputSchema } from '../../src/config/input-schema.ts';

const text = `
syntax = "proto3";
message Reading {
  message Note { string text = 1; }
  string device_id = 1;
  double temperature = 2;
  string note = 3;
  oneof place { double left = 4; double right = 5; int32 other = 6; }
  Note inner = 7;
}`;
const parsed = parseInputSchema(
  JSON.stringify({
    format: 'registry',
    id: 'device_id',
    time: '$time',
    values: ['temperature', 'left', 'right'],
  }),
);
if ('problems' in parsed) throw new Error(parsed.problems.join('\n'));
const { declaration } = parsed;

/** Returns whether the fields of a record were picked; its message is the file's first. */
async function isPicked(hex: string): Promise<boolean> {
  const schema = await writerSchema({ type: 'PROTOBUF', text, references: [] }, 'ms');
  const picker = schema.picker(declaration);
  if (picker === undefined) throw new Error('expected a picker');
  const value = Buffer.from(`00${hex}`.replaceAll(' ', ''), 'hex');
  const record = inputRecord({ key: null, value, timestampMs: 1_700_000_000_000 });
  return new PickedFields(declaration, 300_000).read(picker, record, Buffer.from(record.bytes), 0);
}

const device = '0a 01 64';
const temperature = '11 00 00 00 00 00 00 f8 3f';
const left = '21 00 00 00 00 00 00 04 40';
const right = '29 00 00 00 00 00 00 04 40';

describe('the picker of a Protobuf message', () => {
  it.each([
    ['plain', `${device} ${temperature}`],
    ['in another order', `${temperature} ${left} ${device}`],
    ['with a text that is not declared', `${device} ${temperature} 1a 02 c3 bc`],
    ['with an unknown field', `${device} ${temperature} 78 05`],
    ['with a message that is not declared', `${device} ${temperature} 3a 03 0a 01 78`],
  ])('reads a record %s', async (_, hex) => {
    expect(await isPicked(hex)).toBe(true);
  });

  it.each([
    ['has a text that is no UTF-8, though it is not declared', `1a 01 ff`],
    ['has such a text within another message', `3a 03 0a 01 ff`],
    ['has its device twice', `0a 01 65`],
    ['has a value twice', temperature],
    ['has two declared fields of a oneof', `${left} ${right}`],
    ['has a declared field of a oneof and one that replaces it', `${left} 30 01`],
    ['ends within a value', '21 00 00'],
    ['announces more bytes than there are', '1a 05 61'],
    ['has a group', '43 44'],
  ])('leaves a record that %s', async (_, hex) => {
    expect(await isPicked(`${device} ${temperature} ${hex}`)).toBe(false);
  });
});
