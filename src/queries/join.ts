// Point-in-time joins: for each label, the newest feature row of its sensor that could be read at
// the label's time. Every label is kept, in its place.
//
// Two steps for each view. The first finds which row belongs to a label, over keys alone; the
// second fetches the features of those rows. One join over whole rows needs a quarter more memory.
import { ConfigError } from '../errors.ts';
import type { FeatureTopic } from '../log/topics.ts';
import { identifier, literal, type Engine, type FileFormat } from './engine.ts';
import { resultFile, withEngine, type QueryLimits, type QuerySources } from './query.ts';
import { makeFeatureView, viewFeatures, type ViewSource } from './views.ts';

/** Labels of a file, or a moment of every sensor each `everyMs`. */
export type LabelSource =
  | { readonly kind: 'file'; readonly path: string; readonly format: 'csv' | 'parquet' }
  | {
      readonly kind: 'every';
      readonly everyMs: number;
      /** Bounds of the moments, inclusive; where absent, those of the rows. */
      readonly fromMs: number | undefined;
      readonly toMs: number | undefined;
    };

export interface JoinedFeature extends Pick<FeatureTopic, 'view'> {
  readonly name: string;
}

export interface LabelJoin {
  readonly labels: LabelSource;
  /** The time of a row that is compared with the label's: when it could be read, or its end. */
  readonly at: 'available' | 'event';
  readonly features: readonly JoinedFeature[];
  /** Oldest row that a label may get, by the window's end; undefined for any. */
  readonly maxAgeMs: (view: string) => number | undefined;
  /** `view__feature` or the feature's name alone. */
  readonly names: 'full' | 'short';
  readonly path: string;
  readonly format: FileFormat;
}

export interface JoinReport {
  readonly labels: number;
  /** Labels with a row of the view, by view. */
  readonly found: ReadonlyMap<string, number>;
}

/** Writes labels and features to the file. @throws ConfigError where the labels do not fit */
export async function joinLabels(
  options: LabelJoin,
  sources: QuerySources,
  limits: QueryLimits,
): Promise<JoinReport> {
  const { labels } = options;
  const chosen = chosenViews(options.features, sources.views);
  const inputs = labels.kind === 'file' ? [labels.path] : [];
  return resultFile(options.path, (part) =>
    withEngine(sources, { ...limits, files: [part, ...inputs] }, async (engine) => {
      for (const { source } of chosen) await makeFeatureView(engine, source, sources.live);
      await makeLabels(engine, labels, chosen);
      const columns = await outputColumns(engine, options, chosen);
      const found = new Map<string, number>();
      for (const { source, names } of chosen) {
        found.set(source.view, await findRows(engine, { source, names, options }));
      }
      await engine.copy(selectResult(options, chosen, columns), part, options.format);
      return { labels: await countOf(engine, 'SELECT count(*) FROM labels'), found };
    }),
  );
}

interface ChosenView {
  readonly source: ViewSource;
  /** Features, in the order asked for. */
  readonly names: readonly string[];
}

function chosenViews(
  features: readonly JoinedFeature[],
  sources: readonly ViewSource[],
): readonly ChosenView[] {
  return sources.flatMap((source) => {
    const names = features.filter(({ view }) => view === source.view).map(({ name }) => name);
    const known = new Set(viewFeatures(source).map(({ name }) => name));
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) {
      const all = [...known].join(', ');
      throw new ConfigError(`${source.view} has no feature ${unknown}: expected one of ${all}`);
    }
    return names.length === 0 ? [] : [{ source, names }];
  });
}

/**
 * Returns what reads a file of labels. In CSV an id may look like a number, and times are cast in a
 * step of their own: the reader makes NULL of a text that is no time.
 */
function readLabels(path: string, format: 'csv' | 'parquet'): string {
  if (format === 'parquet') return `(SELECT * FROM read_parquet(${literal(path)}))`;
  const types = "{'sensor_id': 'VARCHAR', 'event_timestamp': 'VARCHAR'}";
  return (
    '(SELECT * REPLACE (event_timestamp::TIMESTAMPTZ AS event_timestamp) ' +
    `FROM read_csv(${literal(path)}, header = true, types = ${types}))`
  );
}

