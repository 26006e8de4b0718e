// Readings that come in over HTTP: bounded by rate, by what is under way and by how far the fold is
// behind, appended to the input topic, and answered once the log holds them durably.
import { setImmediate } from 'node:timers/promises';
import type { BodyEntry } from '../codecs/json-entries.ts';
import type { TurnedAwayCause } from '../metrics/label-values.ts';
import { createPostedMetrics, type PostedMetrics } from '../metrics/posted-metrics.ts';
import type { EventLog } from '../log/event-log.ts';
import type { OutputRecord } from '../records/record.ts';
import type { DeadLetterCode } from '../sensors/reading.ts';
import type { RecordOfArrival } from './arrived-record.ts';

export interface PostedReadingsOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly recordOf: RecordOfArrival;
  /** Returns how many records wait to be folded. */
  readonly behind: () => number;
  readonly bounds: PostedBounds;
  readonly clock: { nowMs(): number; monotonicMs(): number };
}

export interface PostedBounds {
  /** Of one body, unpacked; eight times as many may be under way. */
  readonly bodyBytesMax: number;
  /** Readings per second. */
  readonly perSecondMax: number;
  /** Records that may wait to be folded. */
  readonly behindMax: number;
}

export interface TurnedAway {
  readonly cause: TurnedAwayCause;
  readonly message: string;
  readonly retryAfterS: number;
}

/** A line, or one of its fields, that is no reading. */
export interface LineError {
  readonly line: number;
  /** Set where other fields of the line were taken. */
  readonly field?: string;
  readonly reason: DeadLetterCode;
  readonly error: string;
}

export interface TakenReadings {
  /** Records that the log holds. */
  readonly accepted: number;
  /** Lines of which nothing was taken. */
  readonly refused: number;
  /** The first thousand. */
  readonly errors: readonly LineError[];
}

const bodiesUnderWayMax = 8;
const errorsMax = 1_000;
/** Read between two turns of the event loop: some 5 ms. */
const sliceEntries = 1_000;

export class PostedReadings {
  readonly metrics: PostedMetrics;
  readonly bodyBytesMax: number;
  readonly #options: PostedReadingsOptions;
  #pendingBytes = 0;
  /** Readings that may still come before the rate is reached; below 0 after a large body. */
  #allowance: number;
  #allowedAtMs: number;

  constructor(options: PostedReadingsOptions) {
    const { bounds, clock } = options;
    this.#options = options;
    this.bodyBytesMax = bounds.bodyBytesMax;
    this.#allowance = bounds.perSecondMax;
    this.#allowedAtMs = clock.monotonicMs();
    this.metrics = createPostedMetrics(() => this.#pendingBytes);
  }

  /**
   * Takes up a body of up to `bytes`; returns what to call once it is answered, or why it should
   * come later.
   */
  enter(bytes: number): (() => void) | TurnedAway {
    const busy = this.#busy(bytes);
    if (busy !== undefined) {
      this.metrics.turnedAway.inc({ cause: busy.cause });
      return busy;
    }
    this.#pendingBytes += bytes;
    let isOpen = true;
    return () => {
      if (isOpen) this.#pendingBytes -= bytes;
      isOpen = false;
    };
  }

  /**
   * Appends the readings among `entries` and resolves once the log holds them durably.
   * @throws UnavailableError if that is unknown: sent again, they may be in the log twice.
   */
  async take(entries: readonly BodyEntry[], key: string | undefined): Promise<TakenReadings> {
    const { clock, log, recordOf } = this.#options;
    const records: OutputRecord[] = [];
    const errors: LineError[] = [];
    let refused = 0;
    const arrivedMs = clock.nowMs();
    for (const [index, { line, value }] of entries.entries()) {
      if (index % sliceEntries === sliceEntries - 1) await setImmediate();
      const { record, refusals } = recordOf({ value, key, arrivedMs });
      if (record === undefined) refused += 1;
      else records.push(record);
      for (const { field, reason } of refusals) {
        this.metrics.refused.inc({ reason: reason.code });
        if (errors.length >= errorsMax) continue;
        const of = record === undefined ? {} : { field };
        errors.push({ line, ...of, reason: reason.code, error: reason.message });
      }
    }
    this.#allowance -= entries.length;
    if (records.length > 0) await log.append(records);
    this.metrics.records.inc(records.length);
    return { accepted: records.length, refused, errors };
  }

  #busy(bytes: number): TurnedAway | undefined {
    const { behind, bounds } = this.#options;
    const { behindMax, bodyBytesMax, perSecondMax } = bounds;
    const waitS = this.#waitS();
    if (waitS > 0) {
      const message = `more than POSTED_PER_SECOND_MAX, ${perSecondMax} readings per second`;
      return { cause: 'rate', message, retryAfterS: waitS };
    }
    const waiting = behind();
    if (waiting > behindMax) {
      const message = `${waiting} records wait to be folded, more than POSTED_BEHIND_MAX, ${behindMax}`;
      return { cause: 'behind', message, retryAfterS: 5 };
    }
    if (this.#pendingBytes + bytes <= bodiesUnderWayMax * bodyBytesMax) return undefined;
    const message = 'too many bytes of readings are being appended';
    return { cause: 'pending', message, retryAfterS: 1 };
  }

  /** Returns the seconds until readings are taken again; 0 where they are now. */
  #waitS(): number {
    const { bounds, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const earned = ((nowMs - this.#allowedAtMs) / 1_000) * bounds.perSecondMax;
    this.#allowance = Math.min(bounds.perSecondMax, this.#allowance + earned);
    this.#allowedAtMs = nowMs;
    return this.#allowance > 0 ? 0 : Math.ceil((1 - this.#allowance) / bounds.perSecondMax);
  }
}
