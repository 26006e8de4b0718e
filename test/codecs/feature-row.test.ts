import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import { encodeConfluent } from '../../src/codecs/confluent.ts';
import {
  decodeFeatureRow,
  encodeFeatureRowAvro,
  encodeFeatureRowJson,
  type FeatureRow,
  type FeatureRowContext,
} from '../../src/codecs/feature-row.ts';
import { DecodeError, InvariantError } from '../../src/errors.ts';
import { extremes } from '../../src/sensors/base-accumulators.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';

/** The window behind the contract's own example; the id lies in the middle of other bytes. */
function closedWindow(
  changes: Partial<ClosedWindow> & { readonly id?: string } = {},
): ClosedWindow {
  const { id = 'sensor_001', ...rest } = changes;
  const idBytes = Buffer.from(`"{${id}}\u00e9`);
  return {
    idBytes,
    idStart: 2,
    idEnd: 2 + Buffer.byteLength(id),
    lengthIndex: 0,
    windowStartMs: 1700000040000,
    windowEndMs: 1700000100000,
    count: 60,
    mean: 20.1,
    min: 18.2,
    max: 22,
    m2: 60 * 0.81,
    anomalyCount: 1,
    alarmCount: 0,
    alarmScoreMax: 0,
    firstOffset: 100,
    lastOffset: 9120,
    column: () => 0,
    isWhole: true,
    knows: () => true,
    newList: () => {
      throw new Error('no list is kept here');
    },
    ...rest,
  };
}

const context: FeatureRowContext = {
  topic: 'raw_readings',
  partition: 2,
  features: defaultFeatures,
};
const only = (value: number): FeatureRowContext => ({
  ...context,
  features: [{ name: 'avg_value', needs: [], value: () => value }],
});
const text = (window: ClosedWindow, of = context): string =>
  Buffer.from(encodeFeatureRowJson(window, of)).toString();

describe('a feature row of a window that does not know all features', () => {
  const window = closedWindow({ isWhole: false, knows: (needs) => !needs.includes(extremes) });
  const known = ['count', 'avg_value', 'std_dev', 'anomaly_count', 'anomaly_rate'];

  it.each([
    ['JSON', encodeFeatureRowJson],
    ['Avro', encodeFeatureRowAvro],
  ])('leaves out the others in %s', (_, encode) => {
    const row = decodeFeatureRow(encode(window, context));

    expect(Object.keys(row.features).sort()).toEqual([...known].sort());
  });
});

describe('a feature row in JSON', () => {
  it('has the fields of the contract in its order, with every digit of a double', () => {
    expect(text(closedWindow())).toBe(
      '{"sensor_id":"sensor_001","window_start":1700000040000,"window_end":1700000100000,' +
        '"event_time":"2023-11-14T22:15:00.000Z","features":{"count":60,"avg_value":20.1,' +
        `"min_value":18.2,"max_value":22,"std_dev":${Math.sqrt((60 * 0.81) / 60)},` +
        '"anomaly_count":1,"anomaly_rate":0.016666666666666666},' +
        '"lineage":{"topic":"raw_readings","partition":2,"first_offset":100,"last_offset":9120}}',
    );
  });

  it.each([0, -0, 0.1 + 0.2, 1e150, -1e150, 5e-324, 1e21, 123456789.123456789, 1 / 3])(
    'reads back the feature value %s, bit for bit',
    (value) => {
      const row = decodeFeatureRow(encodeFeatureRowJson(closedWindow(), only(value)));

      expect(row.features).toEqual({ avg_value: value });
    },
  );

  it.each([
    'quote " and \\',
    'line\nand\tNUL \u0000',
    'Zürich 🌡',
    '\u2028',
    '</script>',
    '__proto__',
  ])('escapes the sensor id %j as JSON needs it', (id) => {
    expect(decodeFeatureRow(encodeFeatureRowJson(closedWindow({ id }), context)).sensor_id).toBe(
      id,
    );
  });

  it('has no features but those declared, in their order', () => {
    const features = defaultFeatures.filter(({ name }) => /^(count|max_value)$/.test(name));

    const row = decodeFeatureRow(
      encodeFeatureRowJson(closedWindow(), { ...context, features: features.reverse() }),
    );

    expect(Object.keys(row.features)).toEqual(['max_value', 'count']);
  });

  it.each([NaN, Infinity, -Infinity])('is never written with a feature of %s', (value) => {
    expect(() => encodeFeatureRowJson(closedWindow(), only(value))).toThrow(InvariantError);
    expect(() => encodeFeatureRowAvro(closedWindow(), only(value))).toThrow(InvariantError);
  });
});

describe('a feature row in Avro', () => {
  const window = closedWindow({ windowStartMs: -9007199254740000, windowEndMs: -9007199254680001 });

  it('says what the same row says in JSON, at any time a timestamp may have', () => {
    const row = decodeFeatureRow(encodeFeatureRowAvro(window, context));

    expect(row).toEqual(decodeFeatureRow(encodeFeatureRowJson(window, context)));
    expect(row.window_end).toBe(-9007199254680001);
  });

  it('is read by any Avro library with the checked-in schema', () => {
    const schemaUrl = new URL('../../avro/sensor_features.avsc', import.meta.url);
    const type = avro.Type.forSchema(JSON.parse(readFileSync(schemaUrl, 'utf8')) as avro.Schema);
    const ordinary = closedWindow();

    const row = type.fromBuffer(Buffer.from(encodeFeatureRowAvro(ordinary, context))) as FeatureRow;

    expect(JSON.parse(JSON.stringify(row))).toEqual(JSON.parse(text(ordinary)));
  });

  it('is read behind a Confluent header', () => {
    const bytes = encodeFeatureRowAvro(window, context);

    expect(decodeFeatureRow(encodeConfluent(3, bytes))).toEqual(decodeFeatureRow(bytes));
  });
});

describe('bytes that are no feature row', () => {
  const row = JSON.parse(text(closedWindow())) as FeatureRow;
  const json = (change: object): Buffer => Buffer.from(JSON.stringify({ ...row, ...change }));
  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['text', Buffer.from('hello')],
    ['half a row', Buffer.from(text(closedWindow()).slice(0, 100))],
    ['a row and one brace more', Buffer.from(`${text(closedWindow())}}`)],
    ['half an Avro row', encodeFeatureRowAvro(closedWindow(), context).subarray(0, 40)],
    ['an array', Buffer.from('[]')],
    ['an empty object', Buffer.from('{}')],
    ['Latin-1', Buffer.from(text(closedWindow({ id: 'Zürich' })), 'latin1')],
    ['a reading', Buffer.from('{"sensor_id":"s","timestamp":1,"value":1}')],
    ['an empty sensor id', json({ sensor_id: '' })],
    ['a fractional window', json({ window_start: 0.5 })],
    ['a window that ends before it starts', json({ window_start: 2, window_end: 1 })],
    ['a numeric event time', json({ event_time: 1 })],
    ['a feature that is text', json({ features: { count: '60' } })],
    ['a feature that is null', json({ features: { count: null } })],
    ['a list of features', json({ features: [1] })],
    ['no lineage', json({ lineage: null })],
    ['a negative offset', json({ lineage: { ...row.lineage, first_offset: -1 } })],
  ])('such as %s are refused with a DecodeError', (_, bytes) => {
    expect(() => decodeFeatureRow(bytes)).toThrow(DecodeError);
  });

  it('may have fields of a later version', () => {
    expect(decodeFeatureRow(json({ later: [1] })).sensor_id).toBe('sensor_001');
  });
});
