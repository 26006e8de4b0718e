// Feature rows of a topic, from where the history's files end, as a table of the engine.
import { UnavailableError } from '../errors.ts';
import type { FeatureTopic } from '../log/topics.ts';
import { rowsOf } from '../projections/offline.ts';
import { topicRanges, type TopicRange } from '../projections/topic-ranges.ts';
import type { Cell, ColumnKind, Engine } from './engine.ts';
import type { LiveSource, QueryFeature, ViewSource } from './views.ts';

export interface TailSource extends FeatureTopic, Pick<ViewSource, 'availableAfterMs' | 'stored'> {
  readonly features: readonly QueryFeature[];
  /** The table of `tailColumns` that gets the rows. */
  readonly table: string;
}

/** Returns the columns of the table, those of a day file. */
export function tailColumns(features: readonly QueryFeature[]): ReadonlyMap<string, ColumnKind> {
  return new Map<string, ColumnKind>([
    ['sensor_id', 'text'],
    ['event_timestamp', 'time'],
    ['created', 'time'],
    ['available_at', 'time'],
    ['window_start', 'time'],
    ...features.map(({ name, type }): [string, ColumnKind] => [
      name,
      type === 'Int64' ? 'whole' : 'number',
    ]),
  ]);
}

/** Appends the rows that the topic holds now and the files do not. */
export async function appendTail(
  engine: Engine,
  source: TailSource,
  live: LiveSource,
): Promise<void> {
  const { features, availableAfterMs, table } = source;
  const appender = await engine.appendTo(table, [...tailColumns(features).values()]);
  const names = features.map(({ name }) => name);
  const options = { features, availableAfterMs, onBadRow: live.onBadRecord };
  for (const range of tailRanges(await topicRanges(live.log, source), source, live)) {
    for await (const batch of live.log.read(range)) {
      if (live.signal.aborted) throw new UnavailableError('the query was stopped');
      for (const { row, createdMs, availableMs } of rowsOf(batch, range, options)) {
        const times = [row.window_end, createdMs, availableMs, row.window_start];
        const values = names.map((name): Cell => row.features[name]);
        appender.append([row.sensor_id, ...times, ...values]);
      }
    }
  }
  appender.finish();
}

function tailRanges(
  ranges: readonly TopicRange[],
  { stored }: TailSource,
  { onGap }: LiveSource,
): readonly TopicRange[] {
  return ranges.map((range) => {
    const position = stored?.positions[range.partition] ?? range.from;
    if (position < range.from) onGap({ ...range, from: position, to: range.from });
    return { ...range, from: Math.max(range.from, position) };
  });
}
