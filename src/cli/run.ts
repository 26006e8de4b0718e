// `run`, the default command: runs the whole pipeline in this process until it is stopped.
import type { Command } from 'commander';
import { hostname } from 'node:os';

import { settingsHelp } from '../config/settings-text.ts';
import type { Config } from '../config/config.ts';
import type { Timer } from '../clock.ts';
import { aborted } from '../deferred.ts';
import { isSensoriumError } from '../errors.ts';
import { createHttpServer } from '../http/server.ts';
import type { EventLog, TopicDescription } from '../log/event-log.ts';
import { openEventLog } from '../log/open.ts';
import { topicNames } from '../log/topics.ts';
import { openLogger, type Logger } from '../logger.ts';
import { produce } from '../producer/produce.ts';
import { simulateSensors, simulationDefaults } from '../producer/simulated-sensors.ts';
import { recentLetterBounds, RecentDeadLetters } from '../projections/recent-dead-letters.ts';
import { createQueryRunner } from '../queries/query-runner.ts';
import { claimFeatureStore, openFeatureStore } from '../stores/open.ts';
import { createSensorOwners } from '../supervisor/sensor-owners.ts';
import { startSupervisor } from '../supervisor/supervisor.ts';
import { createAlarmDelivery } from './alarm-delivery.ts';
import { logPlace, reachLog, readConfig } from './command.ts';
import { assertRights } from './check-rights.ts';
import { printLine, printText, type CliContext } from './context.ts';
import { programTopics, topicChecks } from './doctor-topics.ts';
import { checkBeforeJoining, type Joining } from './check-before-joining.ts';
import { ensureTopics, type EnsuredTopic } from './ensure-topics.ts';
import { httpUrl } from './http-url.ts';
import { createPostedReadings } from './intake.ts';
import { createMqttReadings } from './mqtt-readings.ts';
import { sensorHistoryOf } from './sensor-history.ts';
import { registerOutputs } from './register-outputs.ts';
import { version } from '../version.ts';

const startMsMax = 60_000;
// Process managers kill after ten seconds; the process must have ended by then.
const stopMsMax = 9_500;

interface Running extends Joining {
  readonly stop: Stop;
}

/** Adds `run`. */
export function addRun(
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
): void {
  program
    .command('run', { isDefault: true })
    .description('compute features from readings until stopped (the default command)')
    .option('--accept-gap', 'go on although the log lost records that recovery needs (ACCEPT_GAP)')
    .option(
      '--take-over',
      'replace the pipeline that wrote to Redis so far (ONLINE_OTHER_WRITER=take-over)',
    )
    .addHelpText('after', () => `\n${settingsHelp(Math.min(100, context.out.columns))}`)
    .action(async (flags: RunFlags) => setExitCode(await run(flags, context)));
}

interface RunFlags {
  readonly acceptGap?: true;
  readonly takeOver?: true;
}

async function run({ acceptGap, takeOver }: RunFlags, context: CliContext): Promise<number> {
  const overrides = {
    ...(acceptGap === true ? { ACCEPT_GAP: 'true' } : {}),
    ...(takeOver === true ? { ONLINE_OTHER_WRITER: 'take-over' } : {}),
  };
  const config = withAdvertisedUrl(readConfig(context, overrides));
  const logger = openLogger(config.process);
  const stop = armStop(context);
  const closers: (() => Promise<void>)[] = [];
  try {
    const { log, ensured } = await openWithRetries(context, config, logger, stop.signal);
    closers.push(() => log.close());
    const featureStore = await openFeatureStore(config, logger, 'serve');
    closers.push(() => featureStore.close());
    printStart(context, config, ensured);
    await warnOfTopics(context, config, log);
    const joining = await checkBeforeJoining({ context, config, log, logger });
    const registered = { ...joining, config: await registerOutputs(joining.config) };
    await claimStore(config, logger);
    return await superviseUntilStopped({ ...registered, stop }, featureStore);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    printLine(context.out, 'stopped before startup was complete');
    return 0;
  } finally {
    for (const close of closers.reverse()) await close();
    stop.disarm();
  }
}

