// Shared by all commands: registration, reading settings, opening the log, parsing numbers.
import { InvalidArgumentError, type Command } from 'commander';

import { parseConfig, type Config } from '../config/config.ts';
import { misspeltSettings } from '../config/relations.ts';
import { lengthMs } from '../config/window-list.ts';
import type { EventLog } from '../log/event-log.ts';
import { openEventLog } from '../log/open.ts';
import { openLogger, type Logger } from '../logger.ts';
import { printLine, type CliContext } from './context.ts';

export type AddCommand = (
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
) => void;

/**
 * Returns the settings of the environment; `overrides` (from options) win. Warns of misspelt names.
 * @throws ConfigError
 */
export function readConfig(
  context: CliContext,
  overrides: Readonly<Record<string, string | undefined>> = {},
): Config {
  for (const warning of misspeltSettings(Object.keys(context.env))) {
    printLine(context.err, `warning: ${warning}`);
  }
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return parseConfig({ ...context.env, ...Object.fromEntries(given) });
}

export interface LogUse {
  readonly config: Config;
  readonly context: CliContext;
  /** Name of the command in log lines and in the Kafka client id. */
  readonly name: string;
  /** `read` opens the embedded log even while another process holds it. Default `write`. */
  readonly access?: 'write' | 'read';
}

/**
 * Opens the event log, runs `use` and closes the log.
 * @throws UnavailableError without retries if no broker can be reached.
 */
export async function withLog<T>(
  { config, context, name, access = 'write' }: LogUse,
  use: (log: EventLog, logger: Logger) => Promise<T>,
): Promise<T> {
  const logger = openLogger(config.process).child({ command: name });
  const clientId = `sensorium-${name}-${process.pid}`;
  await reachLog(config, logger);
  const log = await openEventLog(config.process, {
    clientId,
    logger,
    clock: context.clock,
    access,
  });
  try {
    return await use(log, logger);
  } finally {
    await log.close();
  }
}

/**
 * Resolves once a broker answers; at once on the embedded log.
 * @throws UnavailableError, ConfigError within 5 s, with the cause
 */
export async function reachLog({ process: settings }: Config, logger: Logger): Promise<void> {
  if (settings.kafka === undefined) return;
  const { reachBroker } = await import('../log/kafka/reach-broker.ts');
  await reachBroker(settings.kafka, logger);
}

/** Returns the location of the log for display, without credentials. */
export function logPlace({ process: settings }: Config): string {
  return settings.kafka === undefined
    ? `the embedded log in ${settings.dataDir}`
    : `Kafka at ${settings.kafka.brokers.join(',')}`;
}

/** Returns a parser for a numeric option from `min` to `max`; whole numbers unless `decimals`. */
export function numberOption(limits: {
  readonly min: number;
  readonly max: number;
  readonly decimals?: true;
}): (text: string) => number {
  return (text) => {
    const pattern = limits.decimals === true ? /^\d+(\.\d+)?$/ : /^\d+$/;
    const value = pattern.test(text) ? Number(text) : NaN;
    if (value >= limits.min && value <= limits.max) return value;
    const kind = limits.decimals === true ? 'a number' : 'a whole number';
    throw new InvalidArgumentError(`Expected ${kind} from ${limits.min} to ${limits.max}.`);
  };
}

/** Parses a length of time in an option into ms. */
export function lengthOption(text: string): number {
  const ms = lengthMs(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('Expected a length of time such as 500ms, 5m, 12h or 7d.');
}
