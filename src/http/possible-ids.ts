// Ids that a sensor can have. Longer ones reach neither a cache nor a store, whose memory they
// would take.
import { sensorIdBytesMax } from '../codecs/reading-limits.ts';

const bytesPerUnitMax = 3;

export function isPossibleId(id: string): boolean {
  if (id.length * bytesPerUnitMax <= sensorIdBytesMax) return true;
  return id.length <= sensorIdBytesMax && Buffer.byteLength(id) <= sensorIdBytesMax;
}

/** Returns what `read` finds for each id; undefined for one that no sensor can have. */
export async function readPossible<T>(
  ids: readonly string[],
  read: (ids: readonly string[]) => Promise<readonly (T | undefined)[]>,
): Promise<readonly (T | undefined)[]> {
  const possible = ids.filter(isPossibleId);
  if (possible.length === ids.length) return read(ids);
  const found = possible.length === 0 ? [] : await read(possible);
  let next = 0;
  return ids.map((id) => (isPossibleId(id) ? found[next++] : undefined));
}
