// `inspect`: shows the groups' progress, one sensor, or how a topic's records can be read. Asks a
// running process if one answers, else reads the log and the store.
import type { Command } from 'commander';

import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { openFeatureStore } from '../stores/open.ts';
import type { SupervisorTree } from '../supervisor/supervisor-view.ts';
import { logPlace, readConfig, withLog } from './command.ts';
import { printLine, printText, type CliContext } from './context.ts';
import { httpUrl } from './http-url.ts';
import { inspectTopic } from './inspect-topic.ts';
import { readGroups, type GroupPosition, type ShardPosition } from './group-positions.ts';

interface InspectFlags {
  readonly topic?: string;
  readonly sensor?: string;
  readonly url?: string;
  readonly json?: true;
}

const httpTimeoutMs = 2_000;

const examples = `
Examples:
  node dist/main.js inspect
  node dist/main.js inspect --sensor sensor_003
  KAFKA_BROKERS=localhost:9092 node dist/main.js inspect --topic telegraf > inputs.yaml
  node dist/main.js inspect --url http://other-host:8080 --json`;

/** Adds `inspect`. */
export function addInspect(program: Command, context: CliContext): void {
  program
    .command('inspect')
    .description('show positions, lag, watermarks and snapshots; one sensor; or a topic’s records')
    .option('--topic <topic>', 'sample this topic and propose the INPUT_SCHEMA that reads it')
    .option('--sensor <id>', 'show this sensor: baseline, open windows, last features')
    .option(
      '--url <url>',
      'running process to ask (default: ADVERTISED_URL or HTTP_HOST:HTTP_PORT)',
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', examples)
    .action((flags: InspectFlags) => inspectOne(flags, context));
}

function inspectOne(flags: InspectFlags, context: CliContext): Promise<void> {
  const { topic, sensor } = flags;
  if (topic !== undefined && sensor !== undefined) {
    throw new ConfigError('--topic and --sensor ask for two things; give one of them');
  }
  if (topic !== undefined) return inspectTopic(topic, flags, context);
  return sensor === undefined
    ? inspectGroups(flags, context)
    : inspectSensor(sensor, flags, context);
}

async function inspectGroups(flags: InspectFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const url = processUrl(flags, config);
  // A running process holds the embedded log exclusively, so only that process can answer.
  if (flags.url !== undefined || config.process.kafka === undefined) {
    const tree = await ask(`${url}/supervisor`);
    if (isTree(tree)) {
      printLine(context.err, `live, from the process at ${url}`);
      if (flags.json === true) printLine(context.out, JSON.stringify(tree));
      else printTree(context, tree);
      return;
    }
    if (flags.url !== undefined) throw new ConfigError(`no answer from ${url}`);
  }
  const nowMs = context.clock.nowMs();
  const groups = await withLog({ config, context, name: 'inspect' }, (log) =>
    readGroups(log, config),
  );
  if (flags.json === true) {
    printLine(context.out, JSON.stringify(groups));
    return;
  }
  printLine(context.out, `group ${groups.group} on ${logPlace(config)}`);
  printTable(
    context,
    shardHeader,
    groups.shards.map((shard) => shardCells(shard, nowMs)),
  );
  printLine(context.out, '');
  printLine(context.out, `group ${groups.projection_group}`);
  printTable(context, groupHeader, groups.projection.map(groupCells));
}

async function inspectSensor(
  sensorId: string,
  flags: InspectFlags,
  context: CliContext,
): Promise<void> {
  const config = readConfig(context);
  const url = processUrl(flags, config);
  const live = await ask(`${url}/sensors/${encodeURIComponent(sensorId)}`);
  if (live !== undefined) {
    printLine(context.err, `live, from the process at ${url}`);
    printText(context.out, JSON.stringify(live, null, flags.json === true ? 0 : 2));
    return;
  }
  if (flags.url !== undefined) throw new ConfigError(`no sensor ${sensorId} at ${url}`);
  const stored = await withLog({ config, context, name: 'inspect' }, async (_, logger) => {
    const store = await openFeatureStore(config, logger);
    try {
      return (await store.read([sensorId]))[0];
    } finally {
      await store.close();
    }
  });
  if (stored === undefined) {
    throw new ConfigError(`no sensor ${sensorId}: neither at ${url} nor in the store`);
  }
  printLine(context.err, `not found at ${url}; this is its last window in the store`);
  const shown = {
    sensor_id: sensorId,
    window_end: stored.eventTimeMs,
    event_time: new Date(stored.eventTimeMs).toISOString(),
    features: stored.values,
  };
  printText(context.out, JSON.stringify(shown, null, flags.json === true ? 0 : 2));
}

function processUrl({ url }: InspectFlags, { process: settings }: Config): string {
  return (url ?? settings.advertisedUrl ?? httpUrl(settings)).replace(/\/+$/, '');
}

function isTree(value: unknown): value is SupervisorTree {
  return typeof value === 'object' && value !== null && 'workers' in value && 'projector' in value;
}

const liveHeader = [
  'partition',
  'position',
  'end',
  'lag',
  'watermark',
  'phase',
  'sensors',
  'worker',
];

function printTree(
  context: CliContext,
  { state, workers, projector, totals }: SupervisorTree,
): void {
  const rows = workers.flatMap(({ index, shards }) =>
    shards.map((shard) => [
      `${shard.topic}/${shard.partition}`,
      ...[shard.position, shard.highWatermark, shard.lag].map(String),
      shard.watermarkMs === null ? '-' : new Date(shard.watermarkMs).toISOString(),
      shard.phase,
      String(shard.sensors),
      String(index),
    ]),
  );
  const { readings, featureRows, deadLetters } = totals;
  const counts = `${readings} readings, ${featureRows} feature rows, ${deadLetters} dead letters`;
  printLine(context.out, `${state}; since the start ${counts}`);
  printTable(context, liveHeader, rows.sort());
  const { connected, lag, storeError } = projector;
  const store = connected ? 'reaches its store' : `cannot reach its store: ${storeError ?? ''}`;
  printLine(context.out, `projector: ${lag} rows behind, ${store}`);
}

/**
 * Returns the JSON at `url`; undefined if there is no usable answer. Follows redirects to the owner
 * of a sensor.
 */
async function ask(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(httpTimeoutMs) });
    return response.ok ? await response.json() : undefined;
  } catch {
    // Not running, not reachable or another program: the caller falls back and says so.
    return undefined;
  }
}

const shardHeader = ['partition', 'position', 'end', 'lag', 'watermark', 'snapshots (age)'];

function shardCells(shard: ShardPosition, nowMs: number): readonly string[] {
  const { watermark_ms: watermarkMs, snapshots } = shard;
  return [
    ...groupCells(shard),
    watermarkMs === null ? '-' : new Date(watermarkMs).toISOString(),
    snapshots.length === 0
      ? '-'
      : snapshots.map(({ taken_ms }) => `${Math.round((nowMs - taken_ms) / 1_000)} s`).join(', '),
  ];
}

const groupHeader = shardHeader.slice(0, 4);

function groupCells({ topic, partition, position, end, lag }: GroupPosition): readonly string[] {
  return [
    `${topic}/${partition}`,
    position === null ? '-' : String(position),
    String(end),
    String(lag),
  ];
}

function printTable(
  { out }: CliContext,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  for (const cells of [header, ...rows]) {
    printLine(
      out,
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}
