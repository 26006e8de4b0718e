import { describe, expect, it, onTestFinished } from 'vitest';

import type { ShardRetryOutcome } from '../../src/actors/protocol.ts';
import { parseConfig } from '../../src/config/config.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';
import {
  emptyStore,
  InMemorySupervisor,
  shardView,
  thread,
  treeOf,
} from './in-memory-supervisor.ts';

function serve(owners: readonly string[] = []): {
  supervisor: InMemorySupervisor;
  post: (
    url: string,
    token?: string,
  ) => Promise<{ status: number; body: unknown; location: unknown }>;
} {
  const supervisor = new InMemorySupervisor();
  const config = parseConfig({ HTTP_TOKEN: 'secret' });
  const server = createHttpServer({
    supervisor,
    owners: {
      urlsOf: () => Promise.resolve(owners),
      urlsOfShard: () => Promise.resolve(owners),
      urlsOfAll: () => Promise.resolve([]),
    },
    featureStore: emptyStore,
    config,
    logger: keepingLogger(),
  });
  onTestFinished(() => server.close());
  return {
    supervisor,
    async post(url, token = 'secret') {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await server.app.inject({ method: 'POST', url, headers });
      const { location } = answer.headers;
      return { status: answer.statusCode, body: answer.json(), location };
    },
  };
}

const outcome: ShardRetryOutcome = {
  topic: 'raw_readings',
  partition: 3,
  retried: true,
  phase: 'running',
};

describe('a retry of a shard', () => {
  it('needs the token, and accepts a gap only if the request says so', async () => {
    const { supervisor, post } = serve();
    supervisor.retryOutcome = outcome;

    expect((await post('/shards/raw_readings/3/retry', 'wrong')).status).toBe(401);
    expect(supervisor.retries).toEqual([]);
    expect(await post('/shards/raw_readings/3/retry')).toMatchObject({
      status: 200,
      body: outcome,
    });
    await post('/shards/raw_readings/3/retry?accept_gap=true');

    const shard = { topic: 'raw_readings', partition: 3 };
    expect(supervisor.retries).toEqual([
      { ...shard, acceptGap: false },
      { ...shard, acceptGap: true },
    ]);
  });

  it('answers 202 while the shard is starting, and 409 with the reason if it failed again', async () => {
    const { supervisor, post } = serve();
    supervisor.retryOutcome = { ...outcome, phase: 'replaying' };
    expect((await post('/shards/raw_readings/3/retry')).status).toBe(202);

    const error = { code: 'CONFIG', message: 'may not write', details: {} };
    supervisor.retryOutcome = { ...outcome, phase: 'failed', error };

    expect(await post('/shards/raw_readings/3/retry')).toMatchObject({
      status: 409,
      body: { phase: 'failed', error: 'config', message: 'may not write' },
    });
  });

  it('is redirected to the process that holds the shard, or answers that none is known', async () => {
    const elsewhere = await serve(['http://b:80']).post('/shards/raw_readings/3/retry');
    const nowhere = await serve().post('/shards/raw_readings/3/retry');

    expect(elsewhere).toMatchObject({
      status: 307,
      location: 'http://b:80/shards/raw_readings/3/retry?others=0',
    });
    expect(nowhere).toMatchObject({
      status: 404,
      body: { message: 'no worker of this process holds the shard raw_readings/3' },
    });
  });

  it.each(['/shards/t/x/retry', '/shards/t/-1/retry', '/shards/t/1/retry?accept_gap=yes'])(
    'refuses %s',
    async (url) => {
      expect((await serve().post(url)).status).toBe(400);
    },
  );
});

describe('a sensor unknown here, beside a failed shard', () => {
  const failed = shardView(1, { phase: 'failed' });

  it('is redirected elsewhere; without another process the answer is 503, not 404, with the reason', async () => {
    const tree = treeOf({
      workers: [{ ...thread, index: 0, unconfirmedMs: 200, shards: [shardView(0), failed] }],
    });
    const withOther = serve(['http://b:80']);
    const alone = serve();
    withOther.supervisor.currentTree = tree;
    alone.supervisor.currentTree = tree;

    expect(await withOther.post('/sensors/a/reset')).toMatchObject({ status: 307 });
    expect(await alone.post('/sensors/a/reset')).toMatchObject({
      status: 503,
      body: {
        error: 'unavailable',
        message: 'unknown whether this process holds it: shard raw_readings/1 failed',
      },
    });
  });
});
