// docs/adding-an-adapter.md, done: its adapter passes the contract on a real Redis, and the built
// program of the copy keeps its snapshots there.
import { spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { freePort } from '../free-port.ts';
import { eventually } from '../integration/program.ts';
import { workedCopy, type WorkedCopy } from './worked-copy.ts';

const redisUrl = inject('redisUrl');

describe.skipIf(redisUrl === '')('the worked example', () => {
  let copy: WorkedCopy;
  beforeAll(() => {
    copy = workedCopy('docs/adding-an-adapter.md');
  });
  afterAll(() => {
    copy.remove();
  });

  it('compiles, keeps the house rules and passes the contract', { timeout: 600_000 }, async () => {
    await copy.run([process.execPath, 'scripts/build.mjs']);
    await copy.run(['npx', 'vitest', 'run', 'test/tidy.test.ts', '-t', 'imports'], {
      TEST_SERVICES: 'none',
    });
    await copy.run(
      [
        'npx',
        'vitest',
        'run',
        '--project',
        'integration',
        'test/stores/redis/redis-snapshot-store',
      ],
      { TEST_REDIS_URL: redisUrl, TEST_KAFKA_BROKERS: 'none:1' },
    );
  });

  it('keeps the program’s snapshots in Redis', { timeout: 300_000 }, async () => {
    const groupId = `adapter-${Date.now()}`;
    const program = spawn(process.execPath, ['dist/main.js'], {
      cwd: copy.folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        REDIS_URL: `${redisUrl}/13`,
        ONLINE_OTHER_WRITER: 'share',
        SNAPSHOT_STORE: 'redis',
        SNAPSHOT_INTERVAL_MS: '200',
        SIMULATED_SENSORS: '5',
        GROUP_ID: groupId,
        HTTP_PORT: String(await freePort()),
      },
    });
    const exited = new Promise((resolve) => program.once('exit', resolve));
    const redis = new Redis(`${redisUrl}/13`);
    try {
      await eventually(
        async () => expect(await redis.keys(`snapshot:${groupId}/*`)).not.toEqual([]),
        { timeoutMs: 60_000 },
      );
    } finally {
      redis.disconnect();
      program.kill('SIGTERM');
      await exited;
    }
  });
});
