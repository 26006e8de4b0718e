// The embedded online feature store: the newest feature row of each sensor and view, in LMDB. Any
// thread of the process reads it while the projector writes.
//
//   rows  SHA-256 of the sensor id · name of the view (empty: base windows)
//           → format u8 = 1 · window end i64 · JSON of the features
//
// The key is a hash because LMDB limits the length of keys, and a sensor id may be any text. JSON
// keeps every double exactly except -0, which is written as the string "-0".
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';

import { feastView } from '../../codecs/feast.ts';
import type { FeatureRow } from '../../codecs/feature-row.ts';
import { assert } from '../../errors.ts';
import { openDurableTables } from '../../lmdb/tables.ts';
import type { PlanView } from '../../lmdb/plan-view.ts';
import type { FeatureStore, OnlineFeatures } from '../feature-store.ts';

const table = 'rows';
const format = 1;
const headerBytes = 9;
/** Rows per transaction; bounds how long the log waits for the write lock. */
const rowsPerUpdate = 1_000;

export interface EmbeddedFeatureStoreOptions {
  /** Folder of the store (in `features/`), used by one process at a time. */
  readonly dataDir: string;
  /** `read` opens it even beside the process that holds the folder. Default `write`. */
  readonly access?: 'write' | 'read';
}

/**
 * Opens the embedded feature store of `dataDir`, creating it if missing.
 * @throws ConfigError if another process holds the folder (with its pid), or it cannot be written.
 */
export function openEmbeddedFeatureStore(options: EmbeddedFeatureStoreOptions): FeatureStore {
  const tables = openDurableTables({
    dataDir: resolve(options.dataDir),
    name: 'features',
    tables: [table],
    access: options.access ?? 'write',
  });
  return {
    async upsert(rows, view = feastView) {
      let written = 0;
      for (let start = 0; start < rows.length; start += rowsPerUpdate) {
        const some = rows.slice(start, start + rowsPerUpdate);
        const { result, flushed } = await tables.update((plan) => writeNewer(plan, some, view));
        await flushed;
        written += result;
      }
      return { written, skipped: rows.length - written };
    },
    async read(sensorIds, view = feastView) {
      tables.refresh();
      return sensorIds.map((id) => decodeRow(tables.get(table, sensorKey(id, view))));
    },
    async ping() {
      tables.refresh();
      tables.get(table, sensorKey('ping', feastView));
    },
    close: () => tables.close(),
  };
}

function writeNewer(plan: PlanView, rows: readonly FeatureRow[], view: string): number {
  let written = 0;
  for (const row of rows) {
    const key = sensorKey(row.sensor_id, view);
    const stored = plan.get(table, key);
    if (stored !== undefined && windowEndMs(stored) >= row.window_end) continue;
    plan.put(table, key, encodeRow(row));
    written += 1;
  }
  return written;
}

function sensorKey(sensorId: string, view: string): Buffer {
  const id = createHash('sha256').update(sensorId, 'utf8').digest();
  return view === feastView ? id : Buffer.concat([id, Buffer.from(view)]);
}

function encodeRow(row: FeatureRow): Buffer {
  assert(Number.isSafeInteger(row.window_end), 'A window ends at a whole millisecond', {
    sensor_id: row.sensor_id,
    window_end: row.window_end,
  });
  const json = JSON.stringify(row.features, (name, value: unknown) => {
    assert(typeof value !== 'number' || Number.isFinite(value), 'A feature is not finite', {
      sensor_id: row.sensor_id,
      name,
    });
    return Object.is(value, -0) ? '-0' : value;
  });
  const value = Buffer.alloc(headerBytes + Buffer.byteLength(json));
  value.writeUInt8(format, 0);
  value.writeBigInt64BE(BigInt(row.window_end), 1);
  value.write(json, headerBytes);
  return value;
}

function windowEndMs(stored: Buffer): number {
  assert(stored[0] === format, 'The feature store was written by another version', {
    format: stored[0],
  });
  return Number(stored.readBigInt64BE(1));
}

function decodeRow(stored: Buffer | undefined): OnlineFeatures | undefined {
  if (stored === undefined) return undefined;
  const values: unknown = JSON.parse(
    stored.toString('utf8', headerBytes),
    (_name, value: unknown) => (value === '-0' ? -0 : value),
  );
  return {
    eventTimeMs: windowEndMs(stored),
    values: values as Readonly<Record<string, number>>,
  };
}
