// `query`: SQL over the history of feature rows, the newest rows and the anomalies.
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

import { Option, type Command } from 'commander';

import { ConfigError } from '../errors.ts';
import { fileFormats, type FileFormat, type TextRows } from '../queries/engine.ts';
import { queryRows, queryToFile, type QueryLimits, type QuerySources } from '../queries/query.ts';
import { textTable } from '../queries/text-table.ts';
import { readConfig } from './command.ts';
import { printData, printLine, type CliContext } from './context.ts';
import { historyOption, noLiveOption, withSources, type SourceFlags } from './with-sources.ts';

interface QueryFlags extends SourceFlags {
  readonly format?: 'table' | FileFormat;
  readonly out?: string;
}

/** More rows are no table to look at. */
const tableRowsMax = 1_000;

const help = `
Views, for the base windows and each of WINDOWS:
  sensor_features         every row: the files of HISTORY_DIR (or --history), then what the topic
                          holds beyond them
  sensor_features_newest  the newest row of each sensor
  sensor_anomalies        the anomaly topic
SHOW TABLES lists them, DESCRIBE sensor_features shows the columns. The SQL is DuckDB's. A query
reads these views and nothing else: no other file, no network.

It is stopped after QUERY_TIMEOUT_MS, and holds at most QUERY_MEMORY_MB in memory.

Examples:
  node dist/main.js query "SELECT sensor_id, max(max_value) FROM sensor_features GROUP BY ALL"
  node dist/main.js query --no-live --history feature_repo/data --out hot.parquet \\
    "SELECT * FROM sensor_features WHERE max_value > 100"
  node dist/main.js query --format json - < question.sql`;

/** Adds `query`. */
export function addQuery(program: Command, context: CliContext): void {
  program
    .command('query')
    .description('answer SQL over the history, the newest rows and the anomalies')
    .argument('<sql>', 'one SELECT; - reads it from standard input')
    .addOption(historyOption)
    .addOption(noLiveOption)
    .addOption(
      new Option('--format <format>', 'of the result (default: table, or as --out ends)').choices([
        'table',
        ...fileFormats,
      ]),
    )
    .option('--out <file>', 'write the result to a .csv, .json or .parquet file')
    .addHelpText('after', help)
    .action((sql: string, flags: QueryFlags) => query(sql, flags, context));
}

async function query(sql: string, flags: QueryFlags, context: CliContext): Promise<void> {
  const { err, out } = context;
  const config = readConfig(context, { HISTORY_DIR: flags.history });
  const format = formatOf(flags);
  const text = sql === '-' ? readFileSync(0, 'utf8') : sql;
  const asked = { ...{ config, context, name: 'query' }, live: flags.live };
  await withSources(asked, async (sources, limits) => {
    if (format === 'table') {
      const rows = await queryRows(text, sources, { ...limits, rowsMax: tableRowsMax });
      printTable(rows, context);
    } else if (flags.out !== undefined) {
      await queryToFile(text, sources, { ...limits, path: flags.out, format });
      printLine(err, `wrote ${flags.out}`);
    } else {
      printData(out, await queryToText(text, sources, { ...limits, format }));
    }
  });
}

function formatOf({ format, out }: QueryFlags): 'table' | FileFormat {
  const ending = out === undefined ? 'table' : extname(out).slice(1);
  const found = format ?? fileFormats.find((known) => known === ending) ?? 'table';
  if (out !== undefined && found === 'table') {
    throw new ConfigError(`--out ${out}: expected a name that ends in ${fileFormats.join(', ')}`);
  }
  if (found === 'parquet' && out === undefined) {
    throw new ConfigError('--format parquet needs --out FILE.parquet');
  }
  return found;
}

/** Returns the result as the engine writes it, which keeps every digit. */
async function queryToText(
  sql: string,
  sources: QuerySources,
  options: QueryLimits & { readonly format: FileFormat },
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-query-'));
  try {
    const path = join(folder, 'result');
    await queryToFile(sql, sources, { ...options, path });
    return readFileSync(path, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function printTable(result: TextRows, { out, err }: CliContext): void {
  for (const line of textTable(result)) printLine(out, line);
  if (!result.isCut) return;
  printLine(err, `there are more than ${tableRowsMax} rows: --out FILE.parquet writes all of them`);
}
