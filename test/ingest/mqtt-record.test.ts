import { describe, expect, it } from 'vitest';

import { parseInputSchema } from '../../src/config/input-schema.ts';
import { createRecordOfArrival } from '../../src/ingest/arrived-record.ts';
import { createRecordsOfMessage, type MessageRecords } from '../../src/ingest/mqtt-record.ts';
import { createIdOfTopic } from '../../src/ingest/mqtt-topics.ts';

const arrivedMs = 1_769_853_540_123;

function recordOf(
  payload: string | Buffer,
  { declaration, template }: { declaration?: string; template?: string } = {},
): MessageRecords {
  const parsed = declaration === undefined ? undefined : parseInputSchema(declaration);
  if (parsed !== undefined && 'problems' in parsed) throw new Error(parsed.problems.join('\n'));
  const input = parsed?.declaration;
  const make = createRecordsOfMessage({
    ...{ topic: 'readings', input },
    recordOf: createRecordOfArrival({ topic: 'readings', input, maxAheadMs: 300_000 }),
    idOf: template === undefined ? undefined : createIdOfTopic('factory/+/sensor/+', template),
  });
  return make({ topic: 'factory/n/sensor/7', payload: Buffer.from(payload), arrivedMs });
}

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();
const shown = ({ records, refused }: MessageRecords): readonly unknown[] => [
  ...records.flatMap(({ key, value }) => [text(key), text(value)]),
  refused[0],
];

describe('a message', () => {
  const template = '{1}/{2}';
  const ofTopic = `{"sensor_id":"n/7","timestamp":${arrivedMs},"value":21.5}`;

  it('that is a bare number is a reading of its topic, at its arrival', () => {
    expect(shown(recordOf(' 21.5\n', { template }))).toEqual(['n/7', ofTopic, undefined]);
  });

  it('of the default shape takes from its topic and its arrival what it does not say', () => {
    expect(shown(recordOf('{"value":21.5,"timestamp":5}', { template }))[1]).toBe(
      '{"timestamp":5,"value":21.5,"sensor_id":"n/7"}',
    );
    expect(shown(recordOf('{"sensor_id":"own","value":1}'))).toEqual([
      'own',
      `{"timestamp":${arrivedMs},"sensor_id":"own","value":1}`,
      undefined,
    ]);
  });

  it.each([
    ['value: a.v\ntime: t', `{"a":{"v":21.5},"t":${arrivedMs}}`],
    ['value: v\ntime: a[1].t\ntime_unit: s', '{"v":21.5,"a":[null,{"t":1769853540.123}]}'],
    ['value: v\ntime: t\ntime_unit: us', '{"v":21.5,"t":1769853540123000}'],
    ['value: v\ntime: t\ntime_unit: ns', '{"v":21.5,"t":1769853540123500000}'],
    ['value: v\ntime: t\ntime_unit: iso', '{"v":21.5,"t":"2026-01-31T09:59:00.123Z"}'],
    ['value: v\ntime: $time', '{"v":21.5}'],
  ])('that is a bare number becomes what is declared: %j', (fields, value) => {
    const declaration = `id: $key\n${fields}`;

    expect(shown(recordOf('21.5', { template, declaration }))).toEqual(['n/7', value, undefined]);
  });

  it('of a declared shape keeps its bytes, keyed by its topic or by the id that it holds', () => {
    const payload = '{ "d": "x", "temp": 1, "hum": null }';
    const fields = 'time: $time\nvalues: [temp, hum]';

    expect(shown(recordOf(payload, { template, declaration: `id: $key\n${fields}` }))).toEqual([
      'n/7',
      payload,
      undefined,
    ]);
    expect(shown(recordOf(payload, { declaration: `id: d\n${fields}` }))[0]).toBe('x');
    const on = recordOf('on', {
      ...{ template, declaration: 'id: $key\ntime: $time\nvalue: v\nvalue_types: [boolean]' },
    });
    expect(shown(on)).toEqual(['n/7', '{"v":"on"}', undefined]);
  });

  it.each([
    ['offline', 'json_syntax'],
    ['', 'json_syntax'],
    ['{"value":"x"}', 'value_type'],
    ['[1]', 'json_not_object'],
    ['21,5', 'json_syntax'],
    [Buffer.from([0xff, 0x00, 0x80]), 'json_syntax'],
    ['['.repeat(5_000), 'json_syntax'],
  ])('that is no reading is kept for the fold to refuse: %.20j', (payload, code) => {
    const { records, refused } = recordOf(payload, { template });
    const [record] = records;

    expect(refused).toEqual([code]);
    expect(text(record?.key ?? null)).toBe('n/7');
    expect(record?.headers?.map(({ key, value }) => [key, text(value)])).toEqual([
      ['mqtt.topic', 'factory/n/sensor/7'],
    ]);
  });

  it('without an id is refused for that, and one that is too long is cut', () => {
    expect(recordOf('21.5').refused).toEqual(['sensor_id_missing']);
    const { records, refused } = recordOf(Buffer.alloc(2_000_000, '1'), { template });

    expect(refused).toEqual(['too_large']);
    expect(records[0]?.value).toHaveLength(10_000);
    expect(records[0]?.headers?.map(({ value }) => text(value)).at(-1)).toBe('2000000');
  });
});
