// `replay`: shows one sensor exactly as it was at an offset, and why a reading was flagged or not.
// Read-only: it does not disturb a running program.
import type { Command } from 'commander';

import { quarantineOf } from '../actors/quarantine-views.ts';
import { ConfigError } from '../errors.ts';
import { learnedText } from '../http/web/model.js';
import type { TopicPartition } from '../records/record.ts';
import { explainReading, type ReadingExplanation } from '../past/explanation.ts';
import { findForgotten, findReading, findSensor, type SensorReading } from '../past/find-sensor.ts';
import { shardAt, type PastShard } from '../past/past-shard.ts';
import type { PastContext } from '../past/past-context.ts';
import type { SensorInspection } from '../sensors/shard-state.ts';
import { readConfig } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { parseMoment, parsePartition, type Moment } from './moment.ts';
import { withPastShards } from './past-shards.ts';
import { createProgress, type Progress } from './progress.ts';

interface ReplayFlags {
  readonly sensor: string;
  readonly at: string;
  readonly partition?: string;
  readonly explain?: true;
  readonly json?: true;
}

const help = `
--at OFFSET shows the state just before the record at that offset: every earlier record is included,
and so are operator commands and idle marks journaled at that offset. The offset of
\`GET /sensors/{id}\` means the same.
--at TIME (ISO 8601, or milliseconds since 1970 with the suffix ms) shows the state just before the
sensor's first reading with that event time or a later one.
--explain also evaluates that reading and prints why it was flagged or not. If the record at the
offset belongs to another sensor, it takes this sensor's next reading.

The replay writes nothing and joins no group. It is safe beside a running program, on the embedded
log too.

Examples:
  node dist/main.js replay --sensor sensor_003 --at 48210
  node dist/main.js replay --sensor sensor_003 --at 2026-01-31T10:00:00Z --explain
  node dist/main.js replay --sensor pump/7 --at 1700000000000ms --partition 2 --explain --json
  node dist/main.js replay --sensor pump/7 --at 310 --partition raw_readings.rekeyed/1`;

/** Adds `replay`. */
export function addReplay(program: Command, context: CliContext): void {
  program
    .command('replay')
    .description('show a sensor as it was at an offset, and why a reading was flagged or not')
    .requiredOption('--sensor <id>', 'the sensor to show')
    .requiredOption('--at <offset|time>', 'show its state just before this record')
    .option('--partition <p>', 'partition of the input, or TOPIC/PARTITION (default: searched)')
    .option('--explain', 'print why the reading was flagged or not')
    .option('--json', 'print as JSON')
    .addHelpText('after', help)
    .action((flags: ReplayFlags) => replay(flags, context));
}

interface Replayed {
  readonly past: PastShard;
  readonly sensor: SensorInspection | undefined;
  readonly watermarkMs: number | null;
  readonly explanation: ReadingExplanation | undefined;
}

async function replay(flags: ReplayFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const moment = parseMoment(flags.at, '--at');
  const replayed = await withPastShards({ config, context, name: 'replay' }, async (past) => {
    const shard = await chooseShard(past, flags, context);
    return replayShard(past, shard, { ...flags, moment }, context);
  });
  if (flags.json === true) printLine(context.out, replayedJson(flags.sensor, replayed));
  else printReplayed(context, flags.sensor, replayed);
}

async function chooseShard(
  past: PastContext,
  { sensor, partition }: ReplayFlags,
  context: CliContext,
): Promise<TopicPartition> {
  if (partition !== undefined) return parsePartition(partition, past);
  const { shard, otherShard } = await findSensor(past, sensor, (place) =>
    printLine(context.err, `looking for ${sensor} in ${nameOf(place)}`),
  );
  if (otherShard !== undefined) {
    const other = `--partition ${nameOf(otherShard)} shows the other`;
    const cure = 'INPUT_KEYING=rekey prevents it';
    printLine(context.err, `warning: ${sensor} is split over two shards (${cure}); ${other}`);
  }
  return shard;
}

async function replayShard(
  context: PastContext,
  shard: TopicPartition,
  { sensor: sensorId, moment, explain }: ReplayFlags & { readonly moment: Moment },
  cli: CliContext,
): Promise<Replayed> {
  const reading =
    explain === true || moment.kind === 'time'
      ? await readingAt(context, shard, sensorId, moment)
      : undefined;
  const offset = reading?.offset ?? moment.value;
  let progress: Progress | undefined;
  const past = await shardAt(context, shard, offset, {
    onProgress(done, total) {
      progress ??= createProgress(cli, { title: 'replaying', unit: 'records', total });
      progress.update(done);
    },
  }).finally(() => progress?.stop());
  const { state } = past.memory;
  const sensor = state.inspect(sensorId);
  const watermarkMs = Number.isFinite(state.watermarkMs) ? state.watermarkMs : null;
  if (explain !== true || reading === undefined) {
    if (sensor === undefined) throw await unknownSensor(context, sensorId, past);
    return { past, sensor, watermarkMs, explanation: undefined };
  }
  const explanation = await explainReading(context, past, sensorId, reading);
  return { past, sensor, watermarkMs, explanation };
}