async function superviseUntilStopped(
  { context, config, log, logger, stop }: Running,
  featureStore: Parameters<typeof createHttpServer>[0]['featureStore'],
): Promise<number> {
  const mqtt = createMqttReadings({ clock: context.clock, config, log, logger });
  const delivery = createAlarmDelivery({ clock: context.clock, config, log, logger });
  await delivery?.prepare();
  const supervisor = startSupervisor({
    ...{ config, logger, clock: context.clock },
    version: version(),
  });
  const { groupId, inputTopic } = config.process;
  const owners = createSensorOwners({
    ...{ log, clock: context.clock, groupId, inputTopic },
    rekeyedTopic: topicNames(config.process).rekeyed,
    advertisedUrl: config.process.advertisedUrl,
    input: config.semantics.input,
  });
  const queries = config.process.httpQuery
    ? createQueryRunner({ config, clock: context.clock })
    : undefined;
  const history = sensorHistoryOf(config, log, logger);
  const deadLetters = new RecentDeadLetters({
    ...{ log, topic: topicNames(config.process).deadLetters },
    ...recentLetterBounds,
  });
  const posted = createPostedReadings({ clock: context.clock, config, log }, supervisor);
  const http = createHttpServer({
    ...{ supervisor, owners, featureStore, history, deadLetters, queries, posted, config, logger },
    metrics: [...(mqtt?.registries ?? []), ...(delivery ? [delivery.metrics.registry] : [])],
  });
  const simulation = new AbortController();
  try {
    const url = await http.listen();
    printLine(context.out, `page    ${url}/`);
    printLine(context.out, `health  ${url}/health/ready`);
    printLine(context.out, `API     ${url}/openapi.json`);
    await mqtt?.start();
    delivery?.start(supervisor);
    const fed = feedSimulatedSensors({ context, config, log, logger }, simulation.signal);
    const failed = await Promise.race([stop.asked, supervisor.gaveUp]);
    simulation.abort();
    await Promise.all([fed, mqtt?.close(), delivery?.close()]);
    const { unfinished } = await supervisor.drain();
    if (failed !== undefined) {
      printText(context.err, `sensorium: gave up: ${failed.message}`);
      return 1;
    }
    printLine(context.out, stoppedLine(unfinished));
    return 0;
  } catch (error) {
    await supervisor.drain();
    throw error;
  } finally {
    await mqtt?.close();
    await delivery?.close();
    await http.close();
  }
}

function stoppedLine(unfinished: readonly string[]): string {
  return unfinished.length === 0
    ? 'stopped; all work is committed'
    : `stopped; ${unfinished.join(', ')} had to be terminated: the next start resumes at the last commit`;
}

interface Stop {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly asked: Promise<undefined>;
  disarm(): void;
}

/** The first signal starts a stop of bounded duration; the second ends the process at once. */
function armStop(context: CliContext): Stop {
  const abort = new AbortController();
  let force: Timer | undefined;
  const endNow = (reason: string): void => {
    printLine(context.err, `sensorium: ${reason}; the next start resumes at the last commit`);
    context.exitNow(1);
  };
  const off = context.onSignal((name) => {
    if (abort.signal.aborted) return endNow(`second ${name}: stopped at once`);
    printLine(
      context.out,
      `${name}: committing and leaving the group; a second signal stops at once`,
    );
    force = context.clock.after(stopMsMax, () =>
      endNow('the stop took too long: stopped by force'),
    );
    abort.abort();
  });
  return {
    signal: abort.signal,
    asked: aborted(abort.signal),
    disarm() {
      off();
      force?.cancel();
    },
  };
}

/**
 * Claims the online store. One that is away is claimed by the projection once it answers; a
 * take-over is done here alone, so that a thread that starts again never takes a store back.
 */
async function claimStore(config: Config, logger: Logger): Promise<void> {
  try {
    await claimFeatureStore(config, logger);
  } catch (error) {
    const isAway = isSensoriumError(error) && error.directive === 'retry';
    if (!isAway || config.process.onlineOtherWriter === 'take-over') throw error;
  }
}

