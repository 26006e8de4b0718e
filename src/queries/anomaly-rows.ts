// The anomaly topic as a table of the engine.
import { decodeAnomaly, type AnomalyTopicRecord } from '../codecs/anomaly.ts';
import { DecodeError, UnavailableError } from '../errors.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import type { Cell, ColumnKind, Engine, RowAppender } from './engine.ts';
import type { LiveSource } from './views.ts';

/** Columns of the table, in order. */
export const anomalyColumns: ReadonlyMap<string, ColumnKind> = new Map<string, ColumnKind>([
  ['sensor_id', 'text'],
  ['timestamp', 'time'],
  ['created', 'time'],
  ['value', 'number'],
  ['z', 'number'],
  ['score', 'number'],
  ['alarm', 'truth'],
  ['channel', 'text'],
  ['baseline_mean', 'number'],
  ['baseline_std_dev', 'number'],
  ['baseline_n', 'number'],
  ['kind', 'text'],
  ['since', 'time'],
  ['explanation', 'text'],
]);

/** Appends the anomalies that the topic holds now; none where there is no such topic. */
export async function appendAnomalies(
  engine: Engine,
  { topic, table }: { readonly topic: string; readonly table: string },
  live: LiveSource,
): Promise<void> {
  const description = await live.log.describeTopic(topic);
  if (description === undefined) return;
  const appender = await engine.appendTo(table, [...anomalyColumns.values()]);
  for (let partition = 0; partition < description.partitions; partition += 1) {
    const { earliest, end } = await live.log.offsets({ topic, partition });
    for await (const batch of live.log.read({ topic, partition, from: earliest, to: end })) {
      if (live.signal.aborted) throw new UnavailableError('the query was stopped');
      appendBatch(batch, end, appender, live);
    }
  }
  appender.finish();
}

function appendBatch(
  batch: FetchedBatch,
  end: number,
  appender: RowAppender,
  { onBadRecord }: LiveSource,
): void {
  const records = batch.records();
  while (records.next() && records.offset < end) {
    if (records.valueStart < 0) continue;
    try {
      const bytes = records.bytes.subarray(records.valueStart, records.valueEnd);
      appender.append(cellsOf(decodeAnomaly(bytes), records.timestampMs));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      onBadRecord(batch, records.offset, error);
    }
  }
}

/** Returns the cells of a flagged reading or of an event; an event lacks what a reading has. */
function cellsOf(record: AnomalyTopicRecord, createdMs: number): readonly Cell[] {
  const { sensor_id, timestamp } = record;
  if ('kind' in record) {
    const { kind, explanation } = record;
    const value = record.value ?? undefined;
    const isAlarm = 'alarm_id' in record;
    const judged = isAlarm ? [undefined, record.score ?? undefined, undefined, record.channel] : [];
    const nothing = Array<undefined>(7 - judged.length).fill(undefined);
    const event = [kind, isAlarm ? record.opened_at : record.since, explanation];
    return [sensor_id, timestamp, createdMs, value, ...judged, ...nothing, ...event];
  }
  const { value, z, score, alarm, channel, baseline } = record;
  const { mean, std_dev, n } = baseline;
  const judged = [value, z, score, alarm, channel, mean, std_dev, n];
  return [sensor_id, timestamp, createdMs, ...judged, 'reading', undefined, undefined];
}
