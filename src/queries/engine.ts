// DuckDB behind a port of our own: an engine in memory that can read the files it is given and
// nothing else. It is loaded when it is first needed: its library takes 68 MB.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type * as nodeApi from '@duckdb/node-api';

import { ConfigError, UnavailableError } from '../errors.ts';

export interface EngineOptions {
  readonly threads: number;
  readonly memoryMb: number;
  /** Files that statements may read or write; all others are refused. */
  readonly files: readonly string[];
  /** Stops a running statement. */
  readonly signal: AbortSignal;
}

export const fileFormats = ['csv', 'json', 'parquet'] as const;

export type FileFormat = (typeof fileFormats)[number];

/** A column to fill row by row; `time` is ms since 1970. */
export type ColumnKind = 'text' | 'time' | 'number' | 'whole' | 'truth';

export type Cell = string | number | boolean | undefined;

export interface RowAppender {
  append(row: readonly Cell[]): void;
  /** Makes the rows visible to statements. */
  finish(): void;
}

export interface TextRows {
  readonly columns: readonly string[];
  /** Null where the value is NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Whether the result has more rows than were asked for. */
  readonly isCut: boolean;
}

export interface Engine {
  /** @throws ConfigError with the engine's message; UnavailableError once the signal aborts */
  run(sql: string): Promise<void>;
  /** Returns the first `rowsMax` rows as text. @throws as run */
  rows(sql: string, rowsMax: number): Promise<TextRows>;
  /** Writes the rows of `select` to the file at `path`. @throws as run */
  copy(select: string, path: string, format: FileFormat): Promise<void>;
  /** Appends to `table`, whose columns are of `kinds`. */
  appendTo(table: string, kinds: readonly ColumnKind[]): Promise<RowAppender>;
  close(): void;
}

const copyOptions: Readonly<Record<FileFormat, string>> = {
  csv: 'FORMAT csv, HEADER true, USE_TMP_FILE false',
  json: 'FORMAT json, ARRAY true, USE_TMP_FILE false',
  parquet: 'FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false',
};

const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  text: 'VARCHAR',
  time: 'TIMESTAMPTZ',
  number: 'DOUBLE',
  whole: 'BIGINT',
  truth: 'BOOLEAN',
};

/** Returns the type of a column of `kind` in a table. */
export function sqlType(kind: ColumnKind): string {
  return sqlTypes[kind];
}

/** Returns `name` as an identifier in SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Returns `text` as a literal in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Opens the engine. @throws ConfigError where this machine has no library of it */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const duckdb = await loadDuckDb();
  // Sorts and joins larger than the memory go here.
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-query-'));
  const instance = await duckdb.DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: `${options.memoryMb}MB`,
    temp_directory: folder,
  });
  const connection = await instance.connect();
  const close = (): void => {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  };
  const engine = engineOf(duckdb, { instance, connection, signal: options.signal, close });
  try {
    // The order matters: the last one makes all of them final.
    for (const setting of [
      "TimeZone = 'UTC'",
      'preserve_insertion_order = true',
      `allowed_paths = [${options.files.map(literal).join(', ')}]`,
      'autoinstall_known_extensions = false',
      'autoload_known_extensions = false',
      'allow_community_extensions = false',
      'enable_external_access = false',
      'lock_configuration = true',
    ]) {
      await engine.run(`SET ${setting}`);
    }
    return engine;
  } catch (error) {
    close();
    throw error;
  }
}

type DuckDb = typeof nodeApi;

async function loadDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `DuckDB cannot be loaded on this machine (${process.platform} ${process.arch}): ${reason}`,
      {},
      error,
    );
  }
}

interface EngineParts {
  readonly instance: nodeApi.DuckDBInstance;
  readonly connection: nodeApi.DuckDBConnection;
  readonly signal: AbortSignal;
  readonly close: () => void;
}

function engineOf(duckdb: DuckDb, { connection, signal, close }: EngineParts): Engine {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    const interrupt = (): void => connection.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      if (signal.aborted) throw new Error('before the statement');
      return await work();
    } catch (error) {
      throw engineError(error, signal);
    } finally {
      signal.removeEventListener('abort', interrupt);
    }
  };
  const run = (sql: string): Promise<void> =>
    guarded(async () => {
      await connection.run(sql);
    });
  const rows = (sql: string, rowsMax: number): Promise<TextRows> =>
    guarded(async () => {
      const text = `SELECT COLUMNS(*)::VARCHAR FROM query(${literal(sql)})`;
      const reader = await connection.streamAndReadUntil(text, rowsMax + 1);
      const found = reader.getRowsJson() as (string | null)[][];
      return {
        columns: reader.columnNames(),
        rows: found.slice(0, rowsMax),
        isCut: found.length > rowsMax,
      };
    });
  return {
    run,
    rows,
    async copy(select, path, format) {
      const described = format === 'json' ? await rows(`DESCRIBE ${select}`, Infinity) : undefined;
      const source = described === undefined ? select : finiteSelect(select, described.rows);
      await run(`COPY (${source}) TO ${literal(path)} (${copyOptions[format]})`);
    },
    appendTo: (table, kinds) =>
      guarded(async () => rowAppender(duckdb, await connection.createAppender(table), kinds)),
    close,
  };
}

/** JSON has no NaN and no infinity: they become null. `columns` are those of DESCRIBE. */
function finiteSelect(select: string, columns: TextRows['rows']): string {
  const finite = columns
    .filter(([, type]) => type === 'DOUBLE' || type === 'FLOAT')
    .map(([name]) => identifier(name ?? ''))
    .map((name) => `CASE WHEN isfinite(${name}) THEN ${name} END AS ${name}`);
  return finite.length === 0 ? select : `SELECT * REPLACE (${finite.join(', ')}) FROM (${select})`;
}

type Appender = Awaited<ReturnType<nodeApi.DuckDBConnection['createAppender']>>;

/** Rows go to the engine some thousands at a time: a call a cell took four times as long. */
function rowAppender(
  duckdb: DuckDb,
  appender: Appender,
  kinds: readonly ColumnKind[],
): RowAppender {
  const types = kinds.map((_, column) => appender.columnType(column));
  const chunkRows = 2_048;
  let columns: (string | number | bigint | boolean | null | object)[][] = kinds.map(() => []);
  let rows = 0;
  const send = (): void => {
    if (rows === 0) return;
    const chunk = duckdb.DuckDBDataChunk.create(types, rows);
    chunk.setColumns(columns as never);
    appender.appendDataChunk(chunk);
    columns = kinds.map(() => []);
    rows = 0;
  };
  const valueOf = (
    kind: ColumnKind,
    cell: Cell,
  ): string | number | bigint | boolean | null | object => {
    if (cell === undefined) return null;
    if (kind === 'time') return new duckdb.DuckDBTimestampTZValue(BigInt(cell) * 1_000n);
    return kind === 'whole' ? BigInt(cell) : cell;
  };
  return {
    append(row) {
      for (const [column, kind] of kinds.entries())
        columns[column]?.push(valueOf(kind, row[column]));
      rows += 1;
      if (rows === chunkRows) send();
    },
    finish() {
      send();
      appender.flushSync();
      appender.closeSync();
    },
  };
}

function engineError(error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return new UnavailableError('the query was stopped', {}, error);
  const message = error instanceof Error ? error.message : String(error);
  // The rest of the message lists candidates, and points into a line that wraps the caller's.
  const [first = ''] = message.split(/\n(?=\s)/);
  return new ConfigError(first.trimEnd(), {}, error);
}
