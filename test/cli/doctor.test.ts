import { writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { alarmChecks } from '../../src/cli/doctor-alarms.ts';
import { clockCheck, type Check } from '../../src/cli/doctor-check.ts';
import { clusterChecks } from '../../src/cli/doctor-kafka.ts';
import { machineChecks } from '../../src/cli/doctor-machine.ts';
import { redisChecks } from '../../src/cli/doctor-redis.ts';
import { topicChecks } from '../../src/cli/doctor-topics.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { TopicDescription } from '../../src/log/event-log.ts';
import { featureTopics, topicNames, topicSpecs } from '../../src/log/topics.ts';
import type { RedisFacts } from '../../src/stores/redis/redis-facts.ts';
import { startReceiver } from '../delivery/receiver.ts';
import { cli, freshDataDir } from './captured-cli.ts';

const config = parseConfig({ KAFKA_BROKERS: 'a:9092' });
const names = topicNames(config.process);
const created: readonly TopicDescription[] = topicSpecs(
  config.process,
  { partitions: 4 },
  featureTopics(config),
).map(({ topic, partitions, config: settings = {} }) => ({
  topic,
  partitions,
  replicationFactor: 3,
  config: { 'min.insync.replicas': '2', 'max.message.bytes': '1048588', ...settings },
}));

function judge(
  change: { readonly topic: string } & Partial<TopicDescription>,
  brokers = 3,
): readonly Check[] {
  const changed = created.map((topic) => {
    if (topic.topic !== change.topic) return topic;
    return { ...topic, ...change, config: { ...topic.config, ...change.config } };
  });
  const topics = new Map(changed.map((topic) => [topic.topic, topic]));
  return topicChecks(config, { topics, brokers }).filter(({ status }) => status !== 'ok');
}

describe('doctor on topics', () => {
  it('finds nothing wrong with those that `topics create` makes', () => {
    expect(judge({ topic: names.input })).toEqual([]);
  });

  it('warns of each missing topic', () => {
    const checks = topicChecks(config, { topics: new Map(), brokers: 3 });

    expect(checks.map(({ name, status }) => `${status} ${name}`)).toEqual(
      Object.values({ ...names })
        // Only with Sparkplug.
        .filter((name) => name !== names.births)
        .map((name) => `warn topic ${name}`),
    );
  });

  it.each<[string, Parameters<typeof judge>[0], Check['status'], string]>([
    [
      'timestamps of the producers',
      { topic: names.input, config: { 'message.timestamp.type': 'CreateTime' } },
      'warn',
      'LogAppendTime',
    ],
    [
      'a compacted journal',
      { topic: names.journal, config: { 'cleanup.policy': 'compact' } },
      'fail',
      'cleanup.policy=delete',
    ],
    [
      'a journal that forgets before the input does',
      { topic: names.journal, config: { 'retention.ms': '1000' } },
      'fail',
      'retention.ms=-1',
    ],
    [
      'snapshots that are never compacted',
      { topic: names.snapshots, config: { 'cleanup.policy': 'delete' } },
      'fail',
      'compact',
    ],
    [
      'more replicas in sync than there are',
      { topic: names.output, replicationFactor: 1 },
      'fail',
      'no write can succeed',
    ],
    [
      'a rekeyed topic of another size than the input',
      { topic: names.rekeyed, partitions: 2 },
      'warn',
      'INPUT_KEYING=rekey',
    ],
    [
      'dead letters no larger than the input’s records',
      { topic: names.deadLetters, config: { 'max.message.bytes': '1048588' } },
      'warn',
      'max.message.bytes',
    ],
    [
      'an input that forgets within minutes',
      { topic: names.input, config: { 'retention.ms': '60000' } },
      'warn',
      'retention',
    ],
  ])('sees %s', (_case, change, status, cure) => {
    const found = judge(change).filter(({ name }) => name === `topic ${change.topic}`);

    expect(found.map((check) => check.status)).toContain(status);
    expect(found.map((check) => check.cure ?? '').join('\n')).toContain(cure);
  });

  it('asks for replicas only if there are enough brokers', () => {
    const one = {
      topic: names.input,
      replicationFactor: 1,
      config: { 'min.insync.replicas': '1' },
    };

    expect(judge(one, 1)).toEqual([]);
    expect(judge(one, 3)).toEqual([expect.objectContaining({ status: 'warn' })]);
  });
});

describe('topic settings that may not be read', () => {
  it('are one warning, whose cure grants the missing right', () => {
    const unknown = { config: {}, configUnknown: 'Grant it: kafka-acls …' };
    const topics = new Map(
      [names.input, names.output].map((topic) => [
        topic,
        { topic, partitions: 4, replicationFactor: 1, ...unknown },
      ]),
    );

    const found = topicChecks(config, { topics, brokers: 1 }).filter(({ cure }) =>
      cure?.includes('kafka-acls'),
    );

    expect(found).toEqual([
      expect.objectContaining({
        name: 'topic settings',
        status: 'warn',
        cure: unknown.configUnknown,
      }),
    ]);
    expect(found[0]?.found).toContain(`${names.input} and 1 more`);
  });

  it('fail nothing, whichever topics they are of', () => {
    const stored = parseConfig({ KAFKA_BROKERS: 'a:9092', SNAPSHOT_STORE: 'kafka' });
    const specs = topicSpecs(stored.process, { partitions: 4 }, featureTopics(stored));
    const journal = topicNames(stored.process).journal;
    const unknown = new Map(
      specs.map(({ topic, partitions }) => [
        topic,
        { topic, partitions, replicationFactor: 3, config: {}, configUnknown: 'Grant it' },
      ]),
    );
    const judged = (topics: ReadonlyMap<string, TopicDescription>): readonly Check[] =>
      topicChecks(stored, { topics, brokers: 3 });
    const others = judged(unknown).filter(({ name }) => name !== 'topic settings');
    const beside = new Map<string, TopicDescription>(unknown).set(journal, {
      ...{ topic: journal, partitions: 4, replicationFactor: 3 },
      config: { 'retention.ms': '1000', 'cleanup.policy': 'delete', 'min.insync.replicas': '2' },
    });

    expect(others.map(({ status }) => status)).toEqual(specs.map(() => 'ok'));
    expect(others.every(({ found }) => found.endsWith(', settings unknown'))).toBe(true);
    expect(judged(beside).filter(({ status }) => status === 'fail')).toEqual([]);
  });

  it('do not hide that a topic has too few replicas', () => {
    const topic = { topic: names.input, partitions: 4, replicationFactor: 1, config: {} };
    const topics = new Map([[names.input, { ...topic, configUnknown: 'Grant it' }]]);

    const found = topicChecks(config, { topics, brokers: 3 });

    expect(found).toContainEqual(
      expect.objectContaining({ name: `topic ${names.input}`, status: 'warn' }),
    );
  });
});

describe('doctor on brokers', () => {
  it('reports versions before 4.0 and session timeouts that the brokers refuse', () => {
    const { kafka } = config.process;
    if (kafka === undefined) throw new Error('KAFKA_BROKERS is set above');

    const checks = clusterChecks(kafka, {
      brokers: 1,
      isKafka4: false,
      settings: {
        'group.min.session.timeout.ms': '10000',
        'transaction.max.timeout.ms': '30000',
      },
    });

    expect(checks.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual([
      'kafka version',
      'session timeout',
      'transaction timeout',
    ]);
  });
});

describe('doctor on Redis', () => {
  const facts: RedisFacts = {
    version: '7.0.15',
    role: 'master',
    maxMemoryBytes: 0,
    maxMemoryPolicy: 'noeviction',
    usedMemoryBytes: 1,
    isAppendOnly: true,
    savesSnapshots: true,
    timeMs: 1_000,
    isClusterNode: false,
  };
  const redis = { url: 'redis://a', clusterNodes: [], onlineTtlS: undefined };
  const wrong = (change: Partial<RedisFacts>, nowMs = 1_000): readonly string[] =>
    redisChecks(redis, { ...facts, ...change }, nowMs)
      .filter(({ status }) => status !== 'ok')
      .map(({ name, status }) => `${status} ${name}`);

  it('finds nothing wrong with a durable master that never evicts', () => {
    expect(wrong({})).toEqual([]);
  });

  it.each<[string, Partial<RedisFacts>, string]>([
    ['a node of a Cluster', { isClusterNode: true }, 'fail redis cluster'],
    ['a replica', { role: 'slave' }, 'fail redis role'],
    [
      'eviction of features',
      { maxMemoryBytes: 1e9, maxMemoryPolicy: 'allkeys-lru' },
      'warn redis memory',
    ],
    ['nearly no memory left', { maxMemoryBytes: 10, usedMemoryBytes: 10 }, 'warn redis memory'],
    ['no durability', { isAppendOnly: false, savesSnapshots: false }, 'warn redis durability'],
    ['another clock', { timeMs: 10_000 }, 'warn clock and Redis'],
  ])('sees %s', (_case, change, expected) => {
    expect(wrong(change)).toEqual([expected]);
  });
});

describe('doctor on this machine', () => {
  it('accepts Node 20 and newer and refuses older', () => {
    const statusOf = (version: string): string | undefined =>
      machineChecks(config, version).find(({ name }) => name === 'node')?.status;

    expect(['v18.20.0', 'v20.11.0', 'v24.1.0'].map(statusOf)).toEqual(['fail', 'ok', 'ok']);
  });

  it('measures clocks to the second and fails beyond half a minute', () => {
    expect([500, -900, 5_000, -5_000, 60_000].map((ms) => clockCheck('c', ms).status)).toEqual([
      'ok',
      'ok',
      'warn',
      'warn',
      'fail',
    ]);
  });
});

describe('doctor on the embedded default', () => {
  it('passes on a fresh machine, creates nothing, and exits with 0', async () => {
    const env = { DATA_DIR: freshDataDir() };

    const { exitCode, out } = await cli(['doctor', '--json'], env);

    const { checks } = JSON.parse(out) as { checks: Check[] };
    expect(exitCode).toBe(0);
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(checks.find(({ name }) => name === 'log')?.found).toContain('not created yet');
  });

  it('fails where DATA_DIR cannot be a folder', async () => {
    const dataDir = freshDataDir();
    writeFileSync(dataDir, 'a file');

    const { exitCode, out } = await cli(['doctor'], { DATA_DIR: dataDir });

    expect(exitCode).toBe(1);
    expect(out).toContain(`fail  DATA_DIR: ${dataDir} is a file`);
    expect(out).toContain('→ set DATA_DIR to a folder');
  });
});

describe('doctor on targets of alarms', () => {
  it('posts no alarm, and fails where the target refuses it', async () => {
    const receiver = await startReceiver();
    const delivering = parseConfig({
      ...{ ALARM_RESOLVE_AFTER: '10m', ALERTMANAGER_URL: receiver.url },
      ...{ ALARM_WEBHOOK_URL: receiver.url, ALARM_WEBHOOK_SECRET: 'secret' },
    });

    const good = await alarmChecks(delivering, systemClock);
    receiver.answer = { status: 401 };
    const bad = await alarmChecks(delivering, systemClock);
    await receiver.close();

    const { host } = new URL(receiver.url);
    const names = ['alertmanager', 'webhook'];
    expect(good).toEqual(
      names.map((name) => ({ name, status: 'ok', found: `${host} takes alarms` })),
    );
    expect(bad.map(({ name, status }) => [name, status])).toEqual(
      names.map((name) => [name, 'fail']),
    );
    const empty = '{"version":1,"site":"","alarms":[]}';
    expect(receiver.received.map(({ body }) => body).sort()).toEqual(['[]', '[]', empty, empty]);
  });
});