async function readingAt(
  context: PastContext,
  shard: TopicPartition,
  sensorId: string,
  moment: Moment,
): Promise<SensorReading> {
  const { earliest, end } = await context.log.offsets(shard);
  const wanted =
    moment.kind === 'offset'
      ? { from: moment.value }
      : {
          // The event time of an accepted reading is at most MAX_AHEAD_MS past its record's time.
          from: await context.log.offsetAtTime(shard, moment.value - context.semantics.maxAheadMs),
          sinceMs: moment.value,
        };
  const where = nameOf(shard);
  if (wanted.from > end) {
    throw new ConfigError(`offset ${wanted.from} is past the end of ${where}, offset ${end}`);
  }
  if (wanted.from < earliest) {
    throw new ConfigError(
      `offset ${wanted.from} of ${where} is no longer in the log, which starts at ${earliest}`,
    );
  }
  const reading = await findReading(context, shard, sensorId, wanted);
  if (reading !== undefined) return reading;
  const since = moment.kind === 'offset' ? `offset ${moment.value}` : isoTime(moment.value);
  throw new ConfigError(
    `no reading of sensor ${JSON.stringify(sensorId)} from ${since} on in ${where}; ` +
      `--at ${end} shows its state at the end of the log`,
    { sensorId, end },
  );
}

async function unknownSensor(
  context: PastContext,
  sensorId: string,
  { offset, topic, partition }: PastShard,
): Promise<ConfigError> {
  const sensor = `sensor ${JSON.stringify(sensorId)}`;
  const where = `${nameOf({ topic, partition })} before offset ${offset}`;
  const heard = await findForgotten(context, { topic, partition }, sensorId, offset);
  const message =
    heard === undefined
      ? `no reading of ${sensor} was used in ${where}`
      : `${sensor} was forgotten in ${where}: SENSOR_TTL, ${context.semantics.sensorTtlMs} ms, had passed ` +
        `since its last window. Its readings begin at offset ${heard.offset}; replay an offset closer to them`;
  return new ConfigError(message, { sensorId, offset });
}

function replayedJson(
  sensorId: string,
  { past, sensor, watermarkMs, explanation }: Replayed,
): string {
  const { topic, partition, offset, committedOffset, startOffset, startedFrom } = past;
  return JSON.stringify({
    sensor_id: sensorId,
    ...sensor,
    ...quarantineOf(past.memory, sensorId),
    topic,
    partition,
    offset,
    watermark_ms: watermarkMs,
    committed_offset: committedOffset,
    replayed_from: { offset: startOffset, start: startedFrom },
    ...(explanation === undefined ? {} : { explanation }),
  });
}

function printReplayed({ out, err }: CliContext, sensorId: string, replayed: Replayed): void {
  const { past, sensor, watermarkMs, explanation } = replayed;
  const { offset, committedOffset, startOffset, startedFrom } = past;
  printLine(err, `replayed offsets ${startOffset} to ${offset} from the ${startedFrom}`);
  if (offset > committedOffset) {
    const note = `only offsets up to ${committedOffset} are committed; idle marks may still be added past it`;
    printLine(err, `note: ${note}`);
  }
  printLine(out, `${sensorId} in ${nameOf(past)} before offset ${offset}`);
  if (sensor === undefined) printLine(out, `  unknown: ${whyUnknown(explanation)}`);
  else for (const line of sensorLines(sensor)) printLine(out, `  ${line}`);
  const { quarantine } = quarantineOf(past.memory, sensorId);
  if (quarantine !== undefined) {
    const { cause, message, offset: at } = quarantine;
    printLine(out, `  quarantined  at offset ${at}, ${cause}: ${message}`);
  }
  printLine(out, `  watermark    ${watermarkMs === null ? '-' : isoTime(watermarkMs)}`);
  if (explanation === undefined) return;
  const at = `${nameOf(past)}@${explanation.offset}`;
  const field = explanation.field === undefined ? '' : `, field ${explanation.field},`;
  printLine(out, `the reading ${at}${field} at ${isoTime(explanation.timestamp)}`);
  printLine(out, `  ${explanation.sentence}`);
}

function whyUnknown(explanation: ReadingExplanation | undefined): string {
  const offset = explanation?.forgotten_reading ?? null;
  if (offset === null) return 'it had no reading before';
  return `forgotten after SENSOR_TTL; it was heard before, at offset ${offset}`;
}

function sensorLines(sensor: SensorInspection): string[] {
  const { lifecycle, baseline, learned, open_windows: windows } = sensor;
  const { mean, std_dev: deviation, n } = baseline;
  return [
    `lifecycle    ${lifecycle}`,
    `baseline     mean ${mean}, standard deviation ${deviation}, ${n} readings`,
    `learned      ${learnedText(learned)}`,
    ...windows.map(
      (window) =>
        `open window  ${isoTime(window.window_start)} to ${isoTime(window.window_end)}: ` +
        `count ${window.count}, avg ${window.avg_value}, min ${window.min_value}, max ${window.max_value}, ` +
        `std_dev ${window.std_dev}, anomalies ${window.anomaly_count}`,
    ),
  ];
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
