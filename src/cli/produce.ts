// `produce`: sends readings, simulated or from a CSV file, to the input topic.
import { Option, type Command } from 'commander';

import { ConfigError } from '../errors.ts';
import { produce, type ProduceReport } from '../producer/produce.ts';
import { simulateSensors, simulationDefaults } from '../producer/simulated-sensors.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { logPlace, numberOption, readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import { ensureInputTopic } from './ensure-topics.ts';
import { filesHelp } from './file-options.ts';
import {
  addReplayOptions,
  replayed,
  warnOfLate,
  type ReadingsSource,
  type ReplayedFileFlags,
} from './produce-file.ts';
import { createProgress } from './progress.ts';

interface ProduceFlags extends ReplayedFileFlags {
  readonly bootstrapServers?: string;
  readonly topic?: string;
  readonly format: 'json' | 'avro';
  readonly unkeyed?: true;
  readonly json?: true;
  readonly sensors: number;
  readonly rate: number;
  readonly duration?: number;
  readonly seed: number;
  readonly disorderMs: number;
  readonly lateRate: number;
  readonly lateByMs: number;
  readonly badRate: number;
}

const examples = `${filesHelp}
Records have the shape that INPUT_SCHEMA declares, keyed by their device. An existing file of another
shape is read by the options above, and written in that one.

Timestamps of a file are kept unless --shift-to-now is given. Into a topic of its own, old data is
fine. Beside live sensors it is late: windows that have closed are not opened again, and its
readings become dead letters: backfill computes their rows instead. The command warns of that before
it sends, and counts them (late_expected). Readings in the future are refused, too (MAX_AHEAD_MS).

Examples:
  node dist/main.js produce --bootstrap-servers localhost:9092 --sensors 100 --rate 10 --duration 60
  node dist/main.js produce --file data/machine_temperature_system_failure.csv --speed max
  node dist/main.js produce --file data/suthaharan-multi-hop.csv --column humidity --speed 60 --shift-to-now
  node dist/main.js produce --sensors 20 --disorder-ms 3000 --late-rate 0.01 --bad-rate 0.01`;

/** Adds `produce`. */
export function addProduce(program: Command, context: CliContext): void {
  const command = program
    .command('produce')
    .description('send readings to the input topic: simulated sensors, or a file')
    .option('--bootstrap-servers <list>', 'Kafka to send to (default: KAFKA_BROKERS)')
    .option('--topic <name>', 'topic to send to (default: INPUT_TOPIC)')
    .addOption(
      new Option('--format <name>', 'encoding of readings')
        .choices(['json', 'avro'])
        .default('json'),
    )
    .option('--unkeyed', 'send records without a key; run then forwards them by sensor id')
    .option('--json', 'print the summary as JSON');
  addSimulationOptions(command);
  addReplayOptions(command);
  command
    .addHelpText('after', examples)
    .action((flags: ProduceFlags) => produceCommand(flags, context));
}

function addSimulationOptions(command: Command): void {
  const share = numberOption({ min: 0, max: 1, decimals: true });
  const defaults = simulationDefaults;
  command
    .optionsGroup('Simulated sensors:')
    .option(
      '--sensors <number>',
      'number of sensors',
      numberOption({ min: 1, max: 1e6 }),
      defaults.sensors,
    )
    .option(
      '--rate <number>',
      'readings per second and sensor',
      numberOption({ min: 0.001, max: 1e6, decimals: true }),
      defaults.rate,
    )
    .option(
      '--duration <seconds>',
      'how long (default: until interrupted)',
      numberOption({ min: 0.001, max: 1e9, decimals: true }),
    )
    .option(
      '--seed <number>',
      'the same seed gives the same values',
      numberOption({ min: 0, max: 2 ** 31 }),
      1,
    )
    .option(
      '--disorder-ms <ms>',
      'delay readings by up to this much, so that they arrive out of order',
      numberOption({ min: 0, max: 86_400_000 }),
      0,
    )
    .option('--late-rate <share>', 'share of readings, 0 to 1, that arrive too late', share, 0)
    .option(
      '--late-by-ms <ms>',
      'minimum delay of those late readings',
      numberOption({ min: 0, max: 31_536_000_000 }),
      defaults.lateByMs,
    )
    .option('--bad-rate <share>', 'share of records, 0 to 1, that are malformed', share, 0);
}

