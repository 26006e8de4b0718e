// Every command on a Kafka with ACLs: with exactly the rights of docs/security.md it does its work,
// and without any one of them it ends with a first line that says who lacks what on what, and the
// command that gives it. RIGHTS=all takes away each right of each command; otherwise the first of
// each.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { cli } from '../cli/captured-cli.ts';
import { eventually, startProgram } from '../integration/program.ts';
import { leastRights, type Names } from './least-rights.ts';
import { openSecuredKafka, type SecuredKafka, type TestRight } from './secured-kafka.ts';

const redisUrl = inject('redisUrl');
const unique = `${Date.now()}`;
const names: Names = {
  input: `readings-${unique}`,
  output: `features-${unique}`,
  anomalies: `anomalies-${unique}`,
  group: `group-${unique}`,
};
const rights = leastRights(names);

/** The words of a command; none for `run`. */
const commands: ReadonlyMap<string, readonly string[]> = new Map([
  ['produce', ['produce', '--sensors', '2', '--rate', '50', '--duration', '0.2']],
  ['dlq list', ['dlq', 'list']],
  ['dlq replay', ['dlq', 'replay', '--yes']],
  ['inspect', ['inspect']],
  ['replay', ['replay', '--sensor', 'sensor_000', '--at', '1000']],
  ['audit', ['audit']],
  ['export', ['export', '--out', join(tmpdir(), `rights-${unique}`)]],
  ['query', ['query', 'SELECT count(*) FROM sensor_features, sensor_anomalies']],
  ['join', ['join', '--every', '1m', '--out', join(tmpdir(), `rights-${unique}.parquet`)]],
  ['project --rebuild', ['project', '--rebuild']],
]);

let users = 0;
const nextUser = (): string => `u${users++}`;
const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

