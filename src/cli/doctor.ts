// `doctor`: checks everything the program depends on; prints each problem with its cure. Read-only.
import type { Command } from 'commander';
import { existsSync } from 'node:fs';

import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { RedisConfig } from '../config/redis-config.ts';
import { ConfigError, isSensoriumError } from '../errors.ts';
import { createLogger, openLogger, type Logger } from '../logger.ts';
import { declaredFields } from '../sensors/input-declaration.ts';
import { feastNamesOf } from '../stores/open.ts';
import { lackingRights } from './check-rights.ts';
import { reachLog, readConfig, withLog } from './command.ts';
import { printLine, printText, type CliContext } from './context.ts';
import { fail, ok, type Check } from './doctor-check.ts';
import { groupChecks } from './doctor-group.ts';
import { alarmChecks } from './doctor-alarms.ts';
import { historyChecks } from './doctor-history.ts';
import { clusterChecks, logChecks } from './doctor-kafka.ts';
import { mqttChecks } from './doctor-mqtt.ts';
import { machineChecks } from './doctor-machine.ts';
import { redisClusterChecks } from './doctor-redis-cluster.ts';
import { isClusterRefusal, ownerCheck, redisChecks } from './doctor-redis.ts';
import { registryChecks } from './doctor-registry.ts';

const examples = `
The exit code is 1 if a check fails. Warnings are risks, not failures.

Examples:
  node dist/main.js doctor
  KAFKA_BROKERS=localhost:9092 REDIS_URL=redis://localhost:6379 node dist/main.js doctor --json`;

/** Adds `doctor`. */
export function addDoctor(
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
): void {
  program
    .command('doctor')
    .description(
      'check settings, Kafka, topics, Redis, registry, MQTT, clocks and disk; print problems and cures',
    )
    .option('--json', 'print the checks as JSON')
    .addHelpText('after', examples)
    .action(async ({ json }: { readonly json?: true }) => {
      const checks = await examine(context);
      if (json === true) printLine(context.out, JSON.stringify({ checks }));
      else for (const check of checks) printCheck(context, check);
      setExitCode(checks.some(({ status }) => status === 'fail') ? 1 : 0);
    });
}

async function examine(context: CliContext): Promise<readonly Check[]> {
  let config: Config;
  try {
    config = readConfig(context);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [fail('settings', error.message, 'see docs/configuration.md')];
  }
  return [
    ok('settings', 'all are valid'),
    ...inputChecks(config),
    ...machineChecks(config, process.version),
    ...(await attempted('kafka', 'is it running, and is KAFKA_BROKERS right?', () =>
      config.process.kafka === undefined
        ? embeddedChecks(config, context)
        : kafkaChecks(config, context),
    )),
    ...(await attempted('redis', redisCure, () => storeChecks(config, context))),
    ...(await attempted('schema registry', 'is it running, and is SCHEMA_REGISTRY_URL right?', () =>
      registryChecks(config),
    )),
    ...(await attempted(
      'mqtt',
      'is it running, and are MQTT_URL, user and certificates right?',
      () => mqttChecks(config, context.clock),
    )),
    ...(await alarmChecks(config, context.clock)),
  ];
}

const redisCure =
  'is it running, and is REDIS_URL, or REDIS_CLUSTER_NODES, with its password right?';

/** Says where the readings are looked for, where that is declared. */
function inputChecks({ semantics: { input } }: Config): readonly Check[] {
  if (input === undefined) return [];
  const { id, time, values } = declaredFields(input);
  const unit = input.time === 'record' ? '' : ` in ${input.timeUnit}`;
  return [ok('input', `id from ${id}, time from ${time}${unit}, values from ${values}`)];
}

