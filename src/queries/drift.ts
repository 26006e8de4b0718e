// Drift of features. A reference file holds bins of each feature, over all rows and over those of
// each sensor; a report counts the rows of another time in the same bins.
//
//   | drift_format | view | from_time | to_time | sensor_id | feature | edges | rows | present | above |
//
// `sensor_id` is NULL for all sensors together. `edges` are the double just below the least value,
// the nine deciles and the greatest value: equal deciles keep a frequent value in a bin of its own,
// and values outside the reference's range have the outermost bins. `above[i]` counts the values
// above `edges[i]`, `present` all finite values, `rows` the rows with and without one.
import { ConfigError } from '../errors.ts';
import { identifier, literal, type Engine } from './engine.ts';
import { resultFile, withEngine, type QueryLimits, type QuerySources } from './query.ts';
import {
  driftVerdict,
  stabilityOf,
  type DriftVerdict,
  type Stability,
} from './population-stability.ts';
import { makeFeatureView, viewFeatures, type ViewSource } from './views.ts';

/** Rows with a window that ends after `fromMs` and at or before `toMs`; both may be infinite. */
export interface RowRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface FreezeOptions extends RowRange {
  readonly view: string;
  readonly path: string;
}

export interface Frozen {
  readonly rows: number;
  readonly sensors: number;
  readonly features: readonly string[];
}

export interface ReportOptions {
  /** The reference file. */
  readonly path: string;
  /** Undefined for the end of the reference. */
  readonly fromMs: number | undefined;
  readonly toMs: number;
  readonly sensorsMax: number;
}

export interface FeatureDrift extends Stability {
  readonly feature: string;
  readonly verdict: DriftVerdict;
  readonly reference: RowCounts;
  readonly current: RowCounts;
}

/** `missing` rows have no finite value of the feature. */
export interface RowCounts {
  readonly rows: number;
  readonly missing: number;
}

export interface SensorDrift {
  readonly sensorId: string;
  readonly features: readonly FeatureDrift[];
}

export interface DriftReport extends RowRange {
  readonly view: string;
  readonly reference: RowRange;
  /** Over all sensors. */
  readonly features: readonly FeatureDrift[];
  /** Sensors with rows on both sides, and how many of them have a feature that has shifted. */
  readonly sensorsCompared: number;
  readonly sensorsShifted: number;
  readonly sensorsNew: number;
  readonly sensorsGone: number;
  /** Those whose features have shifted most, the worst first. */
  readonly worst: readonly SensorDrift[];
}

const formatVersion = 1;
const edgesCount = 11;

/** Writes the reference file at `path`. @throws ConfigError where the range has no row */
export function freezeReference(
  { view, path, ...range }: FreezeOptions,
  sources: QuerySources,
  limits: QueryLimits,
): Promise<Frozen> {
  const source = sourceOf(view, sources);
  return resultFile(path, (part) =>
    withEngine(sources, { ...limits, files: [part] }, async (engine) => {
      await makeFeatureView(engine, source, sources.live);
      const { rows, sensors } = await countRows(engine, view, range);
      const features = viewFeatures(source).map(({ name }) => name);
      await engine.run('CREATE TABLE bins (sensor_id VARCHAR, feature VARCHAR, edges DOUBLE[])');
      const parts: string[] = [];
      for (const [number, feature] of features.entries()) {
        const given = valuesOf(identifier(feature), view, range);
        await engine.run(`INSERT INTO bins ${selectEdges(feature, given)}`);
        await engine.run(`CREATE TABLE counted_${number} AS ${selectCounts(feature, given)}`);
        parts.push(`SELECT * FROM counted_${number}`);
      }
      const times = [range.fromMs, range.toMs].map(sqlMoment);
      await engine.copy(
        `SELECT ${formatVersion} AS drift_format, ${literal(view)} AS view, ` +
          `${times[0] ?? ''} AS from_time, ${times[1] ?? ''} AS to_time, bins.*, ` +
          `rows, present, above FROM bins JOIN (${parts.join(' UNION ALL ')}) c ` +
          'ON c.feature = bins.feature AND c.sensor_id IS NOT DISTINCT FROM bins.sensor_id ' +
          'ORDER BY bins.sensor_id, bins.feature',
        ...([part, 'parquet'] as const),
      );
      return { rows, sensors, features };
    }),
  );
}

