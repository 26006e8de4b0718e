// `consume`: follows the feature rows or the anomalies of a pipeline, a line each, as a person
// reads them. It only reads: no group is joined and no position kept.
import { Argument, type Command } from 'commander';

import { decodeAnomaly, type AnomalyTopicRecord } from '../codecs/anomaly.ts';
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import { partitionsOf } from '../records/partitioning.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import { numberOption, readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';

interface ConsumeFlags {
  readonly sensor?: string;
  readonly topic?: string;
  readonly fromBeginning?: true;
  readonly limit?: number;
  readonly json?: true;
}

const pollMs = 250;

const examples = `
Examples:
  node dist/main.js consume                                    new feature rows, until Ctrl-C
  node dist/main.js consume anomalies --sensor sensor_003
  node dist/main.js consume --topic sensor_features_1h --from-beginning --limit 10
  node dist/main.js consume anomalies --json | jq .z`;

const kinds = ['features', 'anomalies'] as const;
type Kind = (typeof kinds)[number];

/** Adds `consume`. */
export function addConsume(program: Command, context: CliContext): void {
  program
    .command('consume')
    .description('print feature rows or anomalies as they are committed')
    .addArgument(new Argument('[what]', 'what to print').choices(kinds).default('features'))
    .option('--sensor <id>', 'only those of this sensor')
    .option('--topic <name>', 'topic to read (default: that of the base windows, or of anomalies)')
    .option('--from-beginning', 'begin with the oldest record that the topic holds')
    .option(
      '--limit <number>',
      'stop after this many records',
      numberOption({ min: 1, max: 1_000_000_000 }),
    )
    .option('--json', 'print each record as JSON, with all digits')
    .addHelpText('after', examples)
    .action(async (what: Kind, flags: ConsumeFlags) => {
      const config = readConfig(context);
      await withInterrupt(context, (signal) =>
        withLog({ config, context, name: 'consume', access: 'read' }, (log) =>
          consume(log, { topic: topicOf(what, flags, config), what, flags }, context, signal),
        ),
      );
    });
}

function topicOf(what: Kind, { topic }: ConsumeFlags, config: Config): string {
  if (topic !== undefined) return topic;
  const [base] = featureTopics(config);
  return what === 'features' && base !== undefined
    ? base.topic
    : topicNames(config.process).anomalies;
}

/** Prints records until `signal` aborts or the limit is reached. */
async function consume(
  log: EventLog,
  { topic, what, flags }: { topic: string; what: Kind; flags: ConsumeFlags },
  context: CliContext,
  signal: AbortSignal,
): Promise<void> {
  const description = await log.describeTopic(topic);
  if (description === undefined) throw new ConfigError(`topic ${topic} does not exist`);
  const partitions = partitionsOf(topic, description.partitions);
  const extents = await log.offsetsAll(partitions);
  const next = extents.map(({ earliest, end }) => (flags.fromBeginning === true ? earliest : end));
  let left = flags.limit ?? Infinity;
  while (!signal.aborted && left > 0) {
    const known = await log.offsetsAll(partitions);
    for (const [index, partition] of partitions.entries()) {
      const from = Math.max(next[index] ?? 0, known[index]?.earliest ?? 0);
      const end = known[index]?.end ?? 0;
      if (from >= end) continue;
      for await (const batch of log.read({ ...partition, from, to: end })) {
        for (const record = batch.records(); left > 0 && record.next();) {
          if (record.offset < from) continue;
          const line = lineOf(record, partition, what, flags);
          if (line === undefined) continue;
          printLine(context.out, line);
          left -= 1;
        }
        if (left === 0 || signal.aborted) return;
      }
      next[index] = end;
    }
    await context.clock.sleep(pollMs, signal);
  }
}

/** Returns the line of a record; undefined where it is of another sensor. */
function lineOf(
  record: RecordCursor,
  { topic, partition }: TopicPartition,
  what: Kind,
  { sensor, json }: ConsumeFlags,
): string | undefined {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  if (sensor !== undefined) {
    const key = keyStart < 0 ? '' : Buffer.from(bytes.subarray(keyStart, keyEnd)).toString();
    if (key !== sensor) return undefined;
  }
  try {
    const value = bytes.slice(Math.max(0, valueStart), Math.max(0, valueEnd));
    if (json === true) {
      return JSON.stringify(what === 'features' ? decodeFeatureRow(value) : decodeAnomaly(value));
    }
    return what === 'features'
      ? featureLine(decodeFeatureRow(value))
      : anomalyLine(decodeAnomaly(value));
  } catch (error) {
    if (!isSensoriumError(error)) throw error;
    return `${topic}/${partition}@${record.offset} ${error.message}`;
  }
}

function featureLine({ sensor_id: id, window_start, window_end, features }: FeatureRow): string {
  const seconds = (window_end - window_start) / 1_000;
  const values = Object.entries(features).map(([name, value]) => `${name} ${rounded(value)}`);
  return `${timeText(window_end)}  ${id}  ${seconds} s  ${values.join('  ')}`;
}

function anomalyLine(anomaly: AnomalyTopicRecord): string {
  const head = `${timeText(anomaly.timestamp)}  ${anomaly.sensor_id}`;
  if ('kind' in anomaly) return `${head}  ${anomaly.kind.toUpperCase()}  ${anomaly.explanation}`;
  const { value, z, alarm, baseline, channel } = anomaly;
  const by = channel === undefined ? '' : ` (${channel})`;
  const side = z < 0 ? 'below' : 'above';
  return (
    `${head}  ${alarm ? `ALARM${by}  ` : ''}${rounded(value)} is ` +
    `${rounded(Math.abs(z))} standard deviations ${side} the mean of ${rounded(baseline.mean)}`
  );
}

function timeText(timeMs: number): string {
  const time = new Date(timeMs);
  return Number.isNaN(time.getTime()) ? String(timeMs) : time.toISOString();
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(5)));
}
