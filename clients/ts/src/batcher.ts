// Gathers the reads of one turn of the event loop into one request: a model server that handles fifty
// requests at once asks for fifty sensors together, without its handlers knowing of each other.
//
//   read(a) ┐                      ┌▶ a's rows
//   read(b) ┼─▶ [ a b c ] ─ send ──┼▶ b's rows
//   read(c) ┘                      └▶ c's rows

export interface BatcherOptions<Row> {
  /** Rows of one request at most; a larger read is cut. */
  readonly rowsMax: number;
  /** How long the first read waits for others; 0 = the current turn of the event loop. */
  readonly delayMs: number;
  /** Sends items [0, n) and resolves with their rows in the same order. */
  send(items: readonly unknown[], signal: AbortSignal): Promise<readonly Row[]>;
  /** Nothing is waiting any more: the batcher may be dropped. */
  idle(): void;
}

interface Waiting<Row> {
  readonly items: readonly unknown[];
  readonly signal: AbortSignal | undefined;
  resolve(rows: readonly Row[]): void;
  reject(reason: unknown): void;
}

export class Batcher<Row> {
  readonly #options: BatcherOptions<Row>;
  #waiting: Waiting<Row>[] = [];

  constructor(options: BatcherOptions<Row>) {
    this.#options = options;
  }

  /** Resolves with the rows of `items`. An abort rejects this read alone. */
  read(items: readonly unknown[], signal?: AbortSignal): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      if (this.#waiting.length === 0) setTimeout(() => this.#flush(), this.#options.delayMs);
      this.#waiting.push({ items, signal, resolve, reject });
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#options.idle();
    const live = waiting.filter(({ signal }) => signal?.aborted !== true);
    for (const read of waiting) {
      if (read.signal?.aborted === true) read.reject(read.signal.reason);
    }
    if (live.length > 0) this.#send(live);
  }

  #send(reads: readonly Waiting<Row>[]): void {
    const { rowsMax, send } = this.#options;
    const abort = new AbortController();
    let left = reads.length;
    const forget = reads.map(({ signal, reject }) => {
      const aborted = (): void => {
        reject(signal?.reason);
        left -= 1;
        // The others still want their rows.
        if (left === 0) abort.abort(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      return () => signal?.removeEventListener('abort', aborted);
    });
    const items = reads.flatMap((read) => read.items);
    const requests: Promise<readonly Row[]>[] = [];
    for (let from = 0; from < items.length; from += rowsMax) {
      requests.push(send(items.slice(from, from + rowsMax), abort.signal));
    }
    Promise.all(requests)
      .then((answers) => deal(answers.flat(), reads))
      .catch((reason: unknown) => {
        for (const { reject } of reads) reject(reason);
      })
      .finally(() => {
        for (const remove of forget) remove();
      });
  }
}

function deal<Row>(rows: readonly Row[], reads: readonly Waiting<Row>[]): void {
  let from = 0;
  for (const { items, resolve } of reads) {
    resolve(rows.slice(from, from + items.length));
    from += items.length;
  }
}
