// `drift freeze` and `drift report`: whether features are still distributed as they were.
import { Option, type Command } from 'commander';

import {
  freezeReference,
  hasShifted,
  reportDrift,
  type DriftReport,
  type FeatureDrift,
  type RowCounts,
} from '../queries/drift.ts';
import { textTable } from '../queries/text-table.ts';
import { numberOption, readConfig } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { parseRange } from './moment.ts';
import { historyOption, noLiveOption, withSources, type SourceFlags } from './with-sources.ts';

interface FreezeFlags extends SourceFlags {
  readonly from: string;
  readonly to: string;
  readonly view: string;
  readonly out: string;
}

interface ReportFlags extends SourceFlags {
  readonly reference: string;
  readonly from?: string;
  readonly to?: string;
  readonly sensors: number;
  readonly format: 'table' | 'json';
}

const freezeHelp = `
The file has ten bins of each feature, over all rows and for each sensor, of the windows that end
after --from and at or before --to. Choose the time that a model was trained on, whole days of it.

Examples:
  node dist/main.js drift freeze --from 2026-01-01 --to 2026-02-01 --out reference.parquet`;

const reportHelp = `
The population stability index of a feature is 0 where its values fall into the bins as they did in
the reference. Below 0.1 the feature is stable, from 0.1 on there is some shift, from 0.25 on a large
one. Few rows differ by chance: where chance alone reaches the index in more than one of 1,000 cases,
the verdict is "too few rows". Rows without a finite value are counted apart, as missing.

Examples:
  node dist/main.js drift report --reference reference.parquet
  node dist/main.js drift report --reference reference.parquet --from 2026-03-01 --to 2026-03-08 \\
    --format json`;

/** Adds `drift freeze` and `drift report`. */
export function addDrift(program: Command, context: CliContext): void {
  const drift = program
    .command('drift')
    .description('compare the distribution of features with a frozen reference');
  drift
    .command('freeze')
    .addOption(historyOption)
    .addOption(noLiveOption)
    .description('write the distribution of features in a range of time to a file')
    .requiredOption('--from <time>', 'only windows that end after it')
    .requiredOption('--to <time>', 'only windows that end at or before it')
    .requiredOption('--out <file>', 'the reference, a Parquet file')
    .option('--view <name>', 'feature view', 'sensor_features')
    .addHelpText('after', freezeHelp)
    .action((flags: FreezeFlags) => freeze(flags, context));
  drift
    .command('report')
    .addOption(historyOption)
    .addOption(noLiveOption)
    .description('print the population stability index of each feature')
    .requiredOption('--reference <file>', 'a file of drift freeze')
    .option('--from <time>', 'only windows that end after it (default: the end of the reference)')
    .option('--to <time>', 'only windows that end at or before it (default: the newest)')
    .option(
      '--sensors <number>',
      'how many of the most shifted to show',
      numberOption({ min: 0, max: 100_000 }),
      10,
    )
    .addOption(
      new Option('--format <format>', 'of the result').choices(['table', 'json']).default('table'),
    )
    .addHelpText('after', reportHelp)
    .action((flags: ReportFlags) => report(flags, context));
}

async function freeze(flags: FreezeFlags, context: CliContext): Promise<void> {
  const config = readConfig(context, { HISTORY_DIR: flags.history });
  const options = { ...parseRange(flags), view: flags.view, path: flags.out };
  const asked = { ...{ config, context, name: 'drift' }, live: flags.live };
  const { rows, sensors, features } = await withSources(asked, (sources, limits) =>
    freezeReference(options, sources, limits),
  );
  printLine(
    context.out,
    `${flags.out}: ${rows} rows of ${sensors} sensors, features ${features.join(', ')}`,
  );
}

async function report(flags: ReportFlags, context: CliContext): Promise<void> {
  const config = readConfig(context, { HISTORY_DIR: flags.history });
  const { fromMs, toMs } = parseRange(flags);
  const options = {
    ...{ path: flags.reference, toMs, sensorsMax: flags.sensors },
    fromMs: flags.from === undefined ? undefined : fromMs,
  };
  const asked = { ...{ config, context, name: 'drift' }, live: flags.live };
  const found = await withSources(asked, (sources, limits) =>
    reportDrift(options, sources, limits),
  );
  const lines = flags.format === 'json' ? [JSON.stringify(reportJson(found))] : reportLines(found);
  for (const line of lines) printLine(context.out, line);
}

function reportLines(found: DriftReport): readonly string[] {
  const { view, reference, worst } = found;
  const range = (fromMs: number, toMs: number): string =>
    `${moment(fromMs) ?? ''} to ${moment(toMs) ?? 'the newest'}`;
  const sensorRows = worst.flatMap(({ sensorId, features }) =>
    features.filter(hasShifted).map((drift) => [sensorId, ...cellsOf(drift)]),
  );
  return [
    `${view}: ${range(found.fromMs, found.toMs)}, ` +
      `against ${range(reference.fromMs, reference.toMs)}`,
    ...textTable({ columns, rows: found.features.map(cellsOf), isCut: false }),
    `${found.sensorsShifted} of ${found.sensorsCompared} sensors have shifted; ` +
      `${found.sensorsNew} are new, ${found.sensorsGone} sent nothing`,
    ...(sensorRows.length === 0
      ? []
      : textTable({ columns: ['sensor_id', ...columns], rows: sensorRows, isCut: false })),
  ];
}

const columns = ['feature', 'psi', 'verdict', 'rows', 'missing', 'missing before'] as const;

function cellsOf({ feature, index, verdict, reference, current }: FeatureDrift): string[] {
  const missing = ({ missing: count, rows }: RowCounts): string =>
    `${((100 * count) / rows).toFixed(1)} %`;
  return [
    ...[feature, index?.toFixed(3) ?? '-', verdict, String(current.rows)],
    ...[missing(current), missing(reference)],
  ];
}

function reportJson(found: DriftReport): object {
  return {
    view: found.view,
    reference: { from: moment(found.reference.fromMs), to: moment(found.reference.toMs) },
    from: moment(found.fromMs),
    to: moment(found.toMs),
    features: found.features.map(featureJson),
    sensors: {
      ...{ compared: found.sensorsCompared, shifted: found.sensorsShifted },
      ...{ new: found.sensorsNew, gone: found.sensorsGone },
    },
    worst: found.worst.map(({ sensorId, features }) => ({
      sensor_id: sensorId,
      features: features.map(featureJson),
    })),
  };
}

function featureJson({ feature, index, chance, ...drift }: FeatureDrift): object {
  const { verdict, current, reference } = drift;
  return { feature, psi: index ?? null, chance, verdict, current, reference };
}

function moment(ms: number): string | null {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : null;
}