async function produceCommand(flags: ProduceFlags, context: CliContext): Promise<void> {
  const config = readConfig(context, {
    KAFKA_BROKERS: flags.bootstrapServers,
    INPUT_TOPIC: flags.topic,
  });
  const { input } = config.semantics;
  assertFits(flags, input);
  const source =
    flags.file === undefined
      ? simulated(flags, input, context)
      : await replayed(flags, config, context);
  const topic = config.process.inputTopic;
  const keying = flags.unkeyed === true ? 'unkeyed' : 'keyed';
  let lateExpected = 0;
  const report = await withLog({ config, context, name: 'produce' }, async (log) => {
    const { isNew, partitions } = await ensureInputTopic(log, config);
    if (isNew) printLine(context.err, `created topic ${topic} with ${partitions} partitions`);
    lateExpected = await warnOfLate(source, context, { config, keying, log });
    printLine(context.err, `sending ${source.title} to ${topic} on ${logPlace(config)}`);
    const progress = createProgress(context, {
      title: 'sending',
      unit: 'records',
      total: source.total,
    });
    try {
      return await withInterrupt(context, (signal) =>
        produce({
          ...source,
          log,
          topic,
          format: flags.format,
          keying,
          input,
          clock: context.clock,
          signal,
          onProgress: ({ records }) => progress.update(records),
        }),
      );
    } finally {
      progress.stop();
    }
  });
  const sent = { ...report, lateExpected };
  printLine(context.out, flags.json === true ? summaryJson(sent, topic) : summary(sent, topic));
}

function assertFits({ format, unkeyed }: ProduceFlags, input: InputDeclaration | undefined): void {
  if (input === undefined) return;
  if (format === 'avro') throw new ConfigError('--format avro is not for INPUT_SCHEMA: drop one');
  if (unkeyed === true && input.id === 'key') {
    throw new ConfigError('--unkeyed leaves out the key, from which INPUT_SCHEMA takes the id');
  }
}

function simulated(
  flags: ProduceFlags,
  input: InputDeclaration | undefined,
  { clock }: CliContext,
): ReadingsSource {
  const durationMs = flags.duration === undefined ? Infinity : flags.duration * 1_000;
  const options = { ...flags, input, durationMs, startMs: clock.nowMs() };
  return {
    title: `readings of ${flags.sensors} simulated sensors, ${flags.rate}/s each,`,
    readings: simulateSensors(options),
    total:
      durationMs === Infinity
        ? undefined
        : Math.ceil((durationMs / 1_000) * flags.rate) * flags.sensors,
    eventTime: durationMs === Infinity ? 'wall' : 'planned',
  };
}

interface SentReport extends ProduceReport {
  /** Readings whose windows had closed before they were sent. */
  readonly lateExpected: number;
}

function summary(report: SentReport, topic: string): string {
  const { records, lateExpected, late, bad, seconds, isStopped } = report;
  const rate = Math.round(records / Math.max(seconds, 0.001));
  const faults = [
    lateExpected > 0 ? `${lateExpected} behind closed windows` : '',
    late > 0 ? `${late} late` : '',
    bad > 0 ? `${bad} bad` : '',
  ].filter(Boolean);
  return (
    `sent ${records} records to ${topic} in ${seconds.toFixed(1)} s (${rate}/s)` +
    (faults.length > 0 ? `, of these ${faults.join(' and ')}` : '') +
    (isStopped ? '; interrupted' : '')
  );
}

function summaryJson(report: SentReport, topic: string): string {
  const { isStopped, lateExpected, ...counts } = report;
  return JSON.stringify({
    topic,
    ...counts,
    late_expected: lateExpected,
    interrupted: isStopped,
  });
}
