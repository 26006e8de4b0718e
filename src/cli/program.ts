// The command line: parses it, runs one command, turns any error into one line and an exit code.
import { Command, CommanderError } from 'commander';

import { settingsHelp } from '../config/settings-text.ts';
import { isSensoriumError } from '../errors.ts';
import { addAudit } from './audit.ts';
import { addBacktest } from './backtest.ts';
import type { AddCommand } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { addDlq } from './dlq.ts';
import { addDoctor } from './doctor.ts';
import { addExport } from './export.ts';
import { addInspect } from './inspect.ts';
import { addProduce } from './produce.ts';
import { addProject } from './project.ts';
import { addReplay } from './replay.ts';
import { addRun } from './run.ts';
import { addTopics } from './topics.ts';
import { version } from './version.ts';

const exitUsage = 2;
const exitFailed = 1;

const commands: readonly AddCommand[] = [
  addRun,
  addProduce,
  addBacktest,
  addTopics,
  addDlq,
  addInspect,
  addReplay,
  addAudit,
  addProject,
  addExport,
  addDoctor,
];

const examples = `
Examples:
  node dist/main.js                     run on the embedded log with simulated sensors
  KAFKA_BROKERS=localhost:9092 REDIS_URL=redis://localhost:6379 node dist/main.js
  node dist/main.js produce --file data/machine_temperature_system_failure.csv --speed max
  node dist/main.js doctor              check the setup; print problems and cures
  node dist/main.js produce --help      show the options of a command`;

/**
 * Runs the command line `argv` (without node and script). Returns the exit code: 0, 1 if the
 * command failed, 2 if the command line is invalid; some commands set others.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let exitCode = 0;
  const program = createProgram(context);
  for (const add of commands) add(program, context, (code) => (exitCode = code));
  const unknown = unknownCommand(program, argv);
  if (unknown !== undefined) {
    printLine(context.err, `sensorium: unknown command '${unknown}'; --help lists all commands`);
    return exitUsage;
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage;
    printLine(context.err, `sensorium: ${errorLine(error, context)}`);
    return exitFailed;
  }
}

function createProgram({ out, err }: CliContext): Command {
  return new Command('sensorium')
    .description(
      'Computes windowed features and flags anomalies from sensor readings in Kafka, exactly once.',
    )
    .version(version())
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      getOutHelpWidth: () => Math.min(100, out.columns),
      getErrHelpWidth: () => Math.min(100, err.columns),
      outputError: (text, write) => write(`sensorium: ${text.replace(/^error: /, '')}`),
    })
    .addHelpText('after', () => `${examples}\n\n${settingsHelp(Math.min(100, out.columns))}`);
}

// commander would pass it to the default command, which then complains of too many arguments.
function unknownCommand(program: Command, argv: readonly string[]): string | undefined {
  const [first] = argv;
  if (first === undefined || first.startsWith('-') || first === 'help') return undefined;
  return program.commands.some((command) => command.name() === first) ? undefined : first;
}

function errorLine(error: unknown, { env }: CliContext): string {
  if (isSensoriumError(error) && error.code !== 'INVARIANT') return error.message;
  if (!(error instanceof Error)) return String(error);
  // Unexpected: a bug report needs the stack.
  return env['LOG_LEVEL'] === 'debug' || isSensoriumError(error)
    ? (error.stack ?? error.message)
    : `${error.message} (LOG_LEVEL=debug prints the stack)`;
}
