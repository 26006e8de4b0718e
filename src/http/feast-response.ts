// Responses of Feast's feature server (0.67.0), column by column, joined from text that is cached
// on the rows.
import type { OnlineFeatures } from '../stores/feature-store.ts';
import type { OnlineFeaturesRequest, Selection } from './feast-request.ts';

/** Feast reports the Unix epoch for entity values and for sensors without a stored row. */
const epoch = '1970-01-01T00:00:00Z';

/**
 * Returns the response body: `results[i]` belongs to `metadata.feature_names[i]`, the entity's
 * column first. `stored` holds one list per view of the selection, with one row per sensor. The
 * body is joined from text cached on the rows: JSON.stringify would format every number on each
 * request, and the statuses and times of all sensors once per feature.
 */
export function onlineFeaturesResponse(
  { maxAgesMs, selection, sensorIds }: OnlineFeaturesRequest,
  stored: readonly (readonly (OnlineFeatures | undefined)[])[],
  nowMs: number = Date.now(),
): string {
  const count = sensorIds.length;
  const present = statusesText(repeated('"PRESENT"', count));
  const ids = JSON.stringify(sensorIds).slice(0, -1);
  const head = `{"results":[{"values":${ids}${present}${repeated(quotedEpoch, count)}]}`;
  const statuses = selection.views.map((_, view) => {
    const oldestMs = nowMs - (maxAgesMs?.[view] ?? Infinity);
    const rows = stored[view] ?? [];
    return rows.some((row) => isOlder(row, oldestMs)) ? statusesOf(rows, oldestMs) : present;
  });
  if (count === 1 && stored.length === 1 && statuses[0] === present) {
    return head + restAlone(selection, stored[0]?.[0] ?? nothingStored, present);
  }
  const rows = selection.views.map(({ features }, view) => textsOf(stored[view] ?? [], features));
  return head + restOf(selection, rows, statuses);
}

/**
 * Returns the age in ms of the oldest row of `stored`; undefined where nothing is stored.
 */
export function oldestAgeMs(
  stored: readonly (readonly (OnlineFeatures | undefined)[])[],
  nowMs: number,
): number | undefined {
  let oldestMs = Infinity;
  for (const rows of stored) {
    for (const row of rows) oldestMs = Math.min(oldestMs, row?.eventTimeMs ?? Infinity);
  }
  return oldestMs === Infinity ? undefined : nowMs - oldestMs;
}

/** Returns how many rows of `stored` are older than the request's greatest ages. */
export function rowsOutside(
  { maxAgesMs }: OnlineFeaturesRequest,
  stored: readonly (readonly (OnlineFeatures | undefined)[])[],
  nowMs: number,
): number {
  if (maxAgesMs === undefined) return 0;
  const outside = stored.map((rows, view) => {
    const oldestMs = nowMs - (maxAgesMs[view] ?? Infinity);
    return rows.filter((row) => isOlder(row, oldestMs)).length;
  });
  return outside.reduce((sum, rows) => sum + rows, 0);
}

function isOlder(row: OnlineFeatures | undefined, oldestMs: number): boolean {
  return row !== undefined && row.eventTimeMs < oldestMs;
}

/**
 * Returns the statuses of one view. Feast on Redis says PRESENT of everything, nulls and unknown
 * entities too; only a greatest age adds another. The value stays: the reader decides.
 */
function statusesOf(rows: readonly (OnlineFeatures | undefined)[], oldestMs: number): string {
  const each = rows.map((row) => (isOlder(row, oldestMs) ? '"OUTSIDE_MAX_AGE"' : '"PRESENT"'));
  return statusesText(each.join(','));
}

function statusesText(statuses: string): string {
  return `],"statuses":[${statuses}],"event_timestamps":[`;
}

const quotedEpoch = `"${epoch}"`;
const nothingStored: OnlineFeatures = { eventTimeMs: 0, values: {} };

/** The JSON text of a row's parts, each preceded by a comma; cached on the row. */
class RowText {
  /**
   * Features in the order of `cells`. Each selection has a list of its own, compared by identity.
   */
  readonly names: readonly string[];
  readonly cells: readonly string[];
  readonly timestamp: string;
  /** The rest of the response about this sensor alone. */
  alone: string | undefined;

  constructor(row: OnlineFeatures, names: readonly string[]) {
    this.names = names;
    this.cells = names.map((name) => {
      const value = row.values[name] ?? null;
      // JSON has no NaN and no infinities: Feast writes them as strings.
      return value === null || Number.isFinite(value) ? `,${value}` : `,"${value}"`;
    });
    this.timestamp = `,"${rfc3339(row.eventTimeMs)}"`;
    this.alone = undefined;
  }
}

/** Returns the text of `row` with the features `names`, from the row where it is cached. */
function textOf(row: OnlineFeatures, names: readonly string[]): RowText {
  const cached = row.derived;
  if (cached instanceof RowText && cached.names === names) return cached;
  const text = new RowText(row, names);
  row.derived = text;
  return text;
}

/** Returns the response after the entity's column for one sensor, cached with its row. */
function restAlone(selection: Selection, row: OnlineFeatures, statuses: string): string {
  const text = textOf(row, selection.views[0]?.features ?? []);
  return (text.alone ??= restOf(selection, [[text]], [statuses]));
}

/**
 * Returns the response after the entity's column; `rows` and `statuses` have one item per view.
 */
function restOf(
  { columns, metadata }: Selection,
  rows: readonly (readonly (RowText | undefined)[])[],
  statuses: readonly string[],
): string {
  const timestamps = rows.map(timestampsOf);
  const parts = columns.map(({ view, feature }) => {
    const values = columnOf(rows[view] ?? [], feature);
    return `,{"values":[${values}${statuses[view] ?? ''}${timestamps[view] ?? ''}]}`;
  });
  return `${parts.join('')}],"metadata":${metadata}}`;
}

/** Returns `count` items. Built with `join`, since V8 re-walks a concatenated rope on every use. */
function repeated(item: string, count: number): string {
  return new Array<string>(count).fill(item).join(',');
}

function textsOf(
  stored: readonly (OnlineFeatures | undefined)[],
  names: readonly string[],
): readonly (RowText | undefined)[] {
  const texts = new Array<RowText | undefined>(stored.length);
  for (let index = 0; index < stored.length; index += 1) {
    const row = stored[index];
    if (row === undefined) continue;
    texts[index] = textOf(row, names);
  }
  return texts;
}

function columnOf(rows: readonly (RowText | undefined)[], feature: number): string {
  let text = '';
  for (let index = 0; index < rows.length; index += 1) {
    text += rows[index]?.cells[feature] ?? ',null';
  }
  return text.slice(1);
}

function timestampsOf(rows: readonly (RowText | undefined)[]): string {
  let text = '';
  for (let index = 0; index < rows.length; index += 1) {
    text += rows[index]?.timestamp ?? `,${quotedEpoch}`;
  }
  return text.slice(1);
}

/**
 * Returns `timeMs` in UTC with no fraction or three digits, as protobuf's JSON writes a Timestamp.
 */
export function rfc3339(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z');
}