describe.skipIf(redisUrl === '')('a Kafka with ACLs', () => {
  let kafka: SecuredKafka;

  const settingsOf = (which: Names): Readonly<Record<string, string>> => ({
    REDIS_URL: `${redisUrl}/9`,
    INPUT_TOPIC: which.input,
    OUTPUT_TOPIC: which.output,
    ANOMALY_TOPIC: which.anomalies,
    GROUP_ID: which.group,
    WINDOW_MS: '1000',
    IDLE_TIMEOUT_MS: '1000',
    SNAPSHOT_STORE: 'kafka',
    LOG_LEVEL: 'error',
  });
  const envOf = (user: string, which: Names = names): Readonly<Record<string, string>> => ({
    ...settingsOf(which),
    ...kafka.login(user),
  });

  beforeAll(async () => {
    kafka = await openSecuredKafka(mkdtempSync(join(tmpdir(), 'secured-')));
    const env = { ...settingsOf(names), KAFKA_BROKERS: kafka.brokers };
    await cli(['topics', 'create', '--partitions', '1'], env);
    const readings = ['produce', '--sensors', '4', '--rate', '100', '--duration', '3'];
    await cli([...readings, '--bad-rate', '0.1'], env);
    await cli([...readings, '--unkeyed'], env);
  }, 120_000);
  afterAll(() => kafka.stop());

  it('runs with the least rights of `run`, and leaves rows, snapshots and dead letters', async () => {
    const user = nextUser();
    await kafka.give(user, rights.get('run') ?? []);
    const program = await startProgram({ ...envOf(user), WORKERS: '1', LOG_LEVEL: 'warn' });
    try {
      await program.ready();
      await eventually(
        async () => {
          const shown = await (await fetch(`${program.url}/metrics`)).text();
          expect(shown).toMatch(/^sensorium_feature_rows_total(?:\{.*\})? [1-9]/m);
        },
        { timeoutMs: 30_000, onTimeout: () => program.output() },
      );
      expect(await program.stop()).toBe(0);
    } finally {
      await program.kill();
    }
    expect(program.output()).not.toMatch(/lacks (?!DescribeConfigs)/);
    // One warning for all topics.
    expect(program.output().split('DescribeConfigs on topic')).toHaveLength(2);
  });

  it('creates topics with the least rights of `topics create`', async () => {
    const { fresh, wanted } = freshTopics();
    const user = nextUser();
    await kafka.give(user, wanted);

    const { exitCode, out, err } = await cli(['topics', 'create'], envOf(user, fresh));

    expect([exitCode, err]).toEqual([0, expect.not.stringContaining('lacks')]);
    expect(out.split('created').length - 1).toBe(5);
  });

  it.each([...commands])('does %s with its least rights', async (name, words) => {
    const user = nextUser();
    await kafka.give(user, rights.get(name) ?? []);

    const { exitCode, err } = await cli(words, envOf(user));

    expect([exitCode, err]).toEqual([0, expect.not.stringContaining('lacks')]);
  });

  it.each(missingOf('run'))('run ends at once without %s', async (_title, missing) => {
    const user = nextUser();
    await kafka.give(user, without(rights.get('run') ?? [], missing));
    const program = await startProgram({ ...envOf(user), WORKERS: '1' });
    try {
      expect(await program.exited()).toBe(1);
    } finally {
      await program.kill();
    }
    expectNamed(program.output(), user, missing);
  });

  it.each(missingOf('run'))('doctor fails where run would, without %s', async (_title, missing) => {
    const user = nextUser();
    await kafka.give(user, without(rights.get('run') ?? [], missing));

    const { exitCode, out } = await cli(['doctor', '--json'], envOf(user));

    const { checks } = JSON.parse(out) as {
      checks: { name: string; found: string; cure: string }[];
    };
    const lacking = checks.filter(({ name }) => name === 'rights');
    expect(exitCode).toBe(1);
    // One, but of transactional ids one for this version and one for the version before.
    expect(lacking.length).toBe(missing.resource === 'transactional-id' ? 2 : 1);
    for (const { found, cure } of lacking) {
      expectNamed(`${found}. Grant it: ${cure}`, user, missing);
    }
  });

  it.each(missingOf('topics create'))('topics create ends at once without %s', async (...row) => {
    const [, { operation }, index] = row;
    const { fresh, wanted } = freshTopics();
    const missing = wanted[index];
    const user = nextUser();
    if (missing === undefined) return expect.unreachable(operation);
    await kafka.give(user, without(wanted, missing));

    const { exitCode, err } = await cli(['topics', 'create'], envOf(user, fresh));

    expect(exitCode).toBe(1);
    expectNamed(err, user, missing);
  });

  describe.each([...commands])('%s', (name, words) => {
    it.each(missingOf(name))('ends at once without %s', async (_title, _right, index) => {
      const user = nextUser();
      // A group that has its right back says nothing of another.
      const own = name === 'dlq replay' ? { ...names, group: `${names.group}-${user}` } : names;
      const wanted = leastRights(own).get(name) ?? [];
      const missing = wanted[index];
      if (missing === undefined) return expect.unreachable(name);
      await kafka.give(user, without(wanted, missing));

      const { exitCode, err } = await cli(words, envOf(user, own));

      expect(exitCode).toBeGreaterThan(0);
      expectNamed(err, user, missing);
    });
  });

  it.each(['scram256', 'scram512'])('lets %s log in', async (user) => {
    const mechanism = `scram-sha-${user.slice(-3)}`;
    await kafka.give(user, rights.get('export') ?? []);

    const { exitCode, err } = await cli(commands.get('export') ?? [], {
      ...envOf(user),
      KAFKA_SASL_MECHANISM: mechanism,
    });

    expect([exitCode, err]).toEqual([0, expect.not.stringContaining('lacks')]);
  });

  const lostRights = [
    ['Write', 'topic', names.output],
    ['Read', 'topic', names.input],
    ['Read', 'group', names.group],
    ['Read', 'group', `${names.group}-projection`],
  ] as const;

  it.each(lostRights)(
    'goes on without %s on %s %s, names it, and is well when it is back',
    async (...row) => {
      const user = nextUser();
      const wanted = rights.get('run') ?? [];
      const lost = wanted.find(
        (right) => [right.operation, right.resource, right.name].join() === row.join(),
      );
      if (lost === undefined) return expect.unreachable('docs/security.md');
      await kafka.give(user, wanted);
      const started = { WORKERS: '1', LOG_LEVEL: 'warn', HTTP_TOKEN: 'secret' };
      const program = await startProgram({ ...envOf(user), ...started });
      const admin = { ...settingsOf(names), KAFKA_BROKERS: kafka.brokers };
      const produce = (): Promise<unknown> =>
        cli(['produce', '--sensors', '2', '--rate', '10', '--duration', '3'], admin);
      try {
        await program.ready();
        await kafka.take(user, lost);
        await produce();
        // Read and Write include Describe, which may be missed first.
        const refusal = new RegExp(
          `User:${user} lacks (${lost.operation}|Describe) on ${lost.resource} ${lost.name}[. ]`,
        );
        await eventually(
          async () => {
            const answer = await fetch(`${program.url}/health/ready`);
            expect([answer.status, await answer.text()]).toEqual([
              503,
              expect.stringMatching(refusal),
            ]);
          },
          { timeoutMs: 60_000, onTimeout: () => program.output() },
        );
        expect(program.output()).toMatch(new RegExp(`${refusal.source}.*Grant it: kafka-acls`));

        await kafka.give(user, [lost]);
        await retryFailed(program.url);
        await program.ready();
        await produce();
        await eventually(
          async () => {
            const { out } = await cli(['inspect', '--json'], admin);
            const { shards } = JSON.parse(out) as { shards: { lag: number }[] };
            expect(shards.map(({ lag }) => lag)).toEqual(shards.map(() => 0));
          },
          { timeoutMs: 60_000, onTimeout: () => program.output() },
        );
        expect(await program.stop(), program.output()).toBe(0);
      } finally {
        await program.kill();
      }
    },
    240_000,
  );
});