/** Opens the log and creates missing topics. Retries: a broker may still be starting. */
async function openWithRetries(
  context: CliContext,
  config: Config,
  logger: Logger,
  signal: AbortSignal,
): Promise<{ readonly log: EventLog; readonly ensured: readonly EnsuredTopic[] }> {
  const { clock } = context;
  const deadlineMs = clock.monotonicMs() + startMsMax;
  const clientId = `sensorium-run-${process.pid}`;
  for (let attempt = 0; ; attempt += 1) {
    let log: EventLog | undefined;
    try {
      await reachLog(config, logger);
      await assertRights(config, logger);
      log = await openEventLog(config.process, { clientId, logger, clock });
      return { log, ensured: await ensureTopics(log, config) };
    } catch (error) {
      await log?.close();
      const isWorthWaiting = isSensoriumError(error) && error.directive === 'retry';
      if (!isWorthWaiting || clock.monotonicMs() > deadlineMs || signal.aborted) throw error;
      if (attempt === 0) {
        printLine(context.out, `waiting for ${logPlace(config)}: ${error.message}`);
      }
      await clock.sleep(1_000, signal);
    }
  }
}

function printStart({ out }: CliContext, config: Config, ensured: readonly EnsuredTopic[]): void {
  const created = ensured.filter(({ isNew }) => isNew).map(({ topic }) => topic);
  const { process: settings } = config;
  const store = settings.redis === undefined ? 'the embedded store' : 'Redis';
  printLine(out, `sensorium ${version()} on ${logPlace(config)}, features in ${store}`);
  if (created.length > 0) printLine(out, `created topics ${created.join(', ')}`);
  if (settings.simulatedSensors > 0) {
    printLine(
      out,
      `the readings are SIMULATED: ${settings.simulatedSensors} sensors, 1 reading/s each ` +
        '(set KAFKA_BROKERS for your own; SIMULATED_SENSORS=0 turns them off)',
    );
  }
}

/** Warns once of risky settings of existing topics, which are never changed. */
async function warnOfTopics({ err }: CliContext, config: Config, log: EventLog): Promise<void> {
  const topics = new Map<string, TopicDescription>();
  for (const [, name] of programTopics(config)) {
    const description = await log.describeTopic(name);
    if (description !== undefined) topics.set(name, description);
  }
  // Replicas are left to `doctor`, which knows the number of brokers.
  for (const { status, name, found, cure } of topicChecks(config, { topics, brokers: 1 })) {
    if (status !== 'ok' && cure !== undefined)
      printLine(err, `warning: ${name}: ${found}; ${cure}`);
  }
}

async function feedSimulatedSensors(
  { context, config, log, logger }: Joining,
  signal: AbortSignal,
): Promise<void> {
  const sensors = config.process.simulatedSensors;
  if (sensors === 0) return;
  const { clock } = context;
  const startMs = clock.nowMs();
  const { input } = config.semantics;
  // A new seed for each start: repeated noise would look like a broken sensor.
  const seed = startMs % 2 ** 31;
  try {
    await produce({
      log,
      topic: config.process.inputTopic,
      format: 'json',
      keying: 'keyed',
      input,
      readings: simulateSensors({ ...simulationDefaults, seed, sensors, startMs, input }),
      clock,
      signal,
      eventTime: 'wall',
    });
  } catch (error) {
    if (!isSensoriumError(error)) throw error;
    logger.error({ error: error.message }, 'the simulated sensors have stopped');
  }
}

/**
 * Derives ADVERTISED_URL from host and port if unset; not from port 0, known only after binding.
 */
function withAdvertisedUrl(config: Config): Config {
  const { advertisedUrl, httpHost, httpPort } = config.process;
  if (advertisedUrl !== undefined || httpPort === 0) return config;
  const isEveryAddress = httpHost === '0.0.0.0' || httpHost === '::';
  const url = httpUrl(config.process, isEveryAddress ? hostname() : httpHost);
  return { ...config, process: { ...config.process, advertisedUrl: url } };
}
