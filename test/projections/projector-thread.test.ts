import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { runProjector } from '../../src/projections/projector-thread.ts';
import type { ProjectorCommand, ProjectorEvent } from '../../src/projections/protocol.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { bytes, eventually } from '../contracts/event-log-harness.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { recordingLogger } from './recorded.ts';

let dataDir: string;
let config: Config;
let log: EventLog;
let port: MessagePort;
let events: ProjectorEvent[];
let ended: Promise<unknown>;

const send = (command: ProjectorCommand): void => port.postMessage(command);

function start(): void {
  const channel = new MessageChannel();
  port = channel.port1;
  events = [];
  port.on('message', (event: ProjectorEvent) => events.push(event));
  ended = runProjector({ config, port: channel.port2 }).catch((error: unknown) => error);
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-projector-thread-'));
  config = parseConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'fatal' });
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger: recordingLogger() });
});

afterEach(async () => {
  port.close();
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('the thread of the projector', () => {
  test('it reports its status and rows, answers requests for metrics, and ends when drained', async () => {
    const { outputTopic } = config.process;
    await log.ensureTopics([{ topic: outputTopic, partitions: 1 }]);
    const row = featureRow('sensor_001', 0);
    await log.append([
      { topic: outputTopic, key: bytes(row.sensor_id), value: bytes(JSON.stringify(row)) },
    ]);

    start();
    await eventually(() => {
      expect(events).toContainEqual({ type: 'running' });
      expect(events).toContainEqual({ type: 'rows', rows: [row] });
      const status = events.findLast(({ type }) => type === 'status');
      expect(status).toMatchObject({ lag: 0, connected: true, lastError: null });
      expect(status).toMatchObject({
        partitions: [{ topic: outputTopic, partition: 0, position: 1, highWatermark: 1 }],
      });
    });
    send({ type: 'metrics', requestId: 7 });
    await eventually(() => {
      const answer = events.find((event) => event.type === 'metrics');
      expect(answer?.requestId).toBe(7);
      expect(JSON.stringify(answer?.metrics)).toContain('sensorium_projected_rows_total');
    });
    send({ type: 'drain' });

    expect(await ended).toBeUndefined();
    await eventually(() => expect(events.at(-1)).toEqual({ type: 'drained' }));
    const groupId = `${config.process.groupId}-projection`;
    expect(await log.committed(groupId, { topic: outputTopic, partition: 0 })).toMatchObject({
      nextOffset: 1,
    });
    const store = openEmbeddedFeatureStore({ dataDir });
    expect(await store.read(['sensor_001'])).toMatchObject([{ values: row.features }]);
    await store.close();
  });

  test('without its topic it ends with the directive to stop, as data', async () => {
    start();

    expect(await ended).toMatchObject({ code: 'CONFIG', details: {} });
    expect(await ended).not.toBeInstanceOf(Error);
  });
});