/**
 * Compares rows with the reference.
 * @throws ConfigError for a file that is no reference, or where the range has no row
 */
export function reportDrift(
  { path, fromMs, toMs, sensorsMax }: ReportOptions,
  sources: QuerySources,
  limits: QueryLimits,
): Promise<DriftReport> {
  return withEngine(sources, { ...limits, files: [path] }, async (engine) => {
    const { view, reference, features } = await readReference(engine, path);
    const source = sourceOf(view, sources);
    const range = { fromMs: fromMs ?? reference.toMs, toMs };
    await makeFeatureView(engine, source, sources.live);
    const { sensors } = await countRows(engine, view, range);
    const known = new Set(viewFeatures(source).map(({ name }) => name));
    const overall: FeatureDrift[] = [];
    const bySensor = new Map<string, FeatureDrift[]>();
    for (const feature of features) {
      // A feature that FEATURES has dropped has no value in any row.
      const column = known.has(feature) ? identifier(feature) : 'NULL';
      for (const { sensorId, drift } of await driftOf(engine, feature, {
        given: valuesOf(column, view, range),
      })) {
        if (sensorId === null) overall.push(drift);
        else bySensor.set(sensorId, [...(bySensor.get(sensorId) ?? []), drift]);
      }
    }
    const shifted = [...bySensor]
      .map(([sensorId, found]) => ({ sensorId, features: found }))
      .filter((sensor) => sensor.features.some(hasShifted))
      .sort((a, b) => greatestShift(b) - greatestShift(a));
    return {
      ...{ view, reference, ...range, features: overall },
      ...{ sensorsCompared: bySensor.size, sensorsShifted: shifted.length },
      sensorsNew: sensors - bySensor.size,
      sensorsGone: (await countReference(engine)) - bySensor.size,
      worst: shifted.slice(0, sensorsMax),
    };
  });
}

/** Whether the verdict on a feature is a shift. */
export function hasShifted({ verdict }: FeatureDrift): boolean {
  return verdict === 'some shift' || verdict === 'large shift';
}

function greatestShift({ features }: SensorDrift): number {
  return Math.max(...features.filter(hasShifted).map(({ index }) => index ?? 0));
}

function sourceOf(view: string, { views }: QuerySources): ViewSource {
  const source = views.find((candidate) => candidate.view === view);
  if (source !== undefined) return source;
  const known = views.map((candidate) => candidate.view).join(', ');
  throw new ConfigError(`there is no view ${view}: expected one of ${known} (WINDOWS adds more)`);
}

async function countRows(
  engine: Engine,
  view: string,
  range: RowRange,
): Promise<{ readonly rows: number; readonly sensors: number }> {
  const { rows: found } = await engine.rows(
    `SELECT count(*), count(DISTINCT sensor_id) FROM (${valuesOf('NULL', view, range)})`,
    1,
  );
  const [rows = 0, sensors = 0] = (found[0] ?? []).map(Number);
  if (rows > 0) return { rows, sensors };
  throw new ConfigError(
    `${view} has no row in this range: is --history the folder of the rows, or HISTORY_DIR set?`,
  );
}

async function countReference(engine: Engine): Promise<number> {
  const { rows } = await engine.rows('SELECT count(DISTINCT sensor_id) FROM bins', 1);
  return Number(rows[0]?.[0] ?? NaN);
}

/** Makes `bins` of the file. */
async function readReference(
  engine: Engine,
  path: string,
): Promise<{
  readonly view: string;
  readonly reference: RowRange;
  readonly features: readonly string[];
}> {
  const read = `read_parquet(${literal(path)})`;
  const { rows: columns } = await engine.rows(`DESCRIBE SELECT * FROM ${read}`, Infinity);
  if (!columns.some(([name]) => name === 'drift_format')) {
    throw new ConfigError(`--reference ${path}: expected a file that drift freeze has written`);
  }
  const { rows } = await engine.rows(
    `SELECT drift_format, view, epoch_ms(from_time), epoch_ms(to_time) FROM ${read}`,
    1,
  );
  const [format, view, fromMs, toMs] = rows[0] ?? [];
  if (Number(format) !== formatVersion) {
    throw new ConfigError(
      `--reference ${path}: expected format ${formatVersion}, got ${format ?? 'none'}`,
    );
  }
  await engine.run(`CREATE TABLE bins AS SELECT * FROM ${read}`);
  const { rows: features } = await engine.rows(
    'SELECT feature FROM bins WHERE sensor_id IS NULL ORDER BY feature',
    Infinity,
  );
  return {
    view: view ?? '',
    reference: { fromMs: Number(fromMs), toMs: Number(toMs) },
    features: features.map(([feature]) => feature ?? ''),
  };
}

