// The command line: parses it, runs one command, turns any error into one line and an exit code.
import { Command, CommanderError } from 'commander';

import { isWithinEdits } from '../config/edit-distance.ts';
import { settingsHelp } from '../config/settings-text.ts';
import { isSensoriumError } from '../errors.ts';
import { visibleLines } from '../visible.ts';
import { addAudit } from './audit.ts';
import { addBackfill } from './backfill.ts';
import { addBacktest } from './backtest.ts';
import { addCompletion } from './completion.ts';
import { addConsume } from './consume.ts';
import type { AddCommand } from './command.ts';
import { printLine, printText, type CliContext } from './context.ts';
import { addDlq } from './dlq.ts';
import { addDoctor } from './doctor.ts';
import { addDrift } from './drift.ts';
import { addExport } from './export.ts';
import { addInspect } from './inspect.ts';
import { addJoin } from './join.ts';
import { addMigrate } from './migrate.ts';
import { withLoggedErrors } from './logged-errors.ts';
import { addProduce } from './produce.ts';
import { addProject } from './project.ts';
import { addQuery } from './query.ts';
import { addReplay } from './replay.ts';
import { addRun } from './run.ts';
import { addSize } from './size.ts';
import { addTopics } from './topics.ts';
import { version } from '../version.ts';

const exitUsage = 2;
const exitFailed = 1;

const commands: readonly AddCommand[] = [
  addRun,
  addProduce,
  addBackfill,
  addBacktest,
  addMigrate,
  addTopics,
  addDlq,
  addConsume,
  addInspect,
  addReplay,
  addAudit,
  addProject,
  addExport,
  addQuery,
  addJoin,
  addDrift,
  addDoctor,
  addSize,
  addCompletion,
];

const examples = `
Examples:
  node dist/main.js                     run on the embedded log with simulated sensors
  KAFKA_BROKERS=localhost:9092 REDIS_URL=redis://localhost:6379 node dist/main.js
  node dist/main.js produce --file data/machine_temperature_system_failure.csv --speed max
  node dist/main.js doctor              check the setup; print problems and cures
  node dist/main.js produce --help      show the options of a command

Exit codes: 0 done, or stopped by a signal; 1 failed, or audit found a difference; 2 a wrong command
line, or audit could not check everything. A second signal ends a command at once with 1.`;

/**
 * Runs the command line `argv` (without node and script). Returns the exit code: 0, 1 if the
 * command failed, 2 if the command line is invalid; some commands set others.
 */
export async function runCli(argv: readonly string[], given: CliContext): Promise<number> {
  const context = withLoggedErrors(given);
  let exitCode = 0;
  const program = createProgram(context);
  for (const add of commands) add(program, context, (code) => (exitCode = code));
  const unknown = unknownCommand(program, argv);
  if (unknown !== undefined) {
    const meant = meantBy(program, unknown);
    const cure = meant === undefined ? '--help lists all commands' : `did you mean ${meant}?`;
    printLine(context.err, `sensorium: unknown command '${unknown}'; ${cure}`);
    return exitUsage;
  }
  try {
    await program.parseAsync(currentNames(argv), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage;
    printText(context.err, `sensorium: ${errorLine(error, context)}`);
    return exitFailed;
  }
}

function createProgram({ out, err }: CliContext): Command {
  return new Command('sensorium')
    .description(
      'Computes windowed features and flags anomalies from sensor readings in Kafka, exactly once.',
    )
    .version(version(), '-v, --version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(visibleLines(text)),
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

function meantBy(program: Command, word: string): string | undefined {
  const distanceMax = word.length < 5 ? 1 : 2;
  return program.commands
    .map((command) => command.name())
    .find((name) => name.startsWith(word) || isWithinEdits(word.toLowerCase(), name, distanceMax));
}

/** -V was the flag of earlier versions. */
function currentNames(argv: readonly string[]): string[] {
  return argv[0] === '-V' ? ['-v', ...argv.slice(1)] : [...argv];
}

function errorLine(error: unknown, { env }: CliContext): string {
  if (isSensoriumError(error) && error.code !== 'INVARIANT') return error.message;
  if (!(error instanceof Error)) return String(error);
  // Unexpected: a bug report needs the stack.
  return env['LOG_LEVEL'] === 'debug' || isSensoriumError(error)
    ? (error.stack ?? error.message)
    : `${error.message} (LOG_LEVEL=debug prints the stack)`;
}
