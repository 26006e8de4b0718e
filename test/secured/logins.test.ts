// Every way to log in to Kafka, through the whole program: the doctor is content, readings that are
// produced come out as the rows that a sequential model expects, and the audit finds nothing. No
// output holds a secret, whatever the log level.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs, semanticsEnv, settle } from '../integration/pipeline.ts';
import { runProgram } from '../integration/program.ts';
import { createTestTopics, type TestTopics } from '../integration/topics.ts';
import { leastRights } from '../security/least-rights.ts';
import type { TestRight } from '../security/secured-kafka.ts';
import { startRedisServer, type RedisServer } from '../stores/redis/redis-server.ts';
import { startSecuredServices, type SecuredServices } from './secured-services.ts';
import { oauthClient } from './token-server.ts';

type Settings = Readonly<Record<string, string>>;

let services: SecuredServices;
let redis: RedisServer;
let log: EventLog;
const programs = new Programs();
/** All that the programs of a test have printed. */
let printed = '';

beforeAll(async () => {
  [services, redis] = await Promise.all([startSecuredServices(), startRedisServer()]);
  log = await openTestLog(services.kafka.brokers);
}, 120_000);
afterAll(async () => {
  await log.close();
  await Promise.all([services.stop(), redis.close()]);
});
afterEach(async () => {
  await programs.killAll();
  printed = '';
});

const password = (mechanism: string, user: string): Settings => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: user,
  KAFKA_SASL_PASSWORD: `secret-${user}`,
});
const endpoint = (): Settings => ({
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_OAUTH_TOKEN_URL: services.tokens.tokenUrl,
  KAFKA_OAUTH_CLIENT_ID: oauthClient.id,
  KAFKA_OAUTH_CLIENT_SECRET: oauthClient.secret,
  KAFKA_OAUTH_SCOPE: 'kafka',
  KAFKA_OAUTH_CA: services.authority.ca,
});
const certificate = (): Settings => ({
  KAFKA_SSL_CERT: services.client.cert,
  KAFKA_SSL_KEY: services.client.key,
});
const at = (listener: keyof SecuredServices['listeners'], login: Settings): Settings => ({
  KAFKA_BROKERS: services.listeners[listener],
  KAFKA_SSL_CA: services.authority.ca,
  ...login,
});

/** The user, as the broker names it, and the settings. */
const logins: readonly (readonly [name: string, user: string, settings: () => Settings])[] = [
  ['PLAIN, in sessions of 3 s', 'u0', () => at('short', password('plain', 'u0'))],
  ['SCRAM-SHA-256', 'scram256', () => at('saslSsl', password('scram-sha-256', 'scram256'))],
  [
    'SCRAM-SHA-512, in sessions of 3 s',
    'scram512',
    () => at('short', password('scram-sha-512', 'scram512')),
  ],
  ['a client certificate', 'client', () => at('mtls', certificate())],
  ['OAUTHBEARER, in sessions of 3 s', oauthClient.id, () => at('short', endpoint())],
];

describe('a login with', () => {
  it.each(logins)('%s folds, produces and audits', async (_name, user, settings) => {
    const topics = await createTestTopics(log, services.kafka.brokers, 2);
    await services.kafka.give(user, rightsOf(topics));
    const env = {
      ...semanticsEnv,
      ...topics.env,
      ...settings(),
      REDIS_URL: redis.url,
      LOG_LEVEL: 'trace',
      WINDOW_MS: '1000',
      WATERMARK_DELAY_MS: '500',
    };

    const doctor = await run(['doctor'], env);
    const program = await programs.start(topics, env);
    await program.ready();
    const produced = await run(
      ['produce', '--sensors', '4', '--rate', '40', '--duration', '4'],
      env,
    );
    const settled = { settings: { windowMs: 1_000, watermarkDelayMs: 500 }, timeoutMs: 60_000 };
    const outcome = await settle(log, topics, programs, settled);
    const audited = await run(['audit'], env);
    const stopped = await program.stop();
    printed += program.output();

    expect([doctor, produced, audited, stopped], printed).toEqual([0, 0, 0, 0]);
    expect(outcome.rows.length).toBeGreaterThan(8);
    expect(printed).not.toMatch(/joining again|thread restarts|cannot be renewed/);
    expectNoSecret();
  });

  it('a token from a file that is replaced, or from a module', async () => {
    const topics = await createTestTopics(log, services.kafka.brokers, 1);
    await services.kafka.give(oauthClient.id, rightsOf(topics));
    const { tokens, authority } = services;
    const [file, module] = [join(authority.folder, 'token'), join(authority.folder, 'token.mjs')];
    const oauth = (source: Settings): Settings => ({
      ...topics.env,
      ...at('saslSsl', { KAFKA_SASL_MECHANISM: 'oauthbearer', ...source }),
      LOG_LEVEL: 'trace',
    });
    const from = { KAFKA_OAUTH_TOKEN_FILE: file };
    const export_ = `export const token = () => ({ value: ${JSON.stringify(tokens.token('service'))} });`;
    writeFileSync(module, export_);

    writeFileSync(file, tokens.token('service', -60));
    const expired = await run(['doctor'], oauth(from));
    writeFileSync(file, `${tokens.token('service')}\n`);
    const replaced = await run(['doctor'], oauth(from));
    const ofModule = await run(['doctor'], oauth({ KAFKA_OAUTH_MODULE: module }));

    expect([expired, replaced, ofModule], printed).toEqual([1, 0, 0]);
    expect(printed).toMatch(/KAFKA_OAUTH_TOKEN_FILE .* holds a token that expired at 20/);
    expectNoSecret();
  });
});

async function run(args: readonly string[], env: Settings): Promise<unknown> {
  const { exitCode, output } = await runProgram(args, env);
  printed += output;
  return exitCode;
}

/** Returns the rights that docs/security.md lists for `run`, `produce`, `audit` and `doctor`. */
function rightsOf(topics: TestTopics): readonly TestRight[] {
  const { input, output, anomalies, groupId: group } = topics;
  const listed = leastRights({ input, output, anomalies, group });
  const wanted = ['run', 'produce', 'audit'].flatMap((command) => listed.get(command) ?? []);
  const described = wanted
    .filter(({ resource }) => resource === 'topic')
    .map((right) => ({ ...right, operation: 'DescribeConfigs' }));
  return [
    ...new Map([...wanted, ...described].map((right) => [JSON.stringify(right), right])).values(),
  ];
}

function expectNoSecret(): void {
  const users = logins.map(([, user]) => `secret-${user}`);
  const key = readFileSync(services.client.key, 'utf8').split('\n')[1] ?? '';
  const secrets = [...users, key, ...services.tokens.secrets];
  const seen = secrets.filter((secret) => printed.includes(secret));
  // A secret itself must not be in the failure either.
  expect(seen.length).toBe(0);
}
