// One configuration over the readings of a backtest: scored, judged, counted and traced. Two of
// them beside each other read the same rows.
import type { FileRow } from '../files/row-reader.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { Judge, type Verdict } from './judge.ts';
import type { Labels } from './labels.ts';
import { createScorer, type Scored, type Scorer } from './scorer.ts';
import { SensitivityRests, sensitivities } from './sensitivities.ts';
import { Tally, type ChannelTally, type SeriesTally } from './tally.ts';
import { addToTrace, emptyTrace, type Trace } from './trace.ts';
import { createWindowCounter, type WindowCounter, type WindowCounts } from './window-count.ts';

export interface RunReport extends WindowCounts {
  readonly semantics: Semantics;
  readonly readings: number;
  readonly sensors: number;
  /** Least and greatest event time, ms; without readings Infinity and -Infinity. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly anomalies: number;
  readonly alarms: number;
  readonly verdict: Verdict | undefined;
  /** Alarms at each sensitivity, with or without labels. */
  readonly alarmsAt: readonly { readonly sensitivity: number; readonly alarms: number }[];
  readonly channels: readonly ChannelTally[];
  readonly series: readonly SeriesTally[];
  readonly traces: readonly Trace[];
}

export interface RunOptions {
  readonly semantics: Semantics;
  readonly labels: Labels | undefined;
  /** Number of sensors to draw, the first in the files: all their readings are kept. */
  readonly tracesMax: number;
}

export class ConfiguredRun {
  private readonly options: RunOptions;
  private readonly scorer: Scorer;
  private readonly rests: SensitivityRests;
  private readonly judge: Judge | undefined;
  private readonly tally: Tally = new Tally();
  private readonly traces: Trace[] = [];
  private readonly alarmsAt: Float64Array = new Float64Array(sensitivities.length);
  private windowCounter: WindowCounter;
  private counted: WindowCounts = { windows: 0, late: 0 };
  private path = '';
  private isLabelled = false;
  private firstMs = Infinity;
  private lastMs = -Infinity;
  private anomalies = 0;
  private alarms = 0;
  private readings = 0;

  constructor(options: RunOptions) {
    const { labels, semantics } = options;
    this.options = options;
    this.scorer = createScorer(semantics);
    this.rests = new SensitivityRests(semantics.alarmRest);
    this.judge = labels === undefined ? undefined : new Judge(labels.windows);
    this.windowCounter = createWindowCounter(semantics);
  }

  /** Makes what follows the rows of the file at `path`; its windows are counted by themselves. */
  beginFile(path: string): void {
    const { labels, semantics } = this.options;
    this.path = path;
    this.counted = this.windowCounts();
    this.windowCounter = createWindowCounter(semantics);
    this.judge?.beginFile(path);
    this.isLabelled = labels !== undefined && !labels.unlabelled.includes(path);
  }

  /** Adds a reading; the result is overwritten by the next. */
  add(row: FileRow): Scored {
    const { sensorId, timestampMs, value } = row;
    const { tracesMax } = this.options;
    const before = tracesMax > 0 ? this.scorer.baselineOf(sensorId) : undefined;
    const scored = this.scorer.score(sensorId, value, timestampMs);
    const alarms = this.rests.alarmsAt(scored.sensor, scored.severity);
    for (let line = 0; alarms >>> line > 0; line += 1) {
      if (((alarms >>> line) & 1) === 1) this.alarmsAt[line] = (this.alarmsAt[line] ?? 0) + 1;
    }
    const judged = { sensor: scored.sensor, sensorId, timestampMs, alarms };
    const within = this.isLabelled ? this.judge?.add(judged) : undefined;
    this.tally.add(scored, within);
    this.windowCounter.add(sensorId, timestampMs, value);
    if (timestampMs < this.firstMs) this.firstMs = timestampMs;
    if (timestampMs > this.lastMs) this.lastMs = timestampMs;
    this.readings += 1;
    this.anomalies += scored.anomaly;
    this.alarms += scored.alarm;
    if (scored.sensor < tracesMax) {
      const trace = (this.traces[scored.sensor] ??= emptyTrace(sensorId));
      if (trace.paths.at(-1) !== this.path) trace.paths.push(this.path);
      const isTrue = within === undefined ? undefined : within.length > 0;
      const threshold = this.options.semantics.anomalyThreshold;
      addToTrace(trace, row, scored, { baseline: before, threshold, isTrue });
    }
    return scored;
  }

  report(): RunReport {
    const { alarms, anomalies, firstMs, lastMs, readings, traces } = this;
    return {
      ...{ semantics: this.options.semantics, readings, anomalies, alarms, traces },
      ...{ firstMs, lastMs },
      ...this.windowCounts(),
      sensors: this.scorer.sensorIds.length,
      verdict: this.judge?.verdict(),
      alarmsAt: sensitivities.map((sensitivity, line) => ({
        sensitivity,
        alarms: this.alarmsAt[line] ?? 0,
      })),
      channels: this.tally.byChannel(),
      series: this.tally.bySeries(this.scorer.sensorIds),
    };
  }

  private windowCounts(): WindowCounts {
    const { windows, late } = this.windowCounter.counts();
    return { windows: this.counted.windows + windows, late: this.counted.late + late };
  }
}
