import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { feastView } from '../../src/codecs/feast.ts';
import { systemClock } from '../../src/clock.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import { ConfigError, UnavailableError } from '../../src/errors.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { rebuild, type RebuildProgress } from '../../src/projections/rebuild.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { bytes } from '../contracts/event-log-harness.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { SimulatedClock } from '../producer/simulated-clock.ts';
import { recordingLogger, withFaults, type FaultyStore } from './recorded.ts';

const topic = 'sensor_features';

let dataDir: string;
let log: EventLog;
let store: FaultyStore;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-rebuild-'));
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger: recordingLogger() });
  store = withFaults(openEmbeddedFeatureStore({ dataDir }));
  await log.ensureTopics([{ topic, partitions: 3 }]);
});

afterEach(async () => {
  await store.close();
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function append(rows: readonly FeatureRow[]): Promise<unknown> {
  return log.append(
    rows.map((row) => ({ topic, key: bytes(row.sensor_id), value: bytes(JSON.stringify(row)) })),
  );
}

const clock = (): SimulatedClock => new SimulatedClock();

describe('rebuild', () => {
  test('an emptied store ends with the newest window of every sensor, and progress reaches the total', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `s${index}`);
    for (const window of [0, 2, 1]) await append(ids.map((id) => featureRow(id, window)));
    await log.append([{ topic, partition: 1, key: null, value: bytes('not a row') }]);
    const progress: RebuildProgress[] = [];
    const bad: string[] = [];

    const result = await rebuild(
      log,
      store,
      {
        topics: [{ topic, view: feastView }],
        clock: clock(),
        onBadRow: ({ partition }, offset) => bad.push(`${partition}:${offset}`),
      },
      (step) => progress.push(step),
    );

    const read = await store.read(ids);
    expect(read.map((features) => features?.values['count'])).toEqual(ids.map(() => 62));
    expect(result).toEqual({
      records: 601,
      recordsTotal: 601,
      written: 200,
      skipped: 0,
      refused: 0,
      badRows: 1,
    });
    expect(progress.at(-1)).toEqual(result);
    expect(progress.map(({ records }) => records)).toEqual(
      progress.map(({ records }) => records).sort((a, b) => a - b),
    );
    expect(bad.length).toBe(1);
  });

  test('a store that is ahead stays ahead, and a second rebuild writes nothing', async () => {
    await append([featureRow('a', 1), featureRow('b', 1)]);
    await store.upsert([featureRow('a', 9)]);
    const run = (): Promise<RebuildProgress> =>
      rebuild(
        log,
        store,
        { topics: [{ topic, view: feastView }], clock: clock() },
        () => undefined,
      );

    expect(await run()).toMatchObject({ written: 1, skipped: 1 });
    expect(await run()).toMatchObject({ written: 0, skipped: 2 });

    const read = await store.read(['a', 'b']);
    expect(read.map((features) => features?.values['count'])).toEqual([69, 61]);
  });

  test('a store that is away is retried for half a minute, then the command fails', async () => {
    await append([featureRow('a', 1)]);
    store.away = 'all';
    const waiting = clock();

    const failed = rebuild(
      log,
      store,
      { topics: [{ topic, view: feastView }], clock: waiting },
      () => undefined,
    );

    await expect(failed).rejects.toThrow(UnavailableError);
    const waitedMs = waiting.sleeps.reduce((sum, sleepMs) => sum + sleepMs, 0);
    expect(waitedMs).toBeGreaterThan(20_000);
    expect(waitedMs).toBeLessThan(60_000);
  });

  test('an abort ends it with an error, and a missing topic is named', async () => {
    await append([featureRow('a', 1)]);
    const options = { clock: clock(), signal: AbortSignal.abort() };

    await expect(
      rebuild(log, store, { topics: [{ topic, view: feastView }], ...options }, () => undefined),
    ).rejects.toThrow(/interrupted/);
    const missing = rebuild(
      log,
      store,
      { topics: [{ topic: 'nothing', view: feastView }], clock: clock() },
      () => undefined,
    );
    await expect(missing).rejects.toThrow(ConfigError);
    await expect(missing).rejects.toThrow(/nothing/);
  });

  test('an empty topic is rebuilt at once', async () => {
    const result = await rebuild(
      log,
      store,
      { topics: [{ topic, view: feastView }], clock: clock() },
      () => undefined,
    );

    expect(result).toMatchObject({ records: 0, recordsTotal: 0, written: 0 });
  });
});
