import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onlineFeaturesParser, selectionOf } from '../../src/http/feast-request.ts';
import { onlineFeaturesResponse, rfc3339 } from '../../src/http/feast-response.ts';
import type { OnlineFeatures } from '../../src/stores/feature-store.ts';
import { holds, runs, titled } from '../seed.ts';

const features = ['avg_value', 'count', 'anomaly_rate'];
const epoch = '1970-01-01T00:00:00Z';

/** Stored sensors: any doubles, nulls, features that are missing, sensors that are not there. */
const row: fc.Arbitrary<OnlineFeatures | undefined> = fc.option(
  fc.record({
    eventTimeMs: fc.oneof(
      fc.constantFrom(0, 60_000, 61_500),
      fc.integer({ min: -1e14, max: 2.5e14 }),
    ),
    values: fc.dictionary(fc.constantFrom(...features), fc.option(fc.double())),
  }),
  { nil: undefined },
);
const views = ['sensor_features', 'sensor_features_5m'];
const references = views.flatMap((view) => features.map((name) => ({ view, name })));
const asked = fc.record({
  sensors: fc.array(fc.tuple(fc.string({ unit: 'binary' }), row, row), { minLength: 1 }),
  features: fc.shuffledSubarray(references, { minLength: 1 }),
  fullFeatureNames: fc.boolean(),
  withViewMetadata: fc.boolean(),
});

function inJson(value: number | null): number | string | null {
  return value === null || Number.isFinite(value) ? value : String(value);
}

const request = fc.record({
  features: fc.option(
    fc.subarray([...references.map(({ view, name }) => `${view}:${name}`), 'no:such']),
    {
      nil: undefined,
    },
  ),
  feature_service: fc.constantFrom(undefined, ...views, 'other'),
  full_feature_names: fc.boolean(),
  include_feature_view_version_metadata: fc.boolean(),
  entities: fc.constantFrom({ sensor_id: ['a'] }, { sensor_id: ['a', 'b'] }),
});

describe('the answer of the feature server', () => {
  it(titled('does not depend on what was asked for before'), async () => {
    await holds(
      fc.property(fc.array(request, { maxLength: 20 }), row, (requests, stored) => {
        const served = { views, features };
        const parse = onlineFeaturesParser(served);
        const answer = (
          parsed: ReturnType<typeof parse>,
          kept: OnlineFeatures | undefined,
        ): unknown =>
          'status' in parsed
            ? parsed
            : onlineFeaturesResponse(
                parsed,
                parsed.selection.views.map(() => parsed.sensorIds.map(() => kept)),
              );
        for (const each of requests) {
          const text = JSON.stringify(each);
          const alone = stored && { eventTimeMs: stored.eventTimeMs, values: stored.values };

          const inTurn = answer(parse(text), stored);

          expect(inTurn).toEqual(answer(onlineFeaturesParser(served)(text), alone));
        }
      }),
      runs(200),
    );
  });

  it(titled('is the text of its columns in JSON, whatever is stored'), async () => {
    await holds(
      fc.property(asked, ({ sensors, ...request }) => {
        const sensorIds = sensors.map(([id]) => id);
        const rowsOf = (view: string): (OnlineFeatures | undefined)[] =>
          sensors.map(([, base, larger]) => (view === views[0] ? base : larger));
        const statuses = sensorIds.map(() => 'PRESENT');

        const selection = selectionOf(request);
        const viewNames = selection.views.map(({ name }) => name);
        const text = onlineFeaturesResponse({ sensorIds, selection }, viewNames.map(rowsOf));

        const columns = request.features.map(({ view, name }) => ({
          values: rowsOf(view).map((each) => inJson(each?.values[name] ?? null)),
          statuses,
          event_timestamps: rowsOf(view).map((each) => rfc3339(each?.eventTimeMs ?? 0)),
        }));
        const metadata = {
          feature_names: [
            'sensor_id',
            ...request.features.map(({ view, name }) =>
              request.fullFeatureNames ? `${view}__${name}` : name,
            ),
          ],
          ...(request.withViewMetadata
            ? { feature_view_metadata: viewNames.map((name) => ({ name })) }
            : {}),
        };
        const entity = {
          values: sensorIds,
          statuses,
          event_timestamps: sensorIds.map(() => epoch),
        };
        expect(text).toBe(JSON.stringify({ results: [entity, ...columns], metadata }));
      }),
      runs(300),
    );
  });
});
