// Questions to the threads of a pipeline whose log refuses the requests behind them: each question
// is answered, and the threads go on.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { SensorSearch, WorkerEvent } from '../../src/actors/protocol.ts';
import { runShards } from '../../src/actors/worker-loop.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import { ConfigError, InvariantError, UnavailableError } from '../../src/errors.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { featureTopics, topicSpecs } from '../../src/log/topics.ts';
import { runOnlineProjection } from '../../src/projections/projector-loop.ts';
import type { ProjectorEvent } from '../../src/projections/protocol.ts';
import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { openFileSnapshotStore } from '../../src/stores/file/file-snapshot-store.ts';
import { eventually } from '../contracts/event-log-harness.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';

let dataDir: string;
let config: Config;
let log: EventLog;
let failure: Error | undefined;

/** The log of the threads: it refuses the anomalies and every writer while there is a failure. */
function refusing(): EventLog {
  return new Proxy(log, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      return (...asked: readonly unknown[]): unknown => {
        const isRefused =
          property === 'openWriter' ||
          (property === 'describeTopic' && asked[0] === config.process.anomalyTopic);
        if (failure !== undefined && isRefused) return Promise.reject(failure);
        return member.apply(target, asked) as unknown;
      };
    },
  });
}

beforeEach(async () => {
  failure = undefined;
  dataDir = mkdtempSync(join(tmpdir(), 'sensorium-questions-'));
  config = parseConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'fatal' });
  log = openEmbeddedLog({ dataDir, clock: systemClock, logger: keepingLogger() });
  await log.ensureTopics(topicSpecs(config.process, { partitions: 1 }, featureTopics(config)));
});
afterEach(async () => {
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const failures = [
  new UnavailableError('no broker answers'),
  new ConfigError('the topic does not exist'),
  new ConfigError('User:s lacks Read on topic sensor_anomalies', { operation: 'Read' }),
  new InvariantError('a bug'),
].map((error) => [error.message, error] as const);

interface Thread<Event> {
  readonly port: MessagePort;
  readonly events: Event[];
  readonly ended: Promise<unknown>;
}

function thread<Event>(run: (port: MessagePort) => Promise<void>): Thread<Event> {
  const { port1: port, port2 } = new MessageChannel();
  const events: Event[] = [];
  port.on('message', (event: Event) => events.push(event));
  const ended = run(port2).catch((error: unknown) => error);
  return { port, events, ended };
}

describe('a question whose answer fails', () => {
  it.each(failures)('leaves the projector running: %s', async (message, error) => {
    const store = openEmbeddedFeatureStore({ dataDir });
    const parts = { config, log: refusing(), store, clock: systemClock, logger: keepingLogger() };
    const projector = thread<ProjectorEvent>((port) => runOnlineProjection({ ...parts, port }));
    await eventually(() => expect(projector.events).toContainEqual({ type: 'running' }));

    failure = error;
    projector.port.postMessage({ type: 'anomalies', requestId: 1, sensorId: 'a' });
    await eventually(() => {
      const refused = projector.events.find(({ type }) => type === 'refused');
      expect(refused).toMatchObject({ requestId: 1, error: { code: error.code, message } });
    });
    failure = undefined;
    projector.port.postMessage({ type: 'anomalies', requestId: 2, sensorId: 'a' });
    await eventually(() =>
      expect(projector.events).toContainEqual({ type: 'anomalies', requestId: 2, anomalies: [] }),
    );
    projector.port.postMessage({ type: 'drain' });

    expect(await projector.ended).toBeUndefined();
    projector.port.close();
    await store.close();
  });

  it.each(failures)('leaves a worker running: %s', async (_message, error) => {
    failure = error;
    const parts = { config, log: refusing(), clock: systemClock, logger: keepingLogger() };
    const snapshots = openFileSnapshotStore({ folder: join(dataDir, 'snapshots') });
    const worker = thread<WorkerEvent>((port) => runShards({ ...parts, snapshots, port }));
    await eventually(() => expect(worker.events).toContainEqual({ type: 'running' }));

    const command = { name: 'reset', sensorId: 'a', message: '' };
    const search: SensorSearch = {
      ...{ shard: null, search: '', filter: null, after: null },
      ...{ sort: 'id', order: 'ascending', limit: 10 },
    };
    const retry = { topic: config.process.inputTopic, partition: 0, acceptGap: false };
    worker.port.postMessage({ type: 'command', requestId: 1, command });
    worker.port.postMessage({ type: 'retry', requestId: 2, retry });
    worker.port.postMessage({ type: 'sensor', requestId: 3, sensorId: 'a' });
    worker.port.postMessage({ type: 'sensors', requestId: 4, search });
    worker.port.postMessage({ type: 'metrics', requestId: 5 });
    await eventually(() => {
      const answered = worker.events.flatMap((event) =>
        'requestId' in event ? [event.requestId] : [],
      );
      expect([...answered].sort()).toEqual([1, 2, 3, 4, 5]);
    });
    failure = undefined;
    worker.port.postMessage({ type: 'drain' });

    expect(await worker.ended).toBeUndefined();
    worker.port.close();
  });
});
