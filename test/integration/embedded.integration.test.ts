// The embedded default under kill -9: the program with nothing configured, killed again and again while its simulated
// sensors speak, then left alone until every window is closed. Its log must hold what the model says, each row and each
// event of a silent sensor once.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { topicNames } from '../../src/log/topics.ts';
import { createLogger } from '../../src/logger.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { expectLastRows, semantics, semanticsEnv } from './pipeline.ts';
import { eventually, startProgram } from './program.ts';
import { outcomeDifferences, readOutcome } from './topics.ts';

it('on the embedded default nothing is lost or doubled by kill -9 at any moment', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-killed-'));
  const env = {
    ...{ ...semanticsEnv, DATA_DIR: dataDir, SNAPSHOT_INTERVAL_MS: '2000', WORKERS: '2' },
    SILENT_AFTER: '1500ms',
  };
  // Moments spread over a second, so that some fall into a commit or a snapshot.
  for (const runMs of [3_100, 2_350, 4_620, 3_870, 2_790]) {
    const program = await startProgram(env);
    await program.ready();
    await sleep(runMs);
    await program.kill();
  }
  const last = await startProgram({ ...env, SIMULATED_SENSORS: '0' });
  await eventually(() => expectNothingOpen(last.url), { timeoutMs: 40_000 });
  const exitCode = await last.stop();

  const logger = createLogger('error');
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger });
  const names = topicNames({
    inputTopic: 'raw_readings',
    outputTopic: 'sensor_features',
    anomalyTopic: 'sensor_anomalies',
  });
  const topics = { ...names, groupId: 'sensor-feature-processor', env: {} };
  const outcome = await readOutcome(log, topics, { ...semantics, silentAfterMs: 1_500 });
  const store = openEmbeddedFeatureStore({ dataDir });

  expect(exitCode).toBe(0);
  expect(outcome.rows.length).toBeGreaterThan(20);
  expect(outcome.expected.events.length).toBeGreaterThan(5);
  expect(outcomeDifferences(outcome)).toEqual([]);
  await expectLastRows(store, outcome);
  await store.close();
  await log.close();
});

async function expectNothingOpen(url: string): Promise<void> {
  const tree = (await (await fetch(`${url}/supervisor`)).json()) as {
    workers: { shards: { phase: string; openWindows: number; lag: number }[] }[];
    projector: { partitions: { position: number; highWatermark: number }[] };
  };
  const shards = tree.workers.flatMap((worker) => worker.shards);
  expect(shards).toHaveLength(8);
  for (const shard of shards) {
    expect(shard).toMatchObject({ phase: 'running', openWindows: 0, lag: 0 });
  }
  expect(tree.projector.partitions.every((p) => p.position === p.highWatermark)).toBe(true);
}