async function driftOf(
  engine: Engine,
  feature: string,
  { given }: { readonly given: string },
): Promise<readonly { readonly sensorId: string | null; readonly drift: FeatureDrift }[]> {
  const { rows } = await engine.rows(
    'SELECT bins.sensor_id, bins.rows, bins.present, bins.above, c.rows, c.present, c.above ' +
      `FROM bins JOIN (${selectCounts(feature, given)}) c ON c.feature = bins.feature ` +
      'AND c.sensor_id IS NOT DISTINCT FROM bins.sensor_id ORDER BY bins.sensor_id',
    Infinity,
  );
  return rows.map(([sensorId = null, ...columns]) => {
    const before = countsOf(columns.slice(0, 3));
    const now = countsOf(columns.slice(3));
    const stability = stabilityOf(before.bins, now.bins);
    const verdict = driftVerdict(stability);
    return {
      sensorId,
      drift: { feature, ...stability, verdict, reference: before.counts, current: now.counts },
    };
  });
}

/** Returns the counts of the bins from those above their edges. */
function countsOf(columns: readonly (string | null)[]): {
  readonly bins: readonly number[];
  readonly counts: RowCounts;
} {
  const [rows = 0, present = 0] = columns.slice(0, 2).map(Number);
  const above = JSON.parse(columns[2] ?? '[]') as readonly number[];
  const bins = [present, ...above].map((count, bin) => count - (above[bin] ?? 0));
  return { bins, counts: { rows, missing: rows - present } };
}

/** Selects sensor_id and x, which is NULL where the feature has no finite value. */
function valuesOf(column: string, view: string, { fromMs, toMs }: RowRange): string {
  const bounds = [
    ...(Number.isFinite(fromMs) ? [`event_timestamp > ${sqlMoment(fromMs)}`] : []),
    ...(Number.isFinite(toMs) ? [`event_timestamp <= ${sqlMoment(toMs)}`] : []),
  ];
  const where = bounds.length === 0 ? '' : `WHERE ${bounds.join(' AND ')}`;
  return (
    'SELECT sensor_id, CASE WHEN isfinite(x) THEN x END AS x ' +
    `FROM (SELECT sensor_id, ${column}::DOUBLE AS x FROM ${identifier(view)} ${where})`
  );
}

function selectEdges(feature: string, given: string): string {
  const shares = Array.from({ length: edgesCount }, (_, edge) => edge / (edgesCount - 1));
  return (
    `SELECT sensor_id, ${literal(feature)}, ` +
    "[nextafter(q[1], '-infinity'::DOUBLE)] || q[2:] FROM " +
    `(SELECT sensor_id, quantile_disc(x, [${shares.join(', ')}]) AS q FROM (${given}) ` +
    'GROUP BY GROUPING SETS ((sensor_id), ()))'
  );
}

/** Counts the values in the feature's bins, of each sensor in its own and of all in theirs. */
function selectCounts(feature: string, given: string): string {
  const above = Array.from({ length: edgesCount }, (_, edge) => aboveEdge(edge + 1));
  const counted = (matches: string): string =>
    `SELECT b.sensor_id, b.feature, count(*) AS rows, count(x) AS present, ` +
    `[${above.join(', ')}] AS above FROM bins b JOIN (${given}) g ON ${matches} ` +
    `WHERE b.feature = ${literal(feature)} GROUP BY ALL`;
  return `${counted('b.sensor_id = g.sensor_id')} UNION ALL ${counted('b.sensor_id IS NULL')}`;
}

/** 0 where there is no edge, for a sensor without a value; count_if would be NULL. */
function aboveEdge(edge: number): string {
  return `count(*) FILTER (WHERE x > edges[${edge}])`;
}

function sqlMoment(ms: number): string {
  return `make_timestamptz(${ms}::BIGINT * 1000)`;
}
