import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';

import {
  encodeFeastTimestamp,
  encodeFeastValue,
  feastEntityKey,
  feastField,
  feastTimeField,
  feastView,
} from '../../../src/codecs/feast.ts';
import { UnavailableError } from '../../../src/errors.ts';
import type { Logger } from '../../../src/logger.ts';
import { defaultFeatures } from '../../../src/sensors/features.ts';
import type { FeatureStore } from '../../../src/stores/feature-store.ts';
import { openRedisFeatureStore } from '../../../src/stores/redis/redis-feature-store.ts';
import { eventually, uniqueName } from '../../contracts/event-log-harness.ts';
import {
  featureRow,
  featureStoreContract,
  largerView,
} from '../../contracts/feature-store.contract.ts';
import {
  redisServerInstalled,
  startRedisCluster,
  startRedisServer,
  type RedisServer,
} from './redis-server.ts';

interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

function recordingLogger(lines: LogLine[] = []): Logger {
  const at =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => recordingLogger(lines),
  };
}

function open(
  address: {
    url?: string;
    clusterNodes?: readonly string[];
    onlineTtlS?: number;
    cachedRowsMax?: number;
  },
  lines: LogLine[] = [],
): FeatureStore {
  return openRedisFeatureStore({
    url: address.url,
    clusterNodes: address.clusterNodes ?? [],
    onlineTtlS: address.onlineTtlS,
    features: defaultFeatures,
    views: [feastView, largerView],
    cached: { rowsMax: address.cachedRowsMax ?? 0, bytesMax: 1_000_000 },
    logger: recordingLogger(lines),
  });
}

