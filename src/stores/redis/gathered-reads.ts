// Sends the small reads of one turn of the event loop to Redis as one: most of their cost is the
// round trip. It adds no latency, because the turn ends before an answer could arrive.

export type Read<T> = (ids: readonly string[]) => Promise<readonly T[]>;

interface Waiting<T> {
  readonly ids: readonly string[];
  readonly resolve: (found: readonly T[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Returns `read` batched by turn, up to `idsMax` ids in one call. Larger batches are split, so that
 * the first callers are answered while the rest is looked up. A failed call rejects only its
 * callers.
 */
export function gathered<T>(read: Read<T>, idsMax: number): Read<T> {
  let waiting: Waiting<T>[] = [];
  const readAll = (): void => {
    const together = waiting;
    waiting = [];
    let from = 0;
    let ids = 0;
    for (const [index, call] of together.entries()) {
      if (index > from && ids + call.ids.length > idsMax) {
        void readTogether(read, together.slice(from, index));
        from = index;
        ids = 0;
      }
      ids += call.ids.length;
    }
    void readTogether(read, together.slice(from));
  };
  return (ids) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(readAll);
      waiting.push({ ids, resolve, reject });
    });
}

async function readTogether<T>(read: Read<T>, calls: readonly Waiting<T>[]): Promise<void> {
  try {
    const found = await read(calls.flatMap(({ ids }) => ids));
    let at = 0;
    for (const { ids, resolve } of calls) {
      resolve(found.slice(at, at + ids.length));
      at += ids.length;
    }
  } catch (error) {
    for (const { reject } of calls) reject(error);
  }
}
