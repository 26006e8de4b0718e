import { describe, expect, it } from 'vitest';

import { parseInputSchema } from '../../src/config/input-schema.ts';
import { createRecordOfArrival, type ArrivedRecord } from '../../src/ingest/arrived-record.ts';

const atMs = 1_769_853_540_123;

function recordOf(value: string, declaration?: string, key?: string): ArrivedRecord {
  const parsed = declaration === undefined ? undefined : parseInputSchema(declaration);
  if (parsed !== undefined && 'problems' in parsed) throw new Error(parsed.problems.join('\n'));
  const make = createRecordOfArrival({
    ...{ topic: 'readings', maxAheadMs: 300_000, input: parsed?.declaration },
  });
  return make({ value: Buffer.from(value), key, arrivedMs: atMs });
}

const shown = ({ record, refusals }: ArrivedRecord) => ({
  key: Buffer.from(record?.key ?? []).toString(),
  value: Buffer.from(record?.value ?? []).toString(),
  refusals: refusals.map(({ field, reason }) => `${field} ${reason.code}`),
});

describe('a reading of the default shape', () => {
  it('keeps its bytes and is keyed by its sensor', () => {
    const value = '{"value": 21.50, "sensor_id": "pump\\u002d3", "timestamp": 1769853540123}';

    expect(shown(recordOf(value))).toEqual({ key: 'pump-3', value, refusals: [] });
  });

  it.each([
    ['{"sensor_id":"a","timestamp":1}', 'value_missing'],
    ['{"sensor_id":"a","timestamp":1,"value":"x"}', 'value_type'],
    ['{"sensor_id":"a","timestamp":1,"val', 'json_syntax'],
    ['[1]', 'json_not_object'],
    [`{"a":${'['.repeat(2_000)}${']'.repeat(2_000)}}`, 'json_syntax'],
    [`{"a":"${'x'.repeat(1_048_576)}"}`, 'too_large'],
  ])('makes no record of %.40s', (value, code) => {
    expect(shown(recordOf(value))).toEqual({ key: '', value: '', refusals: [` ${code}`] });
  });
});

describe('a reading of a declared shape', () => {
  const several = 'id: device\ntime: $time\nvalues: [temp, hum]';

  it('stays one record of all its measurements, keyed by its device', () => {
    const value = '{"device":"boiler","temp":60.5,"hum":"wet"}';

    expect(shown(recordOf(value, several))).toEqual({
      ...{ key: 'boiler', value, refusals: ['hum value_type'] },
    });
  });

  it('takes its id from the key that its sender names', () => {
    const declaration = 'id: $key\ntime: $time\nvalue: temp';

    expect(shown(recordOf('{"temp":1}', declaration, 'shed/north')).key).toBe('shed/north');
    expect(shown(recordOf('{"temp":1}', declaration)).refusals).toEqual([' sensor_id_missing']);
  });

  it('is refused where records are of a schema registry', () => {
    const answer = recordOf('{"device":"a","temp":1}', `${several}\nformat: registry`);

    expect(shown(answer).refusals).toEqual([' confluent_magic']);
  });

  it('becomes a record of the declared format', () => {
    const array = shown(recordOf('{"device":"a","temp":1}', `${several}\nformat: json-array`));
    const lines = shown(recordOf('{"device":"a",\n"temp":1}', `${several}\nformat: json-lines`));

    expect(array).toEqual({ key: 'a', value: '[{"device":"a","temp":1}]', refusals: [] });
    expect(lines).toEqual({ key: 'a', value: '{"device":"a", "temp":1}', refusals: [] });
  });
});
