// `produce`: sends readings, simulated or from a CSV file, to the input topic.
import { InvalidArgumentError, Option, type Command } from 'commander';

import { openCsv, replayCsv, shiftToNow } from '../producer/csv-replay.ts';
import { parseTimestampMs } from '../producer/csv-rows.ts';
import type { PlannedReading } from '../producer/planned-reading.ts';
import { produce, type ProduceReport } from '../producer/produce.ts';
import { simulateSensors, simulationDefaults } from '../producer/simulated-sensors.ts';
import { logPlace, numberOption, readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import { ensureInputTopic } from './ensure-topics.ts';
import { createProgress } from './progress.ts';

interface ProduceFlags {
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
  readonly file?: string;
  readonly speed: number;
  readonly shiftToNow?: true;
  readonly column?: string;
  readonly sensorId?: string;
  readonly start?: number;
  readonly interval: number;
}

interface Source {
  readonly title: string;
  readonly readings: Iterable<PlannedReading> | AsyncIterable<PlannedReading>;
  readonly total: number | undefined;
  readonly eventTime: 'planned' | 'wall';
}

const examples = `
Timestamps of a file are kept unless --shift-to-now is given. Old data is fine: a reading is late
only compared with newer readings of the same topic, and refused only if it lies in the future
(MAX_AHEAD_MS).

Examples:
  node dist/main.js produce --bootstrap-servers localhost:9092 --sensors 100 --rate 10 --duration 60
  node dist/main.js produce --file data/machine_temperature_system_failure.csv --speed max
  node dist/main.js produce --file data/suthaharan-multi-hop.csv --column humidity --speed 60 --shift-to-now
  node dist/main.js produce --sensors 20 --disorder-ms 3000 --late-rate 0.01 --bad-rate 0.01`;

/** Adds `produce`. */
export function addProduce(program: Command, context: CliContext): void {
  const command = program
    .command('produce')
    .description('send readings to the input topic: simulated sensors, or a CSV file')
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
  addFileOptions(command);
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

function addFileOptions(command: Command): void {
  command
    .optionsGroup('A file:')
    .option(
      '--file <csv>',
      'CSV with timestamp,value[,sensor_id], or a mote file: reading,mote_id,…',
    )
    .option('--speed <factor>', 'multiple of the file’s own pace, or max', speedOption, 1)
    .option('--shift-to-now', 'shift timestamps so that the last row is sent at its own time')
    .option('--column <name>', 'column with the value (default: value; mote files: temperature)')
    .option('--sensor-id <id>', 'sensor id if the file has no such column (default: the file name)')
    .option('--start <time>', 'mote files: time of reading 1 (default: 2010-05-01)', timeOption)
    .option(
      '--interval <ms>',
      'mote files: time between two readings',
      numberOption({ min: 1, max: 86_400_000 }),
      5_000,
    );
}

async function produceCommand(flags: ProduceFlags, context: CliContext): Promise<void> {
  const config = readConfig(context, {
    KAFKA_BROKERS: flags.bootstrapServers,
    INPUT_TOPIC: flags.topic,
  });
  const source =
    flags.file === undefined ? simulated(flags, context) : await replayed(flags, context);
  const topic = config.process.inputTopic;
  const report = await withLog({ config, context, name: 'produce' }, async (log) => {
    const { isNew, partitions } = await ensureInputTopic(log, config);
    if (isNew) printLine(context.err, `created topic ${topic} with ${partitions} partitions`);
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
          keying: flags.unkeyed === true ? 'unkeyed' : 'keyed',
          clock: context.clock,
          signal,
          onProgress: ({ records }) => progress.update(records),
        }),
      );
    } finally {
      progress.stop();
    }
  });
  printLine(context.out, flags.json === true ? summaryJson(report, topic) : summary(report, topic));
}

function simulated(flags: ProduceFlags, { clock }: CliContext): Source {
  const durationMs = flags.duration === undefined ? Infinity : flags.duration * 1_000;
  const options = { ...flags, durationMs, startMs: clock.nowMs() };
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

async function replayed(flags: ProduceFlags, { clock }: CliContext): Promise<Source> {
  const { file: path = '', speed } = flags;
  const file = await openCsv(path, {
    column: flags.column,
    sensorId: flags.sensorId,
    moteStartMs: flags.start ?? Date.UTC(2010, 4, 1),
    moteIntervalMs: flags.interval,
  });
  const shiftMs = flags.shiftToNow === true ? shiftToNow(file, { speed, nowMs: clock.nowMs() }) : 0;
  const [from, to] = [file.firstTimestampMs, file.lastTimestampMs].map((timeMs) =>
    new Date(timeMs + shiftMs).toISOString(),
  );
  return {
    title: `${file.rows} rows of ${path} (${from} to ${to})`,
    readings: replayCsv(file, { speed, shiftMs }),
    total: file.rows,
    eventTime: 'planned',
  };
}

function summary(report: ProduceReport, topic: string): string {
  const { records, late, bad, seconds, isStopped } = report;
  const rate = Math.round(records / Math.max(seconds, 0.001));
  const faults = [late > 0 ? `${late} late` : '', bad > 0 ? `${bad} bad` : ''].filter(Boolean);
  return (
    `sent ${records} records to ${topic} in ${seconds.toFixed(1)} s (${rate}/s)` +
    (faults.length > 0 ? `, of these ${faults.join(' and ')}` : '') +
    (isStopped ? '; interrupted' : '')
  );
}

function summaryJson(report: ProduceReport, topic: string): string {
  const { isStopped, ...counts } = report;
  return JSON.stringify({ topic, ...counts, interrupted: isStopped });
}

const speedNumber = numberOption({ min: 0, max: 1e9, decimals: true });

function speedOption(text: string): number {
  const speed = text === 'max' ? 0 : speedNumber(text);
  return speed === 0 ? Infinity : speed;
}

function timeOption(text: string): number {
  const timeMs = parseTimestampMs(text);
  if (Number.isSafeInteger(timeMs)) return timeMs;
  throw new InvalidArgumentError('Expected ISO 8601 or milliseconds since 1970.');
}
