// A real failover of Redis: the replica is promoted while the old master still takes and answers writes, which are lost
// with it. The projector had its answers, and writes the last minute again all the same.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { expect, inject, onTestFinished, test } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { feastView } from '../../src/codecs/feast.ts';
import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import { startProjector } from '../../src/projections/online.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { openRedisFeatureStore } from '../../src/stores/redis/redis-feature-store.ts';
import { bytes, eventually, uniqueName } from '../contracts/event-log-harness.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { openTestLog } from '../log/kafka/kafka-harness.ts';
import {
  redisServerInstalled,
  startRedisServer,
  type RedisServer,
} from '../stores/redis/redis-server.ts';
import { recordingLogger } from './recorded.ts';

const missing = inject('kafkaBrokers') === '' || !redisServerInstalled;

test.skipIf(missing)('a failover to a replica that lacks the last writes loses none', async () => {
  const closing: { close(): Promise<void> }[] = [];
  onTestFinished(async () => {
    for (const each of closing.reverse()) await each.close();
  });
  const ids = Array.from({ length: 40 }, (_, index) => `${randomUUID()}-${index}`);
  const master = await startRedisServer();
  const replica = await startRedisServer(['--replicaof', '127.0.0.1', String(master.port)]);
  const address = await startAddress(master.port);
  const store = openStore(`redis://127.0.0.1:${address.port}/0`);
  const onReplica = openStore(replica.url);
  const log = openTestLog();
  closing.push(master, replica, address, onReplica, store, log);
  const topic = uniqueName('sensor_features');
  await log.ensureTopics([{ topic, partitions: 1 }]);
  const append = (window: number): Promise<unknown> =>
    log.append(ids.map((id) => ({ topic, key: bytes(id), value: encode(featureRow(id, window)) })));
  const projector = await startProjector({
    ...{ log, store, clock: systemClock, logger: recordingLogger(), metrics: createMetrics() },
    ...{ topics: [{ topic, view: feastView }], groupId: uniqueName('group') },
    onFailed: (error) => {
      throw error;
    },
  });
  closing.push({ close: () => projector.drain() });

  await append(0);
  await eventually(async () => expect(await counts(onReplica, ids)).toEqual(ids.map(() => 60)));
  promote(replica);
  await append(1);
  await eventually(async () => expect(await counts(store, ids)).toEqual(ids.map(() => 61)));
  expect(await counts(onReplica, ids)).toEqual(ids.map(() => 60));
  address.moveTo(replica.port);
  await master.kill();

  await eventually(async () => expect(await counts(onReplica, ids)).toEqual(ids.map(() => 61)));
});

const encode = (row: object): Buffer => Buffer.from(JSON.stringify(row));

function openStore(url: string): FeatureStore {
  return openRedisFeatureStore({
    ...{ url, clusterNodes: [], onlineTtlS: undefined, features: defaultFeatures },
    logger: recordingLogger(),
  });
}

async function counts(store: FeatureStore, ids: readonly string[]): Promise<unknown[]> {
  return (await store.read(ids)).map((features) => features?.values['count']);
}

/** The replica becomes a master: what the old one takes from now on, it never sees. */
function promote({ port }: RedisServer): void {
  const args = ['-p', String(port), 'REPLICAOF', 'NO', 'ONE'];
  expect(spawnSync('redis-cli', args).stdout.toString()).toMatch(/^OK/);
}

interface Address {
  readonly port: number;
  /** Breaks what is connected; new connections reach the server at that port. */
  moveTo(port: number): void;
  close(): Promise<void>;
}

/** An address that outlives its server, as a service name does. */
function startAddress(first: number): Promise<Address> {
  let target = first;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  const breakAll = (): void => sockets.forEach((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      resolve({
        port: typeof bound === 'object' && bound !== null ? bound.port : 0,
        moveTo(port) {
          target = port;
          breakAll();
        },
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            breakAll();
          }),
      });
    });
  });
}