/** Acts as an operator who does not want to wait for the next attempt. */
async function retryFailed(url: string): Promise<void> {
  const tree = (await (await fetch(`${url}/supervisor`)).json()) as {
    workers: { shards: { topic: string; partition: number; phase: string }[] }[];
  };
  const failed = tree.workers
    .flatMap(({ shards }) => shards)
    .filter(({ phase }) => phase === 'failed');
  for (const { topic, partition } of failed) {
    const headers = { authorization: 'Bearer secret' };
    await fetch(`${url}/shards/${topic}/${partition}/retry`, { method: 'POST', headers });
  }
}

let topicSets = 0;

/** Topics that do not exist yet, with the rights to create them. */
function freshTopics(): { fresh: Names; wanted: readonly TestRight[] } {
  const set = `${unique}-${topicSets++}`;
  const fresh = { ...names, input: `in-${set}`, output: `out-${set}`, anomalies: `odd-${set}` };
  return { fresh, wanted: leastRights(fresh).get('topics create') ?? [] };
}

function without(all: readonly TestRight[], missing: TestRight): readonly TestRight[] {
  return all.filter((right) => right !== missing);
}

/** The rights to take away, each with its title and place. */
function missingOf(command: string): readonly (readonly [string, TestRight, number])[] {
  const all = (rights.get(command) ?? []).map((right, index) => {
    const shown = right.name.replaceAll(unique, '*');
    return [`${right.operation} on ${right.resource} ${shown}`, right, index] as const;
  });
  return process.env['RIGHTS'] === 'all' ? all : all.slice(0, 1);
}

/** A client with neither Read nor Write of a topic may not describe it either, and hears of that first. */
function expectNamed(
  printed: string,
  user: string,
  { operation, resource, name }: TestRight,
): void {
  const first = lines(printed).find((line) => line.includes('lacks')) ?? printed;
  const [, lacked = '', what = '', cure = ''] =
    /User:\S+ lacks (\w+) on ([^:]+?)(?:, and \d+ more rights)?\. Grant it: (.*)$/.exec(first) ??
    [];
  expect(first).toContain(`User:${user} lacks`);
  expect([operation, 'Describe']).toContain(lacked);
  expect(what.startsWith(`${resource.replace('-', ' ')} ${name}`), first).toBe(true);
  expect(cure).toContain('kafka-acls --bootstrap-server ');
  expect(cure).toContain(
    `--add --allow-principal User:${user} --operation ${lacked} --${resource} ${name}`,
  );
}
