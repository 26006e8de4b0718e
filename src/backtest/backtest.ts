// A backtest: one pass over a file, row → score → written, judged, drawn. Uses the baseline of the
// live fold; no reading is late.
import type { FileOptions } from '../files/file-shape.ts';
import { fileRows } from '../files/read-rows.ts';
import type { FileRow } from '../files/row-reader.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { createJudge, type Verdict } from './judge.ts';
import type { LabelWindow } from './labels.ts';
import { createScoreFile, type ScoreFile } from './score-file.ts';
import { createScorer } from './scorer.ts';
import { addToTrace, emptyTrace, type Trace } from './trace.ts';
import { createWindowCounter, type WindowCounts } from './window-count.ts';

export interface BacktestOptions {
  readonly inputPath: string;
  readonly file: FileOptions;
  readonly scoresPath: string | undefined;
  readonly windows: readonly LabelWindow[] | undefined;
  /** Number of sensors to draw, the first in the file: all their readings are kept. */
  readonly tracesMax: number;
  readonly semantics: Semantics;
}

export interface BacktestReport extends WindowCounts {
  readonly rows: number;
  readonly readings: number;
  /** Rows, and measurements of rows, that are no reading. */
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
 * @throws ConfigError if a file cannot be read or written, or lacks a column.
 */
export async function backtest(options: BacktestOptions): Promise<BacktestReport> {
  const scores = options.scoresPath === undefined ? undefined : createScoreFile(options.scoresPath);
  try {
    const run = createRun(options, scores);
    const { inputPath, file, semantics } = options;
    for await (const rows of fileRows(inputPath, semantics.input, file)) {
      for (const row of rows) run.add(row);
    }
    scores?.finish();
    return run.report();
  } finally {
    scores?.close();
  }
}

interface Run {
  add(row: FileRow): void;
  report(): BacktestReport;
}

function createRun(options: BacktestOptions, scores: ScoreFile | undefined): Run {
  const { semantics, windows, tracesMax } = options;
  const scorer = createScorer(semantics);
  const windowCounter = createWindowCounter(semantics);
  const judge = windows === undefined ? undefined : createJudge(windows);
  const traces: Trace[] = [];
  const unreadableFirst: { row: number; reason: string }[] = [];
  let [rows, readings, unreadable, anomalies, alarms] = [0, 0, 0, 0, 0];
  const addUnreadable = (row: FileRow): void => {
    scores?.add(row, undefined);
    unreadable += 1;
    if (unreadableFirst.length === unreadableShown) return;
    unreadableFirst.push({ row: row.row, reason: row.reason });
  };
  const addReading = (row: FileRow): void => {
    const before = tracesMax > 0 ? scorer.baselineOf(row.sensorId) : undefined;
    const scored = scorer.score(row.sensorId, row.value, row.timestampMs);
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
      rows = row.row;
      if (row.reason === '') addReading(row);
      else addUnreadable(row);
    },
    report: () => ({
      ...{ rows, readings, unreadable, unreadableFirst, anomalies, alarms },
      ...windowCounter.counts(),
      sensors: scorer.sensorIds.length,
      verdict: judge?.verdict(),
      traces,
    }),
  };
}
