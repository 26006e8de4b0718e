// The captured bodies below come from `feast serve` 0.67.0, with its view `sensor_stats` renamed to
// ours.
import { describe, expect, it } from 'vitest';

import { feastView } from '../../src/codecs/feast.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { OnlineFeatures } from '../../src/stores/feature-store.ts';
import {
  type FeastRefusal,
  type OnlineFeaturesRequest,
  onlineFeaturesParser,
} from '../../src/http/feast-request.ts';
import {
  oldestAgeMs,
  onlineFeaturesResponse,
  rfc3339,
  rowsOutside,
} from '../../src/http/feast-response.ts';

const known = parseConfig({}).semantics.features;
const served = { views: ['sensor_features', 'sensor_features_5m'], features: known };

const parseText = onlineFeaturesParser(served);

function parse(body: unknown): OnlineFeaturesRequest | FeastRefusal {
  return parseText(typeof body === 'string' ? body : JSON.stringify(body));
}

function accepted(body: unknown): OnlineFeaturesRequest {
  const request = parse(body);
  if ('status' in request) throw new Error(JSON.stringify(request));
  return request;
}

type Stored = Parameters<typeof onlineFeaturesResponse>[1];

function ofBase(rows: readonly (OnlineFeatures | undefined)[]): Stored {
  return [rows];
}

const entities = { sensor_id: ['sensor-0001'] };

