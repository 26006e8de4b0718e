// The views that a query may name, made when it names them:
//
//   sensor_features          every row once: the history's files, then the topic from where they end
//   sensor_features_newest   the newest row of each sensor, as the online store serves it
//   (both for each window of WINDOWS)
//   sensor_anomalies         the anomaly topic
import type { DecodeError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { FeatureTopic } from '../log/topics.ts';
import type { TopicPartition } from '../records/record.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import { identifier, literal, sqlType, type ColumnKind, type Engine } from './engine.ts';
import { anomalyColumns, appendAnomalies } from './anomaly-rows.ts';
import { appendTail, tailColumns } from './tail-rows.ts';

export type QueryFeature = Pick<FeatureDeclaration, 'name' | 'type'>;

/** Rows of a view that are in files, and from where on the topic has the others. */
export interface StoredRows {
  readonly files: readonly string[];
  readonly features: readonly QueryFeature[];
  /** By partition; null or absent for one of which the files hold nothing. */
  readonly positions: readonly (number | null)[];
}

export interface ViewSource extends FeatureTopic {
  readonly features: readonly QueryFeature[];
  readonly availableAfterMs: number;
  readonly stored: StoredRows | undefined;
}

export interface LiveSource {
  readonly log: EventLog;
  readonly signal: AbortSignal;
  /** Called for each record that is no row; it is left out. */
  onBadRecord(partition: TopicPartition, offset: number, error: DecodeError): void;
  /** Called where the topic begins after the files end: the rows between are in neither. */
  onGap(gap: TopicPartition & { readonly from: number; readonly to: number }): void;
}

const timeNames = ['event_timestamp', 'created', 'available_at', 'window_start'] as const;

/** Returns the name of the view of each sensor's newest row. */
export function newestView(view: string): string {
  return `${view}_newest`;
}

/** Makes the view of `source` and that of its newest rows; without `live`, of the files alone. */
export async function makeFeatureView(
  engine: Engine,
  source: ViewSource,
  live: LiveSource | undefined,
): Promise<void> {
  const features = viewFeatures(source);
  const parts = [];
  if (source.stored !== undefined && source.stored.files.length > 0) {
    parts.push(await storedSelect(engine, source.stored.files, features));
  }
  if (live !== undefined || parts.length === 0) {
    const table = `${source.view}_tail`;
    await makeTable(engine, table, tailColumns(features));
    if (live !== undefined) await appendTail(engine, { ...source, features, table }, live);
    parts.push(`SELECT * FROM ${identifier(table)}`);
  }
  const name = identifier(source.view);
  await engine.run(`CREATE VIEW ${name} AS ${parts.join(' UNION ALL ')}`);
  await engine.run(
    `CREATE VIEW ${identifier(newestView(source.view))} AS SELECT * FROM ${name} ` +
      'QUALIFY row_number() OVER (PARTITION BY sensor_id ORDER BY event_timestamp DESC, created DESC) = 1',
  );
}

/** Makes the view of flagged readings. */
export async function makeAnomalyView(
  engine: Engine,
  { topic, view }: FeatureTopic,
  live: LiveSource | undefined,
): Promise<void> {
  await makeTable(engine, view, anomalyColumns);
  if (live !== undefined) await appendAnomalies(engine, { topic, table: view }, live);
}

/** Returns the view's features: those of FEATURES, then those that only the files have. */
export function viewFeatures({ features, stored }: ViewSource): readonly QueryFeature[] {
  const known = new Set(features.map(({ name }) => name));
  return [...features, ...(stored?.features ?? []).filter(({ name }) => !known.has(name))];
}

/** Days that were written before a feature lack its column, which is NULL then. */
async function storedSelect(
  engine: Engine,
  files: readonly string[],
  features: readonly QueryFeature[],
): Promise<string> {
  const read = `read_parquet([${files.map(literal).join(', ')}], union_by_name = true)`;
  const { rows } = await engine.rows(`DESCRIBE SELECT * FROM ${read}`, Infinity);
  const inFiles = new Set(rows.map(([name]) => name));
  const columns = features.map(({ name, type }) =>
    inFiles.has(name) ? identifier(name) : `NULL::${sqlType(kindOf(type))} AS ${identifier(name)}`,
  );
  return `SELECT ${['sensor_id', ...timeNames, ...columns].join(', ')} FROM ${read}`;
}

async function makeTable(
  engine: Engine,
  table: string,
  columns: ReadonlyMap<string, ColumnKind>,
): Promise<void> {
  const declared = [...columns].map(([name, kind]) => `${identifier(name)} ${sqlType(kind)}`);
  await engine.run(`CREATE TABLE ${identifier(table)} (${declared.join(', ')})`);
}

function kindOf(type: QueryFeature['type']): ColumnKind {
  return type === 'Int64' ? 'whole' : 'number';
}
