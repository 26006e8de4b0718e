// The query string of `GET /sensors` as a search, and cursors. A cursor names the place of the last
// sensor of a page, so it holds for every process and while sensors come and go.
import type { SensorPage, SensorSearch } from '../actors/protocol.ts';
import {
  listPlace,
  sensorFilters,
  sensorSorts,
  type ListPlace,
  type SensorSort,
} from '../sensors/sensor-list.ts';
import { parsedJson } from '../codecs/bounded-json.ts';

export type SensorParameters = Readonly<
  Partial<Record<'search' | 'sort' | 'filter' | 'shard' | 'limit' | 'cursor' | 'windows', string>>
>;

const limitDefault = 100;
const limitMax = 10_000;
const searchCharactersMax = 256;
const cursorCharactersMax = 2_048;

/** Returns the search that the parameters ask for, or what is wrong with one of them. */
export function searchIn(parameters: SensorParameters): SensorSearch | string {
  const { search = '', shard: shardText = '', cursor = '' } = parameters;
  const several = Object.entries(parameters).find(([, value]) => typeof value !== 'string');
  if (several !== undefined) return `${several[0]}: expected one value`;
  if (search.length > searchCharactersMax) {
    return `search: expected at most ${searchCharactersMax} characters`;
  }
  const limit = Number(parameters.limit ?? limitDefault);
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
    return `limit: expected an integer from 1 to ${limitMax}`;
  }
  const sorted = sortIn(parameters.sort ?? 'id');
  if (sorted === undefined) {
    return `sort: expected ${sensorSorts.join(', ')}, with - in front for descending`;
  }
  const filter = sensorFilters.find((name) => name === parameters.filter) ?? null;
  if (filter === null && (parameters.filter ?? '') !== '') {
    return `filter: expected ${sensorFilters.join(', ')}`;
  }
  const shard = shardText === '' ? null : shardIn(shardText);
  if (shard === undefined) return 'shard: expected topic/partition';
  const after = cursor === '' ? null : placeIn(cursor);
  if (after === undefined) return 'cursor: expected `next` of an earlier answer';
  return { search, filter, ...sorted, shard, after, limit };
}

/** Returns the cursor of the page after this one; null where this is the last. */
export function cursorAfter(page: SensorPage, { limit, sort }: SensorSearch): string | null {
  const last = page.sensors.at(-1);
  if (last === undefined || page.sensors.length < limit) return null;
  const { value, id } = listPlace(last, sort);
  return Buffer.from(JSON.stringify([value, id])).toString('base64url');
}

function sortIn(
  text: string,
): { readonly sort: SensorSort; readonly order: SensorSearch['order'] } | undefined {
  const isDescending = text.startsWith('-');
  const sort = sensorSorts.find((name) => name === text.slice(isDescending ? 1 : 0));
  if (sort === undefined) return undefined;
  return { sort, order: isDescending ? 'descending' : 'ascending' };
}

function shardIn(text: string): SensorSearch['shard'] | undefined {
  const [, topic, digits] = /^([\w.-]{1,249})\/(\d{1,9})$/.exec(text) ?? [];
  return topic === undefined ? undefined : { topic, partition: Number(digits) };
}

function placeIn(cursor: string): ListPlace | undefined {
  if (cursor.length > cursorCharactersMax) return undefined;
  const parsed = parsedJson(Buffer.from(cursor, 'base64url').toString());
  if (!Array.isArray(parsed) || parsed.length !== 2) return undefined;
  const [value, id] = parsed as readonly unknown[];
  return typeof value === 'number' && typeof id === 'string' ? { value, id } : undefined;
}