/** Makes `labels`, as they come, and `moments`: what of them the join needs. */
async function makeLabels(
  engine: Engine,
  labels: LabelSource,
  chosen: readonly ChosenView[],
): Promise<void> {
  if (labels.kind === 'every') return makeMoments(engine, labels, chosen);
  const read = readLabels(labels.path, labels.format);
  const { rows } = await engine.rows(`DESCRIBE SELECT * FROM ${read}`, Infinity);
  const types = new Map(rows.map(([name, type]) => [name ?? '', type ?? '']));
  const time = types.get('event_timestamp');
  if (time === undefined || !types.has('sensor_id')) {
    throw new ConfigError(
      `${labels.path}: expected the columns sensor_id and event_timestamp, got ` +
        [...types.keys()].join(', '),
    );
  }
  if (!/^(TIMESTAMP|DATE)/.test(time)) {
    throw new ConfigError(
      `${labels.path}: event_timestamp is ${time}: expected a timestamp, or ISO 8601 in a CSV file`,
    );
  }
  await engine.run(`CREATE TABLE labels AS SELECT * FROM ${read}`);
  // Feast compares nanoseconds, which TIMESTAMPTZ does not have.
  const exact = time === 'TIMESTAMP_NS' ? 'event_timestamp' : 'event_timestamp::TIMESTAMPTZ';
  await engine.run(
    'CREATE TABLE moments AS SELECT rowid AS n, sensor_id::VARCHAR AS sensor_id, ' +
      `event_timestamp::TIMESTAMPTZ AS moment, epoch_ns(${exact}) AS moment_ns FROM labels`,
  );
}

/** A moment of every sensor each `everyMs`, on multiples of it since 1970. */
async function makeMoments(
  engine: Engine,
  { everyMs, fromMs, toMs }: Extract<LabelSource, { kind: 'every' }>,
  [first]: readonly ChosenView[],
): Promise<void> {
  const view = identifier(first?.source.view ?? '');
  const bound = (ms: number | undefined, extreme: string): string =>
    ms === undefined ? `(SELECT epoch_ms(${extreme}(available_at)) FROM ${view})` : String(ms);
  const firstMs = `ceil(${bound(fromMs, 'min')} / ${everyMs})::BIGINT * ${everyMs}`;
  await engine.run(
    'CREATE TABLE labels AS SELECT sensor_id, make_timestamptz(ms * 1000) AS event_timestamp ' +
      `FROM (SELECT DISTINCT sensor_id FROM ${view}), ` +
      `(SELECT unnest(generate_series(${firstMs}, ${bound(toMs, 'max')}, ${everyMs})) AS ms) ` +
      'ORDER BY sensor_id, event_timestamp',
  );
  await engine.run(
    'CREATE TABLE moments AS SELECT rowid AS n, sensor_id, event_timestamp AS moment, ' +
      'epoch_ns(event_timestamp) AS moment_ns FROM labels',
  );
}

/** Returns the names of the labels' columns. @throws ConfigError where a feature has one of them */
async function outputColumns(
  engine: Engine,
  options: LabelJoin,
  chosen: readonly ChosenView[],
): Promise<readonly string[]> {
  const { rows } = await engine.rows('DESCRIBE labels', Infinity);
  const labels = rows.map(([name]) => name ?? '');
  const all = [
    ...labels,
    ...chosen.flatMap(({ source, names }) =>
      names.map((name) => outputName(options, source, name)),
    ),
  ].map((name) => name.toLowerCase());
  const twice = all.find((name, index) => all.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new ConfigError(
      `two columns are named ${twice}: --full-names names features view__feature`,
    );
  }
  return labels;
}

function outputName({ names }: LabelJoin, { view }: FeatureTopic, name: string): string {
  return names === 'full' ? `${view}__${name}` : name;
}

