// Reads that arrive in the same turn of the event loop go to Redis as one: most of a small read's cost is its own trip.
// Nobody waits for it: the turn in which requests are received ends before an answer could come.

export type Read<T> = (ids: readonly string[]) => Promise<readonly T[]>;

interface Waiting<T> {
  readonly ids: readonly string[];
  readonly resolve: (found: readonly T[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Returns `read`, called once per turn with the ids of every call of that turn; one that fails fails them all. */
export function gathered<T>(read: Read<T>): Read<T> {
  let waiting: Waiting<T>[] = [];
  const readAll = async (): Promise<void> => {
    const together = waiting;
    waiting = [];
    try {
      const found = await read(together.flatMap(({ ids }) => ids));
      let at = 0;
      for (const { ids, resolve } of together) {
        resolve(found.slice(at, at + ids.length));
        at += ids.length;
      }
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
  };
  return (ids) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => void readAll());
      waiting.push({ ids, resolve, reject });
    });
}
