// Observers for projection tests: a log that keeps its lines, a clock moved by hand, a store with
// faults.
import type { Clock, Timer } from '../../src/clock.ts';
import { UnavailableError } from '../../src/errors.ts';
import type { Logger } from '../../src/logger.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Returns a logger that appends to `lines`. */
export function recordingLogger(lines: LogLine[] = []): Logger {
  const at =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => recordingLogger(lines),
  };
}

/** A clock that stands still until `advance` moves it, calling what falls due on the way. */
export class HandClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #due: { readonly atMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry = { atMs: this.#nowMs + delayMs, callback };
    this.#due.push(entry);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== entry);
      },
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.after(delayMs, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = this.#due
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#due = this.#due.filter((entry) => entry !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

export interface FaultyStore extends FeatureStore {
  /**
   * Unavailable part: everything, only writes (the store answers pings and refuses rows), or
   * nothing.
   */
  away: 'all' | 'writes' | 'none';
  /** The error of writes that fail; UnavailableError where none is set. */
  failure: Error | undefined;
  /** How often it was interrupted, as far as anyone can tell from outside. */
  interruptionCount: number;
  upserts: number;
  rowsOffered: number;
  /** The sensors of the rows offered. */
  readonly offered: Set<string>;
}

/** Returns `store` with faults as inputs. */
export function withFaults(store: FeatureStore): FaultyStore {
  const faulty: FaultyStore = {
    away: 'none',
    failure: undefined,
    interruptionCount: 0,
    upserts: 0,
    rowsOffered: 0,
    offered: new Set(),
    upsert: async (rows) => {
      faulty.upserts += 1;
      faulty.rowsOffered += rows.length;
      for (const row of rows) faulty.offered.add(row.sensor_id);
      if (faulty.failure !== undefined) throw faulty.failure;
      if (faulty.away !== 'none') throw new UnavailableError('the store is away');
      return store.upsert(rows);
    },
    read: (sensorIds) => store.read(sensorIds),
    ping: async () => {
      if (faulty.away === 'all') throw new UnavailableError('the store is away');
      await store.ping();
    },
    interruptions: () => faulty.interruptionCount,
    close: () => store.close(),
  };
  return faulty;
}
