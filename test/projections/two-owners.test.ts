import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import { createTwoOwners } from '../../src/projections/two-owners.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';

const from = (sensorId: string, topic: string, partition: number): FeatureRow => ({
  ...featureRow(sensorId, 0),
  lineage: { topic, partition, first_offset: 0, last_offset: 1 },
});

describe('two owners of one sensor', () => {
  test('a sensor is reported once, at its first row from another shard', () => {
    const owners = createTwoOwners();
    const observed = [
      from('a', 'raw_readings', 1),
      from('a', 'raw_readings', 1),
      from('a', 'raw_readings.rekeyed', 1),
      from('a', 'raw_readings', 1),
      from('a', 'raw_readings', 2),
    ].map((row) => owners.observe(row));

    expect(observed).toEqual([false, false, true, false, false]);
  });

  test('300,000 sensors of one shard each are never reported', () => {
    const owners = createTwoOwners();
    let reported = 0;

    for (let round = 0; round < 2; round += 1) {
      for (let sensor = 0; sensor < 300_000; sensor += 1) {
        const row = from(`sensor_${sensor}`, 'raw_readings', sensor % 64);
        if (owners.observe(row)) reported += 1;
      }
    }

    expect(reported).toBe(0);
  });

  test(titled('of few sensors exactly those with two shards are reported'), async () => {
    const row = fc.record({
      sensor: fc.stringMatching(/^[a-e]$/),
      partition: fc.integer({ min: 0, max: 2 }),
    });
    await holds(
      fc.property(fc.array(row), (rows) => {
        const owners = createTwoOwners();
        const shardsOf = new Map<string, Set<number>>();
        const reported = new Set<string>();

        for (const { sensor, partition } of rows) {
          shardsOf.set(sensor, (shardsOf.get(sensor) ?? new Set()).add(partition));
          if (owners.observe(from(sensor, 'raw_readings', partition))) {
            expect(reported.has(sensor)).toBe(false);
            reported.add(sensor);
          }
        }

        const expected = [...shardsOf].filter(([, shards]) => shards.size > 1).map(([id]) => id);
        expect([...reported].sort()).toEqual(expected.sort());
      }),
      runs(500),
    );
  });
});
