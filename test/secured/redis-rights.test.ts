// The rights of docs/security.md on Redis are the least: with them nothing is refused, and without
// any one of them something is.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { parseConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/logger.ts';
import { openFeatureStore } from '../../src/stores/open.ts';
import { cli, freshDataDir } from '../cli/captured-cli.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { eventually } from '../integration/program.ts';
import { startRedisServer, type RedisServer } from '../stores/redis/redis-server.ts';
import { adminUser, refusedBy, rulesOfPage, userSecret } from './secured-redis.ts';

const login = ['-a', 'admin', '--no-auth-warning'];
const rules = rulesOfPage('single');
// Of the login itself; `resetchannels` and `~*` give nothing that could be missing here.
const removable = rules.filter((rule) => /^[+&]/.test(rule));

describe('a user of Redis with the rights of docs/security.md', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedisServer([...adminUser, '--databases', '4']);
  });
  afterAll(() => redis.close());

  const admin = (...words: readonly string[]): void => {
    const { status, stdout } = spawnSync(
      'redis-cli',
      ['-p', String(redis.port), ...login, ...words],
      { encoding: 'utf8' },
    );
    if (status !== 0 || !/^(OK|\d+)/.test(stdout)) throw new Error(`${words.join(' ')}: ${stdout}`);
  };

  /** Does all that `run` and `doctor` do; returns what was refused. */
  async function refusedTo(user: string, given: readonly string[]): Promise<readonly string[]> {
    admin('FLUSHALL');
    admin('SCRIPT', 'FLUSH');
    admin('ACL', 'LOG', 'RESET');
    admin('ACL', 'SETUSER', user, 'reset', ...given);
    const env = {
      REDIS_URL: `redis://${user}:${userSecret}@127.0.0.1:${redis.port}/1`,
      ...{ SIMULATED_SENSORS: '0', ONLINE_TTL_S: '1000' },
    };
    const refused = (): readonly string[] => refusedBy(redis.port, login);
    const config = parseConfig(env);
    const logger = createLogger('fatal');
    const written = await openFeatureStore(config, logger);
    const served = await openFeatureStore(config, logger, 'serve');
    onTestFinished(() => Promise.all([written.close(), served.close()]).then(() => undefined));
    await eventually(
      async () => {
        if (refused().length > 0) return;
        await written.upsert([featureRow('s', 1)]);
        const cachedBefore = served.rowsRead?.().cached ?? 0;
        await served.read(['s']);
        expect(served.rowsRead?.().cached).toBeGreaterThan(cachedBefore);
      },
      { timeoutMs: 60_000, onTimeout: () => refused().join() },
    );
    await cli(['doctor'], { ...env, DATA_DIR: freshDataDir() });
    return refused();
  }

  test('is refused nothing', async () => {
    expect(await refusedTo('all', rules)).toEqual([]);
  });

  test.each(removable)('is refused something without %s', async (rule) => {
    const refused = await refusedTo(
      'some',
      rules.filter((other) => other !== rule),
    );

    expect(refused).toContain(rule.slice(1));
  });
});
