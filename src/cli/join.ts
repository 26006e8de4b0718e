// `join`: labels with the features that were known at their time, for training.
import { extname } from 'node:path';

import { Option, type Command } from 'commander';

import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { featureTopics } from '../log/topics.ts';
import { fileFormats, type FileFormat } from '../queries/engine.ts';
import {
  joinLabels,
  type JoinedFeature,
  type JoinReport,
  type LabelSource,
} from '../queries/join.ts';
import { lengthOption, readConfig } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { parseTime } from './moment.ts';
import { historyOption, noLiveOption, withSources, type SourceFlags } from './with-sources.ts';

interface JoinFlags extends SourceFlags {
  readonly labels?: string;
  readonly every?: number;
  readonly from?: string;
  readonly to?: string;
  readonly at: 'available' | 'event';
  readonly features?: string;
  readonly maxAge?: number | 'any';
  readonly fullNames?: true;
  readonly out: string;
  readonly json?: true;
}

const hourMs = 3_600_000;
/** As feature_repo declares its views. */
const baseMaxAgeMs = 2 * hourMs;

const help = `
Each label gets the newest feature row of its sensor that was known at its event_timestamp. The
file of labels has the columns sensor_id and event_timestamp, and any others; all labels are kept,
in their order, with null features where nothing was known.

--at available joins by available_at, from when on a row counts as readable: what was served at that
moment. --at event joins by the window's end, which the model will see some seconds later only.

--every 5m makes the labels: every sensor at each multiple of 5 minutes, from --from to --to.

Examples:
  node dist/main.js join --labels failures.parquet --out train.parquet
  node dist/main.js join --labels failures.csv --out train.parquet --full-names \\
    --features sensor_features:avg_value,sensor_features_1h:avg_value
  node dist/main.js join --every 5m --from 2026-01-01 --to 2026-02-01 --out january.parquet`;

/** Adds `join`. */
export function addJoin(program: Command, context: CliContext): void {
  program
    .command('join')
    .description('join labels with the features that were known at their time, for training')
    .option('--labels <file>', 'a .parquet or .csv file with sensor_id and event_timestamp')
    .option('--every <length>', 'instead of labels: every sensor each 5m, 1h, …', lengthOption)
    .option('--from <time>', 'with --every: the first moment (default: of the oldest row)')
    .option('--to <time>', 'with --every: the last moment (default: of the newest row)')
    .addOption(
      new Option('--at <time>', 'of a row that is compared with the label’s')
        .choices(['available', 'event'])
        .default('available'),
    )
    .option('--features <names>', 'view:feature, comma-separated (default: all of the base view)')
    .option(
      '--max-age <length>',
      'oldest row, by the window’s end; or any (default: 2h, and a larger window’s hop)',
      (text) => (text === 'any' ? text : lengthOption(text)),
    )
    .option('--full-names', 'name the columns view__feature, as for several views')
    .addOption(historyOption)
    .addOption(noLiveOption)
    .requiredOption('--out <file>', 'a .parquet, .csv or .json file')
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', help)
    .action((flags: JoinFlags) => writeJoin(flags, context));
}

async function writeJoin(flags: JoinFlags, context: CliContext): Promise<void> {
  const config = readConfig(context, { HISTORY_DIR: flags.history });
  const options = {
    labels: labelsOf(flags),
    at: flags.at,
    features: featuresOf(flags.features, config),
    maxAgeMs: maxAgeOf(flags.maxAge, config),
    names: flags.fullNames === true ? ('full' as const) : ('short' as const),
    path: flags.out,
    format: formatOf(flags.out),
  };
  const startMs = context.clock.monotonicMs();
  const asked = { ...{ config, context, name: 'join' }, live: flags.live };
  const report = await withSources(asked, (sources, limits) =>
    joinLabels(options, sources, limits),
  );
  const seconds = (context.clock.monotonicMs() - startMs) / 1_000;
  if (flags.json === true) {
    const found = Object.fromEntries(report.found);
    printLine(context.out, JSON.stringify({ ...report, found, file: flags.out }));
  } else {
    for (const line of linesOf(report, flags, seconds)) printLine(context.out, line);
  }
}

function linesOf(
  { labels, found }: JoinReport,
  { out }: JoinFlags,
  seconds: number,
): readonly string[] {
  const counts = [...found].map(([view, rows]) => `${rows} with a row of ${view}`);
  return [`${out}: ${labels} labels, ${counts.join(', ')}; ${seconds.toFixed(1)} s`];
}

function labelsOf({ labels, every, from, to }: JoinFlags): LabelSource {
  if ((labels === undefined) === (every === undefined)) {
    throw new ConfigError('join: expected --labels FILE or --every LENGTH');
  }
  if (labels === undefined) {
    const bound = (text: string | undefined, option: string): number | undefined =>
      text === undefined ? undefined : parseTime(text, option);
    const bounds = { fromMs: bound(from, '--from'), toMs: bound(to, '--to') };
    return { kind: 'every', everyMs: every ?? NaN, ...bounds };
  }
  if (from !== undefined || to !== undefined) {
    throw new ConfigError('--from and --to are for --every: labels bring their own times');
  }
  const format = extname(labels).slice(1);
  if (format === 'csv' || format === 'parquet') return { kind: 'file', path: labels, format };
  throw new ConfigError(`--labels ${labels}: expected a name that ends in .csv or .parquet`);
}

function featuresOf(text: string | undefined, config: Config): readonly JoinedFeature[] {
  const views = featureTopics(config).map(({ view }) => view);
  const all = config.semantics.features.map((name) => ({ view: views[0] ?? '', name }));
  return text === undefined ? all : text.split(',').map((part) => featureOf(part.trim(), views));
}

function featureOf(text: string, views: readonly string[]): JoinedFeature {
  const [view = '', name = '', ...rest] = text.split(':');
  if (views.includes(view) && name !== '' && rest.length === 0) return { view, name };
  throw new ConfigError(
    `--features: expected view:feature with a view of ${views.join(', ')}, got ${text}`,
  );
}

/** A larger window's row is still the newest for a hop longer. */
function maxAgeOf(
  given: number | 'any' | undefined,
  config: Config,
): (view: string) => number | undefined {
  if (given === 'any') return () => undefined;
  const views = featureTopics(config).map(({ view }) => view);
  return (view) => {
    const window = config.semantics.windows[views.indexOf(view) - 1];
    return given ?? baseMaxAgeMs + (window?.hopMs ?? 0);
  };
}

function formatOf(out: string): FileFormat {
  const found = fileFormats.find((format) => out.endsWith(`.${format}`));
  if (found !== undefined) return found;
  throw new ConfigError(`--out ${out}: expected a name that ends in .${fileFormats.join(', .')}`);
}
