import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { describe, expect, it } from 'vitest';

import { UnavailableError } from '../../../src/errors.ts';
import { allFeatures, defaultFeatures, selectFeatures } from '../../../src/sensors/features.ts';
import type { HistoryEntry } from '../../../src/stores/history-store.ts';
import { featureColumns } from '../../../src/stores/parquet/feature-columns.ts';
import { writeFeatureFile } from '../../../src/stores/parquet/feature-file.ts';
import { featureRow } from '../../contracts/feature-store.contract.ts';

const createdMs = 1_700_000_107_123;
const without = 'without lineage' as const;

function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), 'sensorium-parquet-'));
}

async function* inOrder(rows: readonly HistoryEntry[]): AsyncGenerator<HistoryEntry> {
  for (const row of rows) yield await Promise.resolve(row);
}

async function readBack(path: string): Promise<readonly Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(path) });
}

describe('the columns of a Parquet file of features', () => {
  it('are the keys and times of Feast, then every declared feature with its declared type', () => {
    const columns = featureColumns(allFeatures, without).map(({ element }) => [
      element.name,
      element.type,
    ]);

    expect(columns).toEqual([
      ['sensor_id', 'BYTE_ARRAY'],
      ...['event_timestamp', 'created', 'available_at', 'window_start'].map((name) => [
        name,
        'INT64',
      ]),
      ...allFeatures.map(({ name, type }) => [name, type === 'Int64' ? 'INT64' : 'DOUBLE']),
    ]);
  });

  it('have unique names, even with lineage', () => {
    const names = featureColumns(allFeatures, 'with lineage').map(({ element }) => element.name);

    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('lineage_last_offset');
  });
});

describe('a Parquet file of features', () => {
  it('returns every double bit for bit, every count and every id', async () => {
    const path = join(freshFolder(), 'features.parquet');
    const doubles = [0, -0, 0, -0, 0.1 + 0.2, 5e-324, -1.7976931348623157e308, 1e150];
    // Often enough that a writer would make a dictionary of them.
    const rows = Array.from({ length: 100 }, () => doubles)
      .flat()
      .map((double, index) => ({
        row: featureRow(`датчик-🌡-${index}`, index, {
          avg_value: double,
          count: 2 ** 53 - 1 - index,
        }),
        createdMs: createdMs + index,
        availableMs: createdMs + index + 1,
      }));

    await writeFeatureFile(
      { path, features: defaultFeatures, lineage: 'with lineage' },
      inOrder(rows),
    );

    expect(await readBack(path)).toEqual(
      rows.map(({ row, createdMs: created }) => ({
        sensor_id: row.sensor_id,
        event_timestamp: new Date(row.window_end),
        created: new Date(created),
        available_at: new Date(created + 1),
        window_start: new Date(row.window_start),
        ...row.features,
        count: BigInt(row.features['count'] ?? NaN),
        anomaly_count: BigInt(row.features['anomaly_count'] ?? NaN),
        lineage_topic: 'raw_readings',
        lineage_partition: 2,
        lineage_first_offset: 100n,
        lineage_last_offset: 9120n,
      })),
    );
  });

  it('has null where a row lacks a feature, and a row’s other features do not become columns', async () => {
    const path = join(freshFolder(), 'features.parquet');
    const features = selectFeatures(['avg_value', 'median', 'alarm_count']);

    await writeFeatureFile(
      { path, features, lineage: without },
      inOrder([{ row: featureRow('a', 0), createdMs, availableMs: createdMs }]),
    );

    const [row] = await readBack(path);
    expect(row).toMatchObject({ avg_value: 20.1, median: null, alarm_count: null });
    expect(row).not.toHaveProperty('std_dev');
  });

  it('describes its features with units, and has its columns even without rows', async () => {
    const path = join(freshFolder(), 'new', 'features.parquet');
    const features = selectFeatures(['gap_max_ms', 'p95']);

    await writeFeatureFile({ path, features, lineage: without }, inOrder([]));

    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    expect(metadata.num_rows).toBe(0n);
    expect(names.slice(-2)).toEqual(['gap_max_ms', 'p95']);
    const [declared] = metadata.key_value_metadata ?? [];
    expect(JSON.parse(declared?.value ?? '')).toEqual(
      features.map(({ name, type, unit, description }) => ({ name, type, unit, description })),
    );
  });

  it('stays unchanged when the rows fail halfway, and no temporary file is left', async () => {
    const folder = freshFolder();
    const path = join(folder, 'features.parquet');
    writeFileSync(path, 'as it was');
    const failing = async function* (): AsyncGenerator<HistoryEntry> {
      yield await Promise.resolve({ row: featureRow('a', 0), createdMs, availableMs: createdMs });
      throw new UnavailableError('the broker is away');
    };

    const written = writeFeatureFile(
      { path, features: defaultFeatures, lineage: without },
      failing(),
    );

    await expect(written).rejects.toThrow('the broker is away');
    expect(readdirSync(folder)).toEqual(['features.parquet']);
    expect((await asyncBufferFromFile(path)).byteLength).toBe('as it was'.length);
  });

  it('names the path that cannot be written', async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'file'), '');
    const path = join(folder, 'file', 'features.parquet');

    const written = writeFeatureFile({ path, features: [], lineage: without }, inOrder([]));

    await expect(written).rejects.toThrow(`cannot write ${path}: `);
  });
});
