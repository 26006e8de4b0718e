// A backtest: one pass over a file, row → score → written, judged, drawn. Uses the baseline of the
// live fold; no reading is late.
import type { Semantics } from '../sensors/semantics.ts';
import type { ColumnNames, HistoryRow } from './history-row.ts';
import { readHistory } from './history.ts';
import { createJudge, type Verdict } from './judge.ts';
import type { LabelWindow } from './labels.ts';
import { createScoreFile, type ScoreFile } from './score-file.ts';
import { createScorer } from './scorer.ts';
import { addToTrace, emptyTrace, type Trace } from './trace.ts';
import { createWindowCounter, type WindowCounts } from './window-count.ts';

export interface BacktestOptions {
  readonly inputPath: string;
  readonly columns: ColumnNames;
  /** Sensor id of rows without one; default: the file name. */
  readonly sensorId: string | undefined;
  readonly scoresPath: string | undefined;
  readonly windows: readonly LabelWindow[] | undefined;
  /** Number of sensors to draw, the first in the file: all their readings are kept. */
  readonly tracesMax: number;
  readonly semantics: Semantics;
}

export interface BacktestReport extends WindowCounts {
  readonly rows: number;
  readonly readings: number;
  readonly unreadable: number;
  /** The first unreadable rows, numbered from 1, with the reason. */
  readonly unreadableFirst: readonly { readonly row: number; readonly reason: string }[];
  readonly sensors: number;
  readonly anomalies: number;
  readonly alarms: number;
  readonly verdict: Verdict | undefined;
  readonly traces: readonly Trace[];
}

const unreadableShown = 3;

/**
 * Scores the history at `inputPath`, writes the scores to `scoresPath` and resolves with the
 * report.
 * @throws ConfigError if a file cannot be read or written, or has no readings.
 */
export async function backtest(options: BacktestOptions): Promise<BacktestReport> {
  const scores = options.scoresPath === undefined ? undefined : createScoreFile(options.scoresPath);
  try {
    const run = createRun(options, scores);
    for await (const rows of readHistory(options.inputPath, options)) {
      for (const row of rows) run.add(row);
    }
    scores?.finish();
    return run.report();
  } finally {
    scores?.close();
  }
}

interface Run {
  add(row: HistoryRow): void;
  report(): BacktestReport;
}

function createRun(options: BacktestOptions, scores: ScoreFile | undefined): Run {
  const { semantics, windows, tracesMax } = options;
  const scorer = createScorer(semantics);
  const windowCounter = createWindowCounter(semantics);
  const judge = windows === undefined ? undefined : createJudge(windows);
  const traces: Trace[] = [];
  const unreadableFirst: { row: number; reason: string }[] = [];
  let [rows, readings, anomalies, alarms] = [0, 0, 0, 0];
  const addUnreadable = (row: HistoryRow): void => {
    scores?.add(row, undefined);
    if (unreadableFirst.length === unreadableShown) return;
    unreadableFirst.push({ row: rows, reason: row.reason });
  };
  const addReading = (row: HistoryRow): void => {
    const before = tracesMax > 0 ? scorer.baselineOf(row.sensorId) : undefined;
    const scored = scorer.score(row.sensorId, row.value);
    scores?.add(row, scored);
    judge?.add(row.timestampMs, scored.alarm === 1);
    windowCounter.add(row.sensorId, row.timestampMs, row.value);
    readings += 1;
    anomalies += scored.anomaly;
    alarms += scored.alarm;
    if (scored.sensor >= tracesMax) return;
    const trace = (traces[scored.sensor] ??= emptyTrace(row.sensorId));
    addToTrace(trace, row, scored, { baseline: before, threshold: semantics.anomalyThreshold });
  };
  return {
    add(row) {
      rows += 1;
      if (row.reason === '') addReading(row);
      else addUnreadable(row);
    },
    report: () => ({
      ...{ rows, readings, unreadable: rows - readings, unreadableFirst, anomalies, alarms },
      ...windowCounter.counts(),
      sensors: scorer.sensorIds.length,
      verdict: judge?.verdict(),
      traces,
    }),
  };
}
