// What all commands share: how one is added, and the settings, logger and log it opens.
import { InvalidArgumentError, type Command } from 'commander';

import { parseConfig, type Config } from '../config/config.ts';
import { misspeltSettings } from '../config/relations.ts';
import type { EventLog } from '../log/event-log.ts';
import { openEventLog } from '../log/open.ts';
import { createLogger, type Logger } from '../logger.ts';
import { printLine, type CliContext } from './context.ts';
import { reachBroker } from './reach-broker.ts';

export type AddCommand = (
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
) => void;

/**
 * Returns the settings of the environment with `overrides` (from options) over them; warns of names that are nearly a
 * setting. @throws ConfigError
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
  /** The command's, in log lines and towards the broker. */
  readonly name: string;
  /** `read`: the embedded log may belong to a running process. Default `write`. */
  readonly access?: 'write' | 'read';
}

/** Opens the event log for the time of `use`. @throws UnavailableError at once where no broker can be reached */
export async function withLog<T>(
  { config, context, name, access = 'write' }: LogUse,
  use: (log: EventLog, logger: Logger) => Promise<T>,
): Promise<T> {
  const logger = createLogger(config.process.logLevel).child({ command: name });
  const clientId = `sensorium-${name}-${process.pid}`;
  if (config.process.kafka !== undefined) await reachBroker(config.process.kafka.brokers);
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

/** Returns where the log is, for people: no credentials in it. */
export function logPlace({ process: settings }: Config): string {
  return settings.kafka === undefined
    ? `the embedded log in ${settings.dataDir}`
    : `Kafka at ${settings.kafka.brokers.join(',')}`;
}

/** Reads an option's number from `min` up; whole ones only unless `decimals`. */
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
