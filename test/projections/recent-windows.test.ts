// The last windows of each sensor, in columns: against plain lists.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import { drawnFeature, RecentWindows } from '../../src/projections/recent-windows.ts';
import { featureRow } from '../http/in-memory-supervisor.ts';

describe('the recent windows of a sensor', () => {
  it(titled('are its last ones in order, with the sensor silent longest evicted'), async () => {
    const row = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), end: fc.nat(30) });
    await holds(
      fc.property(fc.array(row, { maxLength: 200 }), (rows) => {
        const bounds = { sensorsMax: 3, windowsPerSensor: 4, feature: 'avg_value' };
        const windows = new RecentWindows(bounds);
        const model = new Map<string, number[]>();
        for (const { id, end } of rows) {
          windows.add(featureRow(id, end));
          const ends = model.get(id) ?? [];
          model.delete(id);
          const newest = [...model.keys()].slice(-2);
          for (const other of model.keys()) if (!newest.includes(other)) model.delete(other);
          model.set(id, end > (ends.at(-1) ?? -1) ? [...ends, end].slice(-4) : ends);
        }

        for (const id of ['a', 'b', 'c', 'd']) {
          expect(windows.of(id).map(([endMs]) => endMs)).toEqual(model.get(id) ?? []);
        }
        expect(windows.sensors).toBe(model.size);
      }),
      runs(300),
    );
  });

  it('carry the drawn feature and the anomalies', () => {
    const windows = new RecentWindows({ sensorsMax: 9, windowsPerSensor: 4, feature: 'avg_value' });
    windows.add(featureRow('a', 60_000, 3));

    expect(windows.of('a')).toEqual([[60_000, 20.14286, 3]]);
    expect(drawnFeature(['count', 'max_value'])).toBe('max_value');
    expect(drawnFeature(['max_value', 'avg_value'])).toBe('avg_value');
  });
});