interface ViewJoin extends ChosenView {
  readonly options: LabelJoin;
}

/** Makes the table of the features of each label that has a row, and returns how many have. */
async function findRows(engine: Engine, { source, names, options }: ViewJoin): Promise<number> {
  const view = identifier(source.view);
  const keys = identifier(`${source.view}_keys`);
  const time = options.at === 'available' ? 'available_at' : 'event_timestamp';
  const isOrdered = options.at === 'event' || (await isOneDelay(engine, view));
  // A row that became readable after a newer one is never the newest: it happens where
  // WATERMARK_DELAY_MS was made shorter.
  const ordered = isOrdered
    ? ''
    : 'QUALIFY event_timestamp = max(event_timestamp) OVER ' +
      '(PARTITION BY sensor_id ORDER BY available_at RANGE UNBOUNDED PRECEDING)';
  const maxAgeMs = options.maxAgeMs(source.view);
  const young =
    maxAgeMs === undefined
      ? ''
      : `WHERE moment_ns - epoch_ns(k.event_timestamp) <= ${maxAgeMs}::BIGINT * 1000000`;
  await engine.run(
    `CREATE TABLE ${keys} AS WITH k AS (SELECT sensor_id, event_timestamp, available_at ` +
      `FROM ${view} WHERE sensor_id IN (SELECT sensor_id FROM moments) ${ordered}) ` +
      `SELECT n, k.sensor_id, k.event_timestamp, k.available_at FROM moments ` +
      `ASOF JOIN k ON moments.sensor_id = k.sensor_id AND moments.moment >= k.${time} ${young}`,
  );
  const same = `sensor_id, event_timestamp${options.at === 'available' ? ', available_at' : ''}`;
  await engine.run(
    `CREATE TABLE ${foundTable(source)} AS ` +
      `SELECT n, ${names.map((name) => `f.${identifier(name)}`).join(', ')} ` +
      `FROM ${keys} JOIN ${view} f USING (${same}) ` +
      'QUALIFY row_number() OVER (PARTITION BY n ORDER BY f.available_at DESC, f.created DESC) = 1',
  );
  return countOf(engine, `SELECT count(*) FROM ${foundTable(source)}`);
}

/** Whether rows become readable in the order of their windows. */
async function isOneDelay(engine: Engine, view: string): Promise<boolean> {
  const delay = 'epoch_ms(available_at) - epoch_ms(event_timestamp)';
  const { rows } = await engine.rows(`SELECT max(${delay}) = min(${delay}) FROM ${view}`, 1);
  return rows[0]?.[0] === 'true';
}

function foundTable({ view }: FeatureTopic): string {
  return identifier(`${view}_found`);
}

function selectResult(
  options: LabelJoin,
  chosen: readonly ChosenView[],
  labels: readonly string[],
): string {
  const features = chosen.flatMap(({ source, names }) =>
    names.map(
      (name) =>
        `${foundTable(source)}.${identifier(name)} AS ` +
        identifier(outputName(options, source, name)),
    ),
  );
  const joins = chosen.map(({ source }) => {
    const table = foundTable(source);
    return `LEFT JOIN ${table} ON ${table}.n = labels.rowid`;
  });
  // A moment that nothing was known at is no label that anyone asked for.
  const known = options.labels.kind === 'every' ? `WHERE ${anyFound(chosen)}` : '';
  return (
    `SELECT ${[...labels.map((name) => `labels.${identifier(name)}`), ...features].join(', ')} ` +
    `FROM labels ${joins.join(' ')} ${known} ORDER BY labels.rowid`
  );
}

function anyFound(chosen: readonly ChosenView[]): string {
  return chosen.map(({ source }) => `${foundTable(source)}.n IS NOT NULL`).join(' OR ');
}

async function countOf(engine: Engine, sql: string): Promise<number> {
  const { rows } = await engine.rows(sql, 1);
  return Number(rows[0]?.[0] ?? NaN);
}
