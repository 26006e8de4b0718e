// The data of one drawn sensor: every reading with the band it was compared with. Kept only if a
// picture is requested: 40 bytes per reading.
import type { BaselineSummary } from '../sensors/baseline.ts';
import type { ScoredChannel } from './scorer.ts';

export interface Trace {
  readonly sensorId: string;
  readonly timesMs: Column;
  readonly values: Column;
  /** mean ∓ threshold · standard deviation before the reading; NaN during warm-up. */
  readonly lows: Column;
  readonly highs: Column;
  readonly scores: Column;
  readonly alarms: TraceAlarm[];
  /** Files that the readings come from. */
  readonly paths: string[];
  anomalies: number;
}

export interface TraceAlarm {
  /** Index of the reading that raised it. */
  readonly at: number;
  readonly channel: ScoredChannel;
  /** Whether it lies in a labelled window; undefined where nothing is labelled. */
  readonly isTrue: boolean | undefined;
}

/** A growing list of doubles. */
export class Column {
  private values: Float64Array = new Float64Array(1024);
  length: number = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length] = value;
    this.length += 1;
  }

  at(place: number): number {
    return place < this.length ? (this.values[place] ?? NaN) : NaN;
  }
}

/** Returns the trace of a sensor without readings. */
export function emptyTrace(sensorId: string): Trace {
  return {
    sensorId,
    timesMs: new Column(),
    values: new Column(),
    lows: new Column(),
    highs: new Column(),
    scores: new Column(),
    alarms: [],
    paths: [],
    anomalies: 0,
  };
}

export interface TracedScore {
  readonly score: number;
  readonly anomaly: 0 | 1;
  readonly alarm: 0 | 1;
  readonly channel: ScoredChannel;
}

/** Adds a reading to `trace`, with the baseline before it. */
export function addToTrace(
  trace: Trace,
  reading: { readonly timestampMs: number; readonly value: number },
  scored: TracedScore,
  beside: {
    readonly baseline: BaselineSummary | undefined;
    readonly threshold: number;
    readonly isTrue: boolean | undefined;
  },
): void {
  const { mean, std_dev: deviation, n } = beside.baseline ?? { mean: NaN, std_dev: NaN, n: 0 };
  const half = n >= 3 ? beside.threshold * deviation : NaN;
  if (scored.alarm === 1) {
    const { channel } = scored;
    trace.alarms.push({ at: trace.values.length, channel, isTrue: beside.isTrue });
  }
  trace.timesMs.push(reading.timestampMs);
  trace.values.push(reading.value);
  trace.lows.push(mean - half);
  trace.highs.push(mean + half);
  trace.scores.push(scored.score);
  trace.anomalies += scored.anomaly;
}