/** Resolves once the store answers; the client's own backoff bounds the wait. */
async function untilUp(store: FeatureStore): Promise<void> {
  for (;;) {
    try {
      return await store.ping();
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Resolves once a row that was read is answered from memory. */
async function untilCached(store: FeatureStore): Promise<void> {
  await eventually(async () => {
    const cachedBefore = store.rowsRead?.().cached ?? 0;
    await store.read(['asked again and again']);
    expect(store.rowsRead?.().cached).toBeGreaterThan(cachedBefore);
  });
}

const redisUrl = inject('redisUrl');

describe.skipIf(redisUrl === '')('one Redis', () => {
  featureStoreContract('Redis', async () => {
    const store = open({ url: redisUrl });
    return {
      store,
      openAnother: async () => open({ url: redisUrl }),
      close: () => store.close(),
    };
  });
});

describe.skipIf(redisUrl === '')('one Redis, rows that were read kept in memory', () => {
  featureStoreContract('Redis with a cache', async () => {
    const store = open({ url: redisUrl, cachedRowsMax: 1_000 });
    await untilCached(store);
    return {
      store,
      openAnother: async () => open({ url: redisUrl }),
      close: () => store.close(),
    };
  });
});

describe.skipIf(!redisServerInstalled)('a Redis Cluster', () => {
  featureStoreContract('Redis Cluster', async () => {
    const cluster = await startRedisCluster();
    const address = { clusterNodes: cluster.nodes };
    const store = open(address);
    await untilUp(store);
    return {
      store,
      openAnother: async () => open(address),
      close: async () => {
        await store.close();
        await cluster.close();
      },
    };
  });
});

describe.skipIf(!redisServerInstalled)('a Redis Cluster in trouble', () => {
  test('a restarted node is found again, and its loss counts as an interruption', async () => {
    const cluster = await startRedisCluster();
    const store = open({ clusterNodes: cluster.nodes });
    onTestFinished(async () => {
      await store.close();
      await cluster.close();
    });
    const rows = (window: number) =>
      Array.from({ length: 60 }, (_, index) => featureRow(`s${index}`, window));
    await untilUp(store);
    await store.upsert(rows(0));
    expect(store.interruptions?.()).toBe(0);

    await cluster.servers[0]?.kill();
    await expect(store.upsert(rows(1))).rejects.toThrow(UnavailableError);
    await cluster.servers[0]?.start();
    // Each attempt is bounded by the client's own retries; the node forgot its rows, the others keep theirs.
    const written = await eventually(() => store.upsert(rows(2)));

    expect(written.written).toBeGreaterThan(0);
    const read = await store.read(rows(2).map((row) => row.sensor_id));
    expect(read.map((features) => features?.values['count'])).toEqual(rows(2).map(() => 62));
    expect(store.interruptions?.()).toBeGreaterThan(0);
  });
});

describe.skipIf(redisUrl === '')('what Feast and others wrote before', () => {
  let redis: Redis;
  let store: FeatureStore;
  beforeAll(() => {
    redis = new Redis(redisUrl);
    store = open({ url: redisUrl });
  });
  afterAll(async () => {
    redis.disconnect();
    await store.close();
  });

  test.each([
    ['a nanosecond newer is kept', 60, 1, 'skipped'],
    ['the same time is kept', 60, 0, 'skipped'],
    ['a nanosecond older is replaced', 59, 999_999_999, 'written'],
    ['a time before the epoch is replaced', -1, 999_999_999, 'written'],
    ['a time of the year 9999 is kept', 253_402_300_799, 0, 'skipped'],
  ])('%s', async (_law, seconds, nanos, expected) => {
    const id = uniqueName('sensor');
    const row = { ...featureRow(id, 0), window_start: 0, window_end: 60_000 };
    await redis.hset(
      feastEntityKey(id),
      feastTimeField(),
      encodeFeastTimestamp({ seconds, nanos }),
    );

    const result = await store.upsert([row]);

    expect(result).toEqual({ written: 0, skipped: 0, [expected]: 1 });
  });

  test('windows before the epoch are ordered too', async () => {
    const id = uniqueName('sensor');
    const at = (endMs: number) => ({ ...featureRow(id, 0), window_end: endMs });

    expect(await store.upsert([at(-120_000)])).toEqual({ written: 1, skipped: 0 });
    expect(await store.upsert([at(-120_001)])).toEqual({ written: 0, skipped: 1 });
    expect(await store.upsert([at(-60_500)])).toEqual({ written: 1, skipped: 0 });
    expect(await store.upsert([at(0)])).toEqual({ written: 1, skipped: 0 });
    expect((await store.read([id]))[0]?.eventTimeMs).toBe(0);
  });

  test('a stored time that is not a timestamp is overwritten', async () => {
    for (const garbage of ['08', 'ff', '0aff', '08ffffffffffffffffff']) {
      const id = uniqueName('sensor');
      await redis.hset(feastEntityKey(id), feastTimeField(), Buffer.from(garbage, 'hex'));

      const result = await store.upsert([featureRow(id, 0)]);

      expect(result, garbage).toEqual({ written: 1, skipped: 0 });
    }
  });

  test('fields of other views of the entity stay', async () => {
    const id = uniqueName('sensor');
    const other = feastField('count', 'another_view');
    await redis.hset(feastEntityKey(id), other, encodeFeastValue('Int64', 7));

    await store.upsert([featureRow(id, 0)]);

    expect(await redis.hgetBuffer(feastEntityKey(id), other)).toEqual(encodeFeastValue('Int64', 7));
  });

  test('a feature that a newer row lacks reads as null, not as the older value', async () => {
    const id = uniqueName('sensor');
    await store.upsert([featureRow(id, 0)]);

    await store.upsert([{ ...featureRow(id, 1), features: { count: 3, avg_value: Number.NaN } }]);

    const [read] = await store.read([id]);
    expect(read?.values).toEqual({
      count: 3,
      avg_value: null,
      min_value: null,
      max_value: null,
      std_dev: null,
      anomaly_count: null,
      anomaly_rate: null,
    });
  });

  test('a key of another type blocks only its own sensor, and is named once', async () => {
    const lines: LogLine[] = [];
    const watched = open({ url: redisUrl }, lines);
    const [bad, good] = [uniqueName('bad'), uniqueName('good')];
    await redis.set(feastEntityKey(bad), 'not a hash');
    const rows = [featureRow(bad, 0), featureRow(good, 0)];

    const results = [await watched.upsert(rows), await watched.upsert(rows)];
    const read = await watched.read([bad, good]);
    await watched.close();

    expect(results).toEqual([
      { written: 1, skipped: 0, refused: 1 },
      { written: 0, skipped: 1, refused: 1 },
    ]);
    expect(read.map((features) => features?.values['count'])).toEqual([undefined, 60]);
    const named = lines.filter(({ level }) => level === 'error');
    expect(named.map(({ fields }) => fields)).toMatchObject([{ sensor: bad }]);
  });

  test('only a row with a fractional count is refused, and stored bytes that are not a value read as null', async () => {
    const [bad, good] = [uniqueName('bad'), uniqueName('good')];

    const result = await store.upsert([featureRow(bad, 0, { count: 1.5 }), featureRow(good, 0)]);
    await redis.hset(feastEntityKey(good), feastField('avg_value'), Buffer.from('0000', 'hex'));
    const [read] = await store.read([good]);

    expect(result).toEqual({ written: 1, skipped: 0, refused: 1 });
    expect(read?.values).toMatchObject({ count: 60, avg_value: null });
  });

  test('stored bytes of any length are answered; bytes that are not a value read as null', async () => {
    const ids = [uniqueName('long'), uniqueName('next')];
    const lengths = [0, 1, 31, 32, 255, 256, 65_535, 65_536, 70_000];
    await store.upsert(ids.map((id) => featureRow(id, 0)));

    for (const length of lengths) {
      await redis.hset(
        feastEntityKey(ids[0] ?? ''),
        feastField('avg_value'),
        Buffer.alloc(length, 0x20),
      );
      const read = await store.read(ids);
      expect(
        read.map((features) => features?.values['avg_value']),
        `${length} bytes`,
      ).toEqual([null, 20.1]);
      expect(read[0]?.values['count']).toBe(60);
    }
  });

  test('a hash with only other views is not a stored sensor', async () => {
    const id = uniqueName('sensor');
    await redis.hset(feastEntityKey(id), feastField('count', 'another_view'), 'x');

    expect(await store.read([id])).toEqual([undefined]);
  });

  test('keys expire only if configured, counted from the write, and not for skipped rows', async () => {
    const id = uniqueName('sensor');
    await store.upsert([featureRow(id, 0)]);
    expect(await redis.ttl(feastEntityKey(id))).toBe(-1);
    const expiring = open({ url: redisUrl, onlineTtlS: 1_000 });

    await expiring.upsert([featureRow(id, 0)]);
    expect(await redis.ttl(feastEntityKey(id))).toBe(-1);
    await expiring.upsert([featureRow(id, 1)]);
    await expiring.close();

    const ttl = await redis.ttl(feastEntityKey(id));
    expect(ttl).toBeGreaterThan(990);
    expect(ttl).toBeLessThanOrEqual(1_000);
  });

  test('a script that Redis has lost is loaded again', async () => {
    const id = uniqueName('sensor');
    await store.upsert([featureRow(id, 0)]);

    await redis.script('FLUSH');

    expect(await store.upsert([featureRow(id, 1)])).toEqual({ written: 1, skipped: 0 });
    await redis.script('FLUSH');
    expect((await store.read([id]))[0]?.values['count']).toBe(61);
  });
});

describe.skipIf(!redisServerInstalled)('rows kept in memory', () => {
  const cachedRowsMax = 100;
  const ofWindow = async (store: FeatureStore, id: string): Promise<number | undefined> => {
    const [row] = await store.read([id]);
    return row?.values['count'] ?? undefined;
  };
  async function started(): Promise<{
    readonly redis: RedisServer;
    readonly store: FeatureStore;
    readonly writer: FeatureStore;
    readonly lines: LogLine[];
  }> {
    const redis = await startRedisServer();
    const lines: LogLine[] = [];
    const store = open({ url: redis.url, cachedRowsMax }, lines);
    const writer = open({ url: redis.url });
    onTestFinished(async () => {
      await store.close();
      await writer.close();
      await redis.close();
    });
    return { redis, store, writer, lines };
  }

  test('are read once, and again after another client has written them', async () => {
    const { store, writer } = await started();
    await writer.upsert([featureRow('a', 1), featureRow('\u{1f321}\u0000', 1)]);
    await untilCached(store);
    await store.read(['a', '\u{1f321}\u0000', 'none']);
    const { stored } = store.rowsRead?.() ?? { stored: 0 };

    for (let again = 0; again < 20; again += 1) {
      const rows = await store.read(['a', '\u{1f321}\u0000', 'none']);
      expect(rows.map((row) => row?.values['count'])).toEqual([61, 61, undefined]);
    }
    expect(store.rowsRead?.().stored).toBe(stored);

    await writer.upsert(['a', '\u{1f321}\u0000', 'none'].map((id) => featureRow(id, 2)));
    await eventually(async () => {
      const rows = await store.read(['a', '\u{1f321}\u0000', 'none']);
      expect(rows.map((row) => row?.values['count'])).toEqual([62, 62, 62]);
    });
  });

  test('are dropped in every view when one view is written', async () => {
    const { store, writer } = await started();
    await writer.upsert([featureRow('a', 1)]);
    await writer.upsert([featureRow('a', 1)], largerView);
    await untilCached(store);
    expect(await ofWindow(store, 'a')).toBe(61);
    expect((await store.read(['a'], largerView))[0]?.values['count']).toBe(61);

    await writer.upsert([featureRow('a', 2)], largerView);

    await eventually(async () => {
      expect((await store.read(['a'], largerView))[0]?.values['count']).toBe(62);
    });
    expect(await ofWindow(store, 'a')).toBe(61);
  });

  test('are dropped by FLUSHALL and when they expire', async () => {
    const { redis, store, writer } = await started();
    const expiring = open({ url: redis.url, onlineTtlS: 1 });
    onTestFinished(() => expiring.close());
    await writer.upsert([featureRow('a', 1)]);
    await untilCached(store);
    expect(await ofWindow(store, 'a')).toBe(61);

    await redis.flush();
    await eventually(async () => expect(await ofWindow(store, 'a')).toBeUndefined());

    await expiring.upsert([featureRow('b', 1)]);
    expect(await ofWindow(store, 'b')).toBe(61);
    await eventually(async () => expect(await ofWindow(store, 'b')).toBeUndefined());
  });

  test('are not used for longer than a second after Redis stops answering', async () => {
    const { redis, store, writer } = await started();
    await writer.upsert([featureRow('a', 1)]);
    await untilCached(store);
    expect(await ofWindow(store, 'a')).toBe(61);

    redis.freeze();
    const frozenMs = performance.now();
    const lastAnswer = { atMs: frozenMs };
    const failed = (async (): Promise<unknown> => {
      for (;;) {
        try {
          await store.read(['a']);
          lastAnswer.atMs = performance.now();
        } catch (error) {
          return error;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();

    expect(await failed).toBeInstanceOf(UnavailableError);
    // The limit is a second; the rest is for a machine that is busy with other tests.
    expect(lastAnswer.atMs - frozenMs).toBeLessThan(2_000);
    redis.thaw();
    await eventually(async () => expect(await ofWindow(store, 'a')).toBe(61));
  });

  test('are dropped when Redis restarts, and cached again afterwards', async () => {
    const { redis, store, writer } = await started();
    await writer.upsert([featureRow('a', 1)]);
    await untilCached(store);
    expect(await ofWindow(store, 'a')).toBe(61);

    await redis.kill();
    await eventually(() => expect(store.read(['a'])).rejects.toThrow(UnavailableError));
    await redis.start();

    await eventually(async () => expect(await ofWindow(store, 'a')).toBeUndefined());
    await untilCached(store);
    await eventually(() => writer.upsert([featureRow('a', 3)]));
    await eventually(async () => expect(await ofWindow(store, 'a')).toBe(63));
  });

  test('are not cached if Redis refuses tracking, which is logged once', async () => {
    const { redis, lines } = await started();
    const admin = new Redis(redis.url);
    await admin.acl('SETUSER', 'plain', 'on', 'nopass', '~*', '&*', '+@all', '-client');
    admin.disconnect();
    const store = open({ url: `redis://plain:x@127.0.0.1:${redis.port}`, cachedRowsMax }, lines);
    onTestFinished(() => store.close());
    await store.upsert([featureRow('a', 1)]);

    await eventually(() => {
      const said = lines.filter(({ message }) => message.includes('does not report changes'));
      expect(said.map(({ level }) => level)).toEqual(['warn']);
    });
    expect(await ofWindow(store, 'a')).toBe(61);
    expect(await ofWindow(store, 'a')).toBe(61);
    expect(store.rowsRead?.().cached).toBe(0);
  });
});

describe.skipIf(!redisServerInstalled)('a Redis in trouble', () => {
  const running: { close(): Promise<void> }[] = [];
  const server = async (settings: readonly string[] = []): Promise<RedisServer> => {
    const started = await startRedisServer(settings);
    running.push(started);
    return started;
  };
  const opened = (url: string, lines: LogLine[] = []): FeatureStore => {
    const store = open({ url }, lines);
    running.push(store);
    return store;
  };
  afterAll(async () => {
    for (const each of running.reverse()) await each.close();
  });

  test('a restart fails calls with the cause, and the store reconnects', async () => {
    const redis = await server();
    const lines: LogLine[] = [];
    const store = opened(redis.url, lines);
    await store.upsert([featureRow('a', 5)]);

    await redis.kill();
    const failures = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      failures.push(await store.upsert([featureRow('a', 6)]).catch((error: unknown) => error));
    }
    await redis.start();
    await untilUp(store);

    for (const failure of failures) expect(failure).toBeInstanceOf(UnavailableError);
    expect(String(failures.at(-1))).toMatch(new RegExp(`127.0.0.1:${redis.port}.*`));
    expect(await store.upsert([featureRow('a', 4)])).toEqual({ written: 1, skipped: 0 });
    expect(lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(0);
    expect(lines.at(-1)?.message).toBe('Redis can be used again');
  });

  test('calls in flight when Redis dies are rejected, not queued', async () => {
    const redis = await server();
    const store = opened(redis.url);
    await store.ping();

    redis.freeze();
    const calls = Promise.allSettled([store.upsert([featureRow('a', 1)]), store.read(['a'])]);
    // The calls wait for the first attempt to connect to end, which is one turn of the event loop away.
    await new Promise((resolve) => setImmediate(resolve));
    await redis.kill();

    for (const call of await calls) {
      expect(call.status === 'rejected' && call.reason).toBeInstanceOf(UnavailableError);
    }
  });

  test('a Redis that does not answer times out after five seconds', async () => {
    const redis = await server();
    const store = opened(redis.url);
    await store.ping();

    redis.freeze();

    await expect(store.upsert([featureRow('a', 1)])).rejects.toThrow(/timed out/);
  });

  test('an address without a server fails at once, with its name', async () => {
    const redis = await server();
    await redis.kill();
    const store = opened(redis.url);

    await expect(store.ping()).rejects.toThrow(/Redis at 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  });

  test('NOAUTH and a wrong password are named, and never printed', async () => {
    const redis = await server(['--requirepass', 'right-pässword']);
    const address = `127.0.0.1:${redis.port}`;
    const right = opened(`redis://:${encodeURIComponent('right-pässword')}@${address}`);
    const wrong = opened(`redis://:wrong-password@${address}`);
    const none = opened(`redis://${address}`);

    expect(await right.upsert([featureRow('a', 1)])).toEqual({ written: 1, skipped: 0 });
    await expect(none.upsert([featureRow('a', 2)])).rejects.toThrow(/NOAUTH/);
    const failure: unknown = await wrong.read(['a']).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(String(failure)).toMatch(/WRONGPASS/);
    expect(JSON.stringify(failure) + String(failure)).not.toContain('wrong-password');
  });

  test('a replica answers READONLY, and is written to once it is the master', async () => {
    const master = await server();
    const replica = await server(['--replicaof', '127.0.0.1', String(master.port)]);
    const store = opened(replica.url);
    const admin = new Redis(replica.url);

    expect(await store.read(['a'])).toEqual([undefined]);
    await expect(store.upsert([featureRow('a', 1)])).rejects.toThrow(/READONLY/);
    await admin.replicaof('NO', 'ONE');
    await untilUp(store);

    expect(await store.upsert([featureRow('a', 1)])).toEqual({ written: 1, skipped: 0 });
    admin.disconnect();
  });

  test('a full memory answers OOM until there is room again', async () => {
    const redis = await server(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
    const store = opened(redis.url);
    const admin = new Redis(redis.url);

    await expect(store.upsert([featureRow('a', 1)])).rejects.toThrow(/OOM/);
    expect(await store.read(['a'])).toEqual([undefined]);
    await admin.config('SET', 'maxmemory', '0');

    expect(await store.upsert([featureRow('a', 1)])).toEqual({ written: 1, skipped: 0 });
    admin.disconnect();
  });

  test('a closed store fails calls and closes again', async () => {
    const redis = await server();
    const store = opened(redis.url);
    await store.ping();

    await store.close();
    await store.close();

    await expect(store.ping()).rejects.toThrow(UnavailableError);
  });
});
