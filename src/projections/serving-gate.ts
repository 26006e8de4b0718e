// Holds rows of the online projection back until they count as readable (SERVING_DELAY_MS), so that
// what is served at a moment is what a join by available_at gives for it. A row is held for a
// bounded time: where clocks disagree it must not wait for ever.
import type { Clock } from '../clock.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import type { Metrics } from '../metrics/pipeline-metrics.ts';
import { collectNewest, type RowObserver } from './newest-rows.ts';
import { readableParts, type ReadablePart } from './readable.ts';

export interface ServingRule {
  /** From a window's end until its row counts as readable, ms. */
  readonly afterMs: number;
  /** Longest time a row is held. */
  readonly holdMsMax: number;
}

export interface ServingGate {
  /** Returns the rows of `batch` from `position` on, by when they may be read. */
  partsOf(batch: FetchedBatch, position: number, observer: RowObserver): readonly ReadablePart[];
  /** Resolves with true at `atMs`, or with false where `signal` aborts before. */
  opens(atMs: number): Promise<boolean>;
  /** Counts the rows, stored now, that others could have expected before. */
  countLate(rows: readonly FeatureRow[]): void;
}

export interface ServingGateOptions {
  readonly rule: ServingRule;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

/** Rows in the store this long after they counted as readable are counted as late. */
const lateAfterMs = 50;

/** Returns a gate that lets every row pass at once: the newest of each sensor. */
export function openGate(): ServingGate {
  return {
    partsOf(batch, position, observer) {
      const newest = new Map<string, FeatureRow>();
      collectNewest(batch, position, newest, observer);
      return [{ atMs: -Infinity, rows: [...newest.values()] }];
    },
    opens: () => Promise.resolve(true),
    countLate: () => undefined,
  };
}

/** Returns a gate that keeps to `rule`. */
export function servingGate({ rule, clock, metrics, signal }: ServingGateOptions): ServingGate {
  const { afterMs, holdMsMax } = rule;
  return {
    partsOf(batch, position, observer) {
      const rows: FeatureRow[] = [];
      collectNewest(batch, position, new Map(), {
        badRow: (offset, error) => observer.badRow(offset, error),
        row(row) {
          observer.row?.(row);
          rows.push(row);
        },
      });
      return readableParts(rows, { nowMs: clock.nowMs(), afterMs });
    },
    async opens(atMs) {
      const holdUntilMs = clock.monotonicMs() + holdMsMax;
      // A timer may fire a little early.
      while (clock.nowMs() < atMs && clock.monotonicMs() < holdUntilMs) {
        if (signal.aborted) return false;
        await clock.sleep(
          Math.min(atMs - clock.nowMs(), holdUntilMs - clock.monotonicMs()),
          signal,
        );
      }
      return true;
    },
    countLate(rows) {
      const endMs = clock.nowMs() - afterMs - lateAfterMs;
      metrics.rowsServedLate.inc(rows.filter(({ window_end }) => window_end < endMs).length);
    },
  };
}