/** Returns the checks of `examinePart`; if it throws, one failure of `name` with `cure`. */
async function attempted(
  name: string,
  cure: string,
  examinePart: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await examinePart();
  } catch (error) {
    if (!isSensoriumError(error)) throw error;
    const { refusal, cure: given } = error.details;
    // The error of a missing right carries its own cure.
    return typeof refusal === 'string' && typeof given === 'string'
      ? [fail(name, refusal, given)]
      : [fail(name, error.message, error instanceof ConfigError ? 'change what it names' : cure)];
  }
}

async function kafkaChecks(config: Config, context: CliContext): Promise<readonly Check[]> {
  const { kafka } = config.process;
  if (kafka === undefined) return [];
  const logger = doctorLogger(config);
  await reachLog(config, logger);
  const { readClusterFacts } = await import('../log/kafka/cluster-facts.ts');
  const facts = await readClusterFacts(kafka, { clientId: 'sensorium-doctor', logger });
  const lacking = await lackingRights(config, logger);
  const rights =
    lacking.length === 0
      ? [ok('rights', '`run` has every right it needs, as far as Kafka reports them')]
      : lacking.map(({ refusal, cure }) => fail('rights', refusal, cure));
  const checked = await withLog({ config, context, name: 'doctor' }, async (log) => [
    ...(await logChecks(log, config, { brokers: facts.brokers, clock: context.clock })),
    // May fail for missing rights of its own; the checks above must still be shown.
    ...(await attempted('group', 'grant the missing right, or run doctor again', () =>
      groupChecks(log, config, context),
    )),
    ...(await historyChecks(log, config)),
  ]);
  return [...clusterChecks(kafka, facts), ...rights, ...checked];
}

function doctorLogger(config: Config): Logger {
  return openLogger(config.process).child({ command: 'doctor' });
}

async function embeddedChecks(config: Config, context: CliContext): Promise<readonly Check[]> {
  const place = `embedded in ${config.process.dataDir}`;
  // Opening the log would create the folder.
  if (!existsSync(config.process.dataDir)) return [ok('log', `${place}, not created yet`)];
  try {
    return await withLog({ config, context, name: 'doctor' }, async (log) => {
      const found = await log.describeTopic(config.process.inputTopic);
      if (found === undefined) return [ok('log', `${place}, still empty`)];
      return [
        ok('log', place),
        ...(await groupChecks(log, config, context)),
        ...(await historyChecks(log, config)),
      ];
    });
  } catch (error) {
    // A running process holds the log: all is well.
    const pid = error instanceof ConfigError ? error.details['pid'] : undefined;
    if (typeof pid !== 'number') throw error;
    return [ok('log', `${place}, in use by process ${pid}`)];
  }
}

async function storeChecks(config: Config, { clock }: CliContext): Promise<readonly Check[]> {
  const { redis, dataDir } = config.process;
  if (redis === undefined) return [ok('store', `embedded in ${dataDir}`)];
  const checks = await redisServerChecks(redis, config, clock);
  // No marker can be read of such a server.
  if (checks.some(isClusterRefusal)) return checks;
  const { readMarker } = await import('../stores/redis/store-owner.ts');
  const marker = await readMarker(redis, feastNamesOf(config), createLogger('fatal'));
  return [...checks, ownerCheck(config.process, marker)];
}

async function redisServerChecks(
  redis: RedisConfig,
  config: Config,
  clock: Clock,
): Promise<readonly Check[]> {
  const logger = doctorLogger(config);
  if (redis.clusterNodes.length === 0) {
    const { readRedisFacts } = await import('../stores/redis/redis-facts.ts');
    const facts = await readRedisFacts(redis, logger);
    return redisChecks(redis, facts, clock.nowMs());
  }
  const { readRedisClusterFacts } = await import('../stores/redis/redis-cluster-facts.ts');
  const facts = await readRedisClusterFacts(redis, logger);
  return redisClusterChecks(redis, facts, clock.nowMs());
}

function printCheck({ out }: CliContext, { name, status, found, cure }: Check): void {
  printText(out, `${status.padEnd(4)}  ${name}: ${found}`);
  if (cure !== undefined) printText(out, `      → ${cure}`);
}
