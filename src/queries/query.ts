// One query: the statement is checked, the views it names are made, and the result is written to a
// file or returned as text. Nothing outlives it but that file.
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { ConfigError } from '../errors.ts';
import type { FeatureTopic } from '../log/topics.ts';
import { literal, openEngine, type Engine, type FileFormat, type TextRows } from './engine.ts';
import { checkedStatement, type Statement } from './statement.ts';
import {
  makeAnomalyView,
  makeFeatureView,
  newestView,
  type LiveSource,
  type ViewSource,
} from './views.ts';

export interface QuerySources {
  /** One for each feature view. */
  readonly views: readonly ViewSource[];
  readonly anomalies: FeatureTopic;
  /** Absent: only what is in files. */
  readonly live: LiveSource | undefined;
}

export interface QueryLimits {
  readonly threads: number;
  readonly memoryMb: number;
  readonly signal: AbortSignal;
}

/** Returns the first `rowsMax` rows of the result as text. @throws ConfigError on a wrong query */
export function queryRows(
  sql: string,
  sources: QuerySources,
  limits: QueryLimits & { readonly rowsMax: number },
): Promise<TextRows> {
  return withEngine(sources, { ...limits, files: [] }, async (engine) => {
    await makeViews(engine, await checkedStatement(engine, sql), sources);
    return engine.rows(sql, limits.rowsMax);
  });
}

/**
 * Writes the result to the file at `path`, which appears once it is complete.
 * @throws as queryRows
 */
export function queryToFile(
  sql: string,
  sources: QuerySources,
  target: QueryLimits & { readonly path: string; readonly format: FileFormat },
): Promise<void> {
  return resultFile(target.path, (part) =>
    withEngine(sources, { ...target, files: [part] }, async (engine) => {
      await makeViews(engine, await checkedStatement(engine, sql), sources);
      // As an argument, a statement keeps its comments and its semicolon.
      await engine.copy(`SELECT * FROM query(${literal(sql)})`, part, target.format);
    }),
  );
}

/** Puts the file that `write` makes in the place of `path`; none where `write` fails. */
export async function resultFile<T>(path: string, write: (part: string) => Promise<T>): Promise<T> {
  const part = join(dirname(path), `.${basename(path)}.part`);
  try {
    const result = await write(part);
    await rename(part, path);
    return result;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Runs `use` with an engine that may read the history's files, and read and write `files`. */
export async function withEngine<T>(
  { views }: QuerySources,
  { files, ...limits }: QueryLimits & { readonly files: readonly string[] },
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const stored = views.flatMap((view) => view.stored?.files ?? []);
  const engine = await openEngine({ ...limits, files: [...stored, ...files] });
  try {
    return await use(engine);
  } finally {
    engine.close();
  }
}

/** Makes the views that the statement names: reading the others would be for nothing. */
async function makeViews(
  engine: Engine,
  { tables, lists }: Statement,
  { views, anomalies, live }: QuerySources,
): Promise<void> {
  const known = views.flatMap(({ view }) => [view, newestView(view)]).concat(anomalies.view);
  const named = new Set([...tables].map((name) => name.toLowerCase()));
  const unknown = [...named].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`there is no view ${unknown}: expected one of ${known.join(', ')}`);
  }
  for (const source of views) {
    const isNamed = named.has(source.view) || named.has(newestView(source.view));
    if (isNamed || lists) await makeFeatureView(engine, source, isNamed ? live : undefined);
  }
  const isNamed = named.has(anomalies.view);
  if (isNamed || lists) await makeAnomalyView(engine, anomalies, isNamed ? live : undefined);
}
