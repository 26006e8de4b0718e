// How much one transaction of a shard may hold, in bytes: what fits a quarter of
// TRANSACTION_TIMEOUT_MS at the rate of the last ones. Kafka aborts a transaction that is open for
// longer than that timeout, and the same commit would be aborted again and again. Kept across the
// shard's sessions: the one that lost a commit must not try as much again.
//
//   on time, in a quarter ──▶ doubles, until the first slow one; then grows by a quarter
//   on time, later ─────────▶ what would have fitted
//   after half the timeout ─▶ a quarter
//   lost after a quarter ───▶ a quarter

export interface CommitSizeOptions {
  readonly transactionTimeoutMs: number;
  /** Bound for tests; left out, one that only memory sets. */
  readonly bytesMax?: number | undefined;
}

/** Assumed until a commit has shown another: a slow link. */
const assumedBytesPerMs = 1_000;
const assumedRowBytes = 500;
const aimedShare = 1 / 4;
const slowShare = 1 / 2;
const shrink = 1 / 4;
/** A small commit may be lost to an outage, which says nothing of its size. */
const shrinkMost = 1 / 16;
const growth = 1.25;
const probingGrowth = 2;
/** Some ten rows. */
const bytesMin = 4_096;
/** More at once saves nothing: a transaction costs some 20 ms however large it is. */
const defaultBytesMax = 256_000_000;

export class CommitSize {
  readonly #timeoutMs: number;
  readonly #bytesMax: number;
  #bytes: number;
  #rowBytes = assumedRowBytes;
  /** No commit was slow yet. */
  #probing = true;

  constructor({ transactionTimeoutMs, bytesMax = defaultBytesMax }: CommitSizeOptions) {
    this.#timeoutMs = transactionTimeoutMs;
    this.#bytesMax = bytesMax;
    this.#bytes = Math.min(assumedBytesPerMs * transactionTimeoutMs * aimedShare, bytesMax);
  }

  /** Limit of the next transaction. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Estimated bytes of a feature row. */
  get rowBytes(): number {
    return this.#rowBytes;
  }

  /** A transaction of `bytes` was committed in `tookMs`. */
  committed(bytes: number, tookMs: number): void {
    if (tookMs > this.#timeoutMs * slowShare) return this.#shrink(bytes);
    // A small one says nothing of what a large one takes.
    if (bytes < this.#bytes / 2) return;
    const fitting = (bytes / Math.max(tookMs, 1)) * this.#timeoutMs * aimedShare;
    const grown = this.#bytes * (this.#probing ? probingGrowth : growth);
    if (fitting < this.#bytes) this.#probing = false;
    this.#set(Math.min(fitting, grown));
  }

  /** A transaction that had written `bytes` was lost after `tookMs`. */
  lost(bytes: number, tookMs: number): void {
    if (bytes > 0 && tookMs > this.#timeoutMs * aimedShare) this.#shrink(bytes);
  }

  /** `rows` feature rows took `bytes`. */
  rowsTook(rows: number, bytes: number): void {
    if (rows > 0) this.#rowBytes = Math.max(1, bytes / rows);
  }

  #shrink(bytes: number): void {
    this.#probing = false;
    const shrunk = Math.min(this.#bytes, bytes) * shrink;
    this.#set(Math.max(shrunk, this.#bytes * shrinkMost));
  }

  #set(bytes: number): void {
    this.#bytes = Math.min(Math.max(bytes, bytesMin), this.#bytesMax);
  }
}