describe('the Feast protocol', () => {
  it('speaks of the join key and the project of the settings', () => {
    const names = { project: 'plant_7', joinKey: 'machine' };
    const parseOther = onlineFeaturesParser({ ...served, names });
    const features = ['sensor_features:count'];

    const request = parseOther(JSON.stringify({ features, entities: { machine: ['a'] } }));
    const wrong = parseOther(JSON.stringify({ features, entities }));
    const unknown = parseOther(JSON.stringify({ features: ['x:y'], entities: { machine: ['a'] } }));

    expect(request).toMatchObject({ sensorIds: ['a'] });
    expect('selection' in request && request.selection.metadata).toContain('["machine","count"]');
    expect(wrong).toMatchObject({ status: 500 });
    expect(JSON.stringify(unknown)).toContain('does not exist in project plant_7');
  });

  it('responds column by column, exactly as a Feast server does', () => {
    const request = accepted({
      features: ['sensor_features:avg_value', 'sensor_features:count'],
      entities: { sensor_id: ['sensor-0001', 'unknown'] },
    });
    const eventTimeMs = Date.parse('2026-11-23T02:56:15.693Z');
    const stored = [
      { eventTimeMs, values: { avg_value: 20.142857142857142, count: 60 } },
      undefined,
    ];

    const response = onlineFeaturesResponse(request, ofBase(stored));

    const timestamps = '["2026-11-23T02:56:15.693Z","1970-01-01T00:00:00Z"]';
    expect(response).toBe(
      '{"results":[{"values":["sensor-0001","unknown"],"statuses":["PRESENT","PRESENT"],' +
        '"event_timestamps":["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]},' +
        '{"values":[20.142857142857142,null],"statuses":["PRESENT","PRESENT"],' +
        `"event_timestamps":${timestamps}},` +
        '{"values":[60,null],"statuses":["PRESENT","PRESENT"],' +
        `"event_timestamps":${timestamps}}],` +
        '"metadata":{"feature_names":["sensor_id","avg_value","count"]}}',
    );
  });

  it('returns full feature names and the view’s metadata on request', () => {
    const request = accepted({
      features: ['sensor_features:avg_value'],
      entities,
      full_feature_names: true,
      include_feature_view_version_metadata: true,
    });

    expect(JSON.parse(onlineFeaturesResponse(request, ofBase([undefined])))).toMatchObject({
      metadata: {
        feature_names: ['sensor_id', 'sensor_features__avg_value'],
        feature_view_metadata: [{ name: 'sensor_features' }],
      },
    });
  });

  it('writes NaN and infinities as strings', () => {
    const request = accepted({ features: ['sensor_features:avg_value'], entities });
    const values = [NaN, Infinity, -Infinity, null].map((avg_value) => {
      const response = onlineFeaturesResponse(
        request,
        ofBase([{ eventTimeMs: 0, values: { avg_value } }]),
      );
      const { results } = JSON.parse(response) as { results: { values: unknown[] }[] };
      return results[1]?.values[0];
    });

    expect(values).toEqual(['NaN', 'Infinity', '-Infinity', null]);
  });

  it('serves every feature of the service named like the view', () => {
    const { selection } = accepted({ feature_service: 'sensor_features', entities });

    expect(selection.views).toEqual([{ name: 'sensor_features', features: known }]);
  });

  it('returns each view’s features with that view’s event time', () => {
    const request = accepted({
      features: ['sensor_features:count', 'sensor_features_5m:avg_value'],
      entities,
      include_feature_view_version_metadata: true,
    });
    const stored = [
      [{ eventTimeMs: 240_000, values: { count: 60 } }],
      [{ eventTimeMs: 300_000, values: { avg_value: 7 } }],
    ];

    expect(JSON.parse(onlineFeaturesResponse(request, stored))).toMatchObject({
      results: [
        {},
        { values: [60], event_timestamps: ['1970-01-01T00:04:00Z'] },
        { values: [7], event_timestamps: ['1970-01-01T00:05:00Z'] },
      ],
      metadata: {
        feature_names: ['sensor_id', 'count', 'avg_value'],
        feature_view_metadata: [{ name: 'sensor_features' }, { name: 'sensor_features_5m' }],
      },
    });
  });

  it.each([
    [['true', 'YES', 'on', 't', 1, true], true],
    [['false', 'No', 'off', '0', 0, false], false],
  ])('takes %j for a boolean, as pydantic does', (given, expected) => {
    for (const full_feature_names of given) {
      const features = ['sensor_features:count'];
      const { selection } = accepted({ features, entities, full_feature_names });
      expect(selection.metadata.includes('sensor_features__count')).toBe(expected);
    }
  });

  it.each([['maybe'], [2], [null], [[]]])('refuses %j for a boolean', (full_feature_names) => {
    const asked = { features: ['sensor_features:count'], entities, full_feature_names };

    expect(parse(asked)).toMatchObject({ status: 422 });
  });

  it('passes over columns of other entities, if they are as long', () => {
    const features = ['sensor_features:count'];
    const ids = ['a', 'b'];

    expect(accepted({ features, entities: { machine: [1, 2], sensor_id: ids } }).sensorIds).toEqual(
      ids,
    );
    expect(parse({ features, entities: { machine: [1], sensor_id: ids } })).toMatchObject({
      status: 500,
    });
  });

  describe('with a greatest age', () => {
    const features = ['sensor_features:count', 'sensor_features_5m:count'];
    const ids = { sensor_id: ['fresh', 'old', 'unknown'] };
    const nowMs = 1_000_000;
    const row = (eventTimeMs: number): OnlineFeatures => ({ eventTimeMs, values: { count: 1 } });
    const stored = [
      [row(nowMs - 60_000), row(nowMs - 60_001), undefined],
      [row(nowMs - 60_000), row(nowMs - 600_001), undefined],
    ];

    const statusesOf = (text: string | undefined, body: object = {}): unknown => {
      const { maxAge: maxAges } = parseConfig({ WINDOWS: '5m', MAX_AGE: text }).process;
      const asked = { features, entities: ids, full_feature_names: true, ...body };
      const parsed = onlineFeaturesParser({ ...served, maxAges })(JSON.stringify(asked));
      if ('status' in parsed) return parsed.status;
      const { results } = JSON.parse(onlineFeaturesResponse(parsed, stored, nowMs)) as {
        results: { statuses: string[]; values: unknown[] }[];
      };
      expect(results[1]?.values).toEqual([1, 1, null]);
      const outside = results.flatMap(({ statuses }) => statuses).filter((s) => s !== 'PRESENT');
      expect(rowsOutside(parsed, stored, nowMs)).toBe(outside.length);
      return results.map(({ statuses }) => statuses.map((status) => status[0]).join(''));
    };

    it('marks the rows older than MAX_AGE, by view, and leaves their values', () => {
      expect(statusesOf(undefined)).toEqual(['PPP', 'PPP', 'PPP']);
      expect(statusesOf('1m')).toEqual(['PPP', 'POP', 'POP']);
      expect(statusesOf('sensor_features_5m=10m')).toEqual(['PPP', 'PPP', 'POP']);
      expect(statusesOf('59s,sensor_features_5m=11m')).toEqual(['PPP', 'OOP', 'PPP']);
    });

    it('takes the age of a request before MAX_AGE', () => {
      expect(statusesOf(undefined, { max_age: '1m' })).toEqual(['PPP', 'POP', 'POP']);
      expect(statusesOf('1m', { max_age: '1h' })).toEqual(['PPP', 'PPP', 'PPP']);
      for (const max_age of ['soon', 60, '', '1m,2m']) {
        expect(statusesOf('1m', { max_age })).toBe(422);
      }
    });

    it('marks a sensor alone, whose text is cached, as soon as its row is too old', () => {
      const alone = { features: [features[0]], entities: { sensor_id: ['a'] }, max_age: '1m' };
      const request = accepted(alone);
      const kept = [[row(nowMs)]];

      const statuses = [60_000, 60_001, 0].map((ageMs) =>
        onlineFeaturesResponse(request, kept, nowMs + ageMs).includes('OUTSIDE_MAX_AGE'),
      );

      expect(statuses).toEqual([false, true, false]);
    });

    it('knows the age of the oldest row', () => {
      expect(oldestAgeMs(stored, nowMs)).toBe(600_001);
      expect(oldestAgeMs([[undefined]], nowMs)).toBeUndefined();
    });

    it('refuses a view that is not served', () => {
      expect(() => parseConfig({ WINDOWS: '5m', MAX_AGE: 'sensor_features_1h=1m' })).toThrow(
        `MAX_AGE names sensor_features_1h; allowed: ${feastView}, ${feastView}_5m`,
      );
      expect(() => parseConfig({ MAX_AGE: '1m,2m' })).toThrow('allowed: a length of time');
    });
  });

  it('distinguishes the same feature of two views only by full names, as Feast does', () => {
    const features = ['sensor_features:count', 'sensor_features_5m:count'];

    expect(parse({ features, entities })).toMatchObject({ status: 500 });
    const request = accepted({ features, entities, full_feature_names: true });
    expect(JSON.parse(onlineFeaturesResponse(request, []))).toMatchObject({
      metadata: {
        feature_names: ['sensor_id', 'sensor_features__count', 'sensor_features_5m__count'],
      },
    });
    expect(
      parse({ features: Array(2).fill(features[0]), entities, full_feature_names: true }),
    ).toMatchObject({ status: 500 });
  });

  it('accepts numbers as sensor ids, as the SDK does', () => {
    const features = ['sensor_features:count'];

    expect(accepted({ features, entities: { sensor_id: [42, '43'] } }).sensorIds).toEqual([
      '42',
      '43',
    ]);
  });

  it('refuses an unknown view with exactly the text of a Feast server', () => {
    const refusal = parse({ features: ['nope:avg_value'], entities });

    expect(refusal).toEqual({
      status: 404,
      body:
        '{"module": "feast.errors", "class": "FeatureViewNotFoundException", ' +
        '"message": "Feature view nope does not exist in project sensor_features"}',
    });
  });

  it('refuses an unknown service in the same way', () => {
    const refusal = parse({ feature_service: 'nope', entities });

    expect(refusal).toMatchObject({ status: 404 });
    expect(JSON.parse((refusal as { body: string }).body)).toMatchObject({
      class: 'FeatureServiceNotFoundException',
    });
  });

  it.each([
    ['bad JSON', '{"features":'],
    ['an empty body', ''],
    ['no object', '[]'],
    ['no entities', { features: ['sensor_features:count'] }],
    ['entities that are no object', { features: ['sensor_features:count'], entities: [] }],
    ['entity values that are no list', { features: [], entities: { sensor_id: 'a' } }],
    ['features that are no list', { features: 'sensor_features:count', entities }],
    ['features that are no strings', { features: [1], entities }],
  ])('refuses %s with 422 and a detail', (_what, body) => {
    const refusal = parse(body);

    expect(refusal).toMatchObject({
      status: 422,
      body: { detail: [{ type: expect.any(String) as string }] },
    });
  });

  it.each([
    ['an unknown feature', { features: ['sensor_features:nope'], entities }],
    ['a feature of Object.prototype', { features: ['sensor_features:toString'], entities }],
    ['a reference without a view', { features: ['count'], entities }],
    ['neither features nor service', { entities }],
    ['no feature at all', { features: [], entities }],
    ['a feature asked for twice', { features: Array(2).fill('sensor_features:count'), entities }],
    ['no sensor', { features: ['sensor_features:count'], entities: { sensor_id: [] } }],
    ['another entity', { features: ['sensor_features:count'], entities: { driver: ['a'] } }],
    ['no entity', { features: ['sensor_features:count'], entities: {} }],
    [
      'a sensor id that is null',
      { features: ['sensor_features:count'], entities: { sensor_id: [null] } },
    ],
    [
      'more sensors than a request may hold',
      { features: ['sensor_features:count'], entities: { sensor_id: Array(10_001).fill('a') } },
    ],
  ])('refuses %s with 500 and a string, as a Feast server does', (_what, body) => {
    expect(parse(body)).toMatchObject({ status: 500, body: expect.any(String) as string });
  });

  it('writes times with no fraction or three digits', () => {
    expect([0, 1_795_402_800_000, 1_795_402_800_120].map(rfc3339)).toEqual([
      '1970-01-01T00:00:00Z',
      '2026-11-23T03:00:00Z',
      '2026-11-23T03:00:00.120Z',
    ]);
  });
});
