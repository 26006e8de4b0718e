import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onlineFeaturesResponse, rfc3339, viewsOf } from '../../src/http/feast-response.ts';
import type { OnlineFeatures } from '../../src/stores/feature-store.ts';
import { runs, titled } from '../seed.ts';

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

describe('the answer of the feature server', () => {
  it(titled('is the text of its columns in JSON, whatever is stored'), () => {
    fc.assert(
      fc.property(asked, ({ sensors, ...request }) => {
        const sensorIds = sensors.map(([id]) => id);
        const rowsOf = (view: string): (OnlineFeatures | undefined)[] =>
          sensors.map(([, base, larger]) => (view === views[0] ? base : larger));
        const statuses = sensorIds.map(() => 'PRESENT');

        const stored = new Map(
          viewsOf({ sensorIds, ...request }).map((view) => [view, rowsOf(view)]),
        );
        const text = onlineFeaturesResponse({ sensorIds, ...request }, stored);

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
            ? { feature_view_metadata: [...stored.keys()].map((name) => ({ name })) }
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
