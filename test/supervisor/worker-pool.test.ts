import { afterEach, describe, expect, it } from 'vitest';

import { ConfigError, InvariantError, UnavailableError } from '../../src/errors.ts';
import {
  createThreadPool,
  errorOfThread,
  type RunningThread,
  type ThreadPool,
} from '../../src/supervisor/worker-pool.ts';

const file = new URL('threads/scripted-worker.mjs', import.meta.url);
const pools: ThreadPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function start(options: { heapMaxMb?: number; file?: URL; threads?: number } = {}): {
  pool: ThreadPool;
  next: () => RunningThread;
} {
  const pool = createThreadPool({ file, exportName: 'runWorker', threads: 1, ...options });
  pools.push(pool);
  const next = (): RunningThread => pool.start((port) => ({ config: {}, workerIndex: 0, port }));
  return { pool, next };
}

async function joined(thread: RunningThread): Promise<void> {
  const event = await new Promise<{ type: string }>((resolve) => {
    thread.port.on('message', resolve);
  });
  expect(event.type).toBe('running');
}

const ask = (thread: RunningThread, sensorId: string): void =>
  thread.port.postMessage({ type: 'sensor', requestId: 1, sensorId });

describe('a pool of threads', () => {
  it('runs a task without end that answers, and ends on command', async () => {
    const thread = start().next();
    await joined(thread);

    thread.port.postMessage({ type: 'drain' });

    await expect(thread.ended).resolves.toBeUndefined();
  });

  it.each([
    ['throw', InvariantError, 'a bug nobody caught'],
    ['exit', InvariantError, 'worker exited with code: 3'],
    ['reject-config', ConfigError, 'WINDOW_MS differs from the snapshot'],
    ['reject-unavailable', UnavailableError, 'no broker'],
  ])('ends with an error of its own class when its thread fails by %s', async (...row) => {
    const [fault, kind, message] = row;
    const thread = start().next();
    const ended = expect(thread.ended).rejects.toMatchObject({
      constructor: kind,
      message: expect.stringContaining(message) as string,
    });
    await joined(thread);

    ask(thread, `fault:${fault}`);

    await ended;
  });

  it('survives a thread that runs out of memory, and replaces it', async () => {
    const { next } = start({ heapMaxMb: 32 });
    const thread = next();
    const ended = expect(thread.ended).rejects.toThrow(/memory/);
    await joined(thread);

    ask(thread, 'fault:out-of-memory');
    await ended;

    await joined(next());
  });

  it('terminates a thread that hangs in a loop', async () => {
    const { next } = start();
    const thread = next();
    await joined(thread);
    ask(thread, 'fault:hang');

    thread.terminate();

    await expect(thread.ended).rejects.toBeInstanceOf(InvariantError);
    await joined(next());
  });

  it('names the module that could not be loaded', async () => {
    const missing = new URL('threads/missing.mjs', import.meta.url);

    const thread = start({ file: missing }).next();

    await expect(thread.ended).rejects.toThrow('missing.mjs');
  });

  it('gives each task a thread of its own', async () => {
    const { next } = start({ threads: 2 });

    const [one, other] = [next(), next()];

    await Promise.all([joined(one), joined(other)]);
  });
});

describe('the error of a thread', () => {
  it('keeps our classes, their details and their directive', () => {
    const error = errorOfThread({ code: 'CONFIG', message: 'wrong', details: { topic: 't' } });

    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ directive: 'stop', details: { topic: 't' } });
  });

  it('treats an error with another library’s code as a crash', () => {
    const error = errorOfThread(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));

    expect(error).toMatchObject({ code: 'INVARIANT', directive: 'crash' });
    expect(error.message).toContain('refused');
  });
});
