import { describe, expect, it } from 'vitest';

import { sizingOf, type Load } from '../../src/cli/size.ts';
import { cli } from './captured-cli.ts';

const load: Load = {
  ...{ sensors: 100_000, rate: 1, windowS: 60, recordBytes: 100, retentionDays: 7 },
};

describe('size', () => {
  it('agrees with the example of docs/performance.md', () => {
    // "100,000 sensors with a reading a second and one-minute windows need 0.05 + 0.05 + 0.01 cores"
    expect(sizingOf(load).cores).toBeCloseTo(0.05 + 0.054 + 0.012, 3);
  });

  it('is within a fifth of the memory that was measured at the four corners', () => {
    const measured: readonly (readonly [number, number])[] = [
      [1_000, 0.3e9],
      [1_000_000, 0.7e9],
    ];
    for (const [sensors, bytes] of measured) {
      const { memoryBytes, partitions } = sizingOf({ ...load, sensors, rate: 0.01 });
      const withOnePartition = memoryBytes - (partitions - 1) * 16e6;
      expect(Math.abs(withOnePartition / bytes - 1), String(sensors)).toBeLessThan(0.2);
    }
  });

  it('counts no row of a window without a reading', () => {
    expect(sizingOf({ ...load, rate: 0.001 }).rowsPerSecond).toBeCloseTo(100, 6);
    expect(sizingOf(load).rowsPerSecond).toBeCloseTo(100_000 / 60, 6);
  });

  it('gives a heavy load as many workers as keep each below its share, and partitions for them', () => {
    const { cores, workers, partitions } = sizingOf({ ...load, sensors: 5_000_000, rate: 2 });

    expect(cores / workers).toBeLessThanOrEqual(0.6);
    expect(cores / (workers - 1)).toBeGreaterThan(0.6);
    expect(partitions).toBeGreaterThanOrEqual(workers);
  });

  it('prints lines for a person, or numbers', async () => {
    const args = ['size', '--sensors', '100000', '--rate', '1'];
    const shown = await cli(args);
    const json = await cli([...args, '--json']);

    expect(shown.out).toMatch(/^busy cores +0\.12$/m);
    expect(shown.out).toMatch(/^input topic +7 TB$/m);
    expect(JSON.parse(json.out)).toMatchObject({ readingsPerSecond: 100_000, workers: 1 });
    expect((await cli(['size', '--sensors', '5'])).exitCode).toBe(2);
  });
});
