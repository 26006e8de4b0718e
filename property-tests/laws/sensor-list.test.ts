// A search through a shard's sensors: pages put one after the other are what a plain filter and sort
// of all sensors gives, whatever the size of the pages.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareNaturally } from '../../src/sensors/natural-order.ts';
import {
  listPlace,
  sensorFilters,
  sensorSorts,
  type ListedSensor,
  type ListPlace,
  type SensorQuery,
} from '../../src/sensors/sensor-list.ts';
import { createShardState, type ShardState } from '../../src/sensors/shard-state.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { foldAll } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const ids = fc.uniqueArray(
  fc.oneof(
    fc.tuple(fc.constantFrom('pump', 'Pump', 'β', ''), fc.nat(120)).map(([a, n]) => `${a}_${n}`),
    fc.string({ minLength: 1, unit: 'grapheme' }),
  ),
  { minLength: 1, maxLength: 40 },
);
const query = fc.record({
  search: fc.constantFrom('', '', 'PUMP', '1', 'β'),
  filter: fc.constantFrom(null, ...sensorFilters),
  sort: fc.constantFrom(...sensorSorts),
  order: fc.constantFrom('ascending' as const, 'descending' as const),
});

function stateOf(sensorIds: readonly string[], baseline: 'adaptive' | 'cumulative'): ShardState {
  const state = createShardState({ ...defaultSemantics, baseline }, { watermark: 'own' });
  const readings = sensorIds.flatMap((sensorId, index) =>
    [1, 1, 2, 1, 900 * (index % 3)].map((value, at) => {
      const timestampMs = index % 5 === 0 ? 1_000 + at : 200_000 + at;
      return { sensorId, value, timestampMs, recordTimestampMs: timestampMs };
    }),
  );
  const inOrder = readings.sort((a, b) => a.timestampMs - b.timestampMs);
  foldAll(
    state,
    inOrder.map((reading, offset) => ({ ...reading, offset })),
  );
  sensorIds.filter((_, index) => index % 7 === 1).forEach((id) => state.quarantine(id));
  return state;
}

function pageOf(state: ShardState, search: SensorQuery) {
  const scan = state.sensorScan(search);
  while (scan.step());
  return { sensors: scan.page(), matching: scan.matching };
}

/** All pages, one after the other. */
function paged(state: ShardState, search: Omit<SensorQuery, 'after'>): readonly ListedSensor[] {
  const all: ListedSensor[] = [];
  for (let after: ListPlace | null = null; ;) {
    const { sensors } = pageOf(state, { ...search, after });
    all.push(...sensors);
    expect(all.length).toBeLessThanOrEqual(state.sensorCount);
    const last = sensors.at(-1);
    if (last === undefined || sensors.length < search.limit) return all;
    after = listPlace(last, search.sort);
  }
}

describe('a list of sensors', () => {
  it(titled('has every matching sensor once, in order, on pages of any size'), async () => {
    await holds(
      fc.property(
        ids,
        query,
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom('adaptive' as const, 'cumulative' as const),
        (sensorIds, search, limit, baseline) => {
          const state = stateOf(sensorIds, baseline);
          const everything = pageOf(state, {
            ...{ search: '', filter: null, sort: 'id', order: 'ascending', after: null },
            limit: 1_000,
          });
          const sign = search.order === 'ascending' ? 1 : -1;
          const wanted = everything.sensors
            .filter((sensor) => matches(sensor, search))
            .sort((a, b) => {
              const byValue = search.sort === 'id' ? 0 : a[search.sort] - b[search.sort];
              return sign * (byValue || compareNaturally(a.sensor_id, b.sensor_id));
            });

          const listed = paged(state, { ...search, limit });

          expect(everything.matching).toBe(state.sensorCount);
          expect(listed).toEqual(wanted);
          expect(pageOf(state, { ...search, limit, after: null }).matching).toBe(wanted.length);
        },
      ),
      runs(300),
    );
  });
});

function matches(
  sensor: ListedSensor,
  { search, filter }: Pick<SensorQuery, 'search' | 'filter'>,
): boolean {
  if (!sensor.sensor_id.toLowerCase().includes(search.toLowerCase())) return false;
  if (filter === 'alarmed') return sensor.alarmed;
  return filter === null || sensor.lifecycle === (filter === 'silent' ? 'idle' : filter);
}

describe('the natural order', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '0', '1', '9', '-', 'β') }),
    fc.string({ unit: 'grapheme' }),
  );

  it(titled('is a total order'), async () => {
    await holds(
      fc.property(text, text, text, (a, b, c) => {
        expect(Math.sign(compareNaturally(a, b))).toBe(-Math.sign(compareNaturally(b, a)) + 0);
        expect(compareNaturally(a, b) === 0).toBe(a === b);
        const [first = '', second = '', third = ''] = [a, b, c].sort(compareNaturally);
        expect(compareNaturally(first, second)).toBeLessThanOrEqual(0);
        expect(compareNaturally(second, third)).toBeLessThanOrEqual(0);
        expect(compareNaturally(first, third)).toBeLessThanOrEqual(0);
      }),
      runs(300),
    );
  });

  it(titled('puts numbers in ids by their value'), async () => {
    await holds(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        expect(Math.sign(compareNaturally(`pump_${a}/x`, `pump_${b}/x`))).toBe(Math.sign(a - b));
      }),
      runs(300),
    );
  });
});
