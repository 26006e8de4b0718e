// A backtest: one pass over the files, row → score → written, judged, drawn; for one configuration
// or two. Uses the baseline of the live fold; no reading is late.
import { isSensoriumError } from '../errors.ts';
import type { FileOptions } from '../files/file-shape.ts';
import { fileRows } from '../files/read-rows.ts';
import type { FileRow } from '../files/row-reader.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { ConfiguredRun, type RunReport } from './configured-run.ts';
import type { InputFile } from './input-files.ts';
import type { Labels } from './labels.ts';
import { createScoreFile, type ScoreFile } from './score-file.ts';

export interface BacktestOptions {
  /** In this order; a sensor that several of them have goes on from one to the next. */
  readonly inputs: readonly InputFile[];
  readonly file: FileOptions;
  readonly scoresPath: string | undefined;
  readonly labels: Labels | undefined;
  /** Number of sensors to draw, the first in the files: all their readings are kept. */
  readonly tracesMax: number;
  readonly semantics: Semantics;
  /** A second configuration to compare with. */
  readonly against: Semantics | undefined;
  /** Receives the number of rows done, after each block of rows. */
  readonly onProgress?: (rows: number) => void;
}

export interface BacktestReport extends RunReport {
  readonly files: number;
  /** Files that could not be read to their end, with the reason. */
  readonly refused: readonly RefusedFile[];
  readonly rows: number;
  /** Rows, and measurements of rows, that are no reading. */
  readonly unreadable: number;
  /** The first unreadable rows, numbered from 1, with the reason. */
  readonly unreadableFirst: readonly UnreadableRow[];
  readonly against: RunReport | undefined;
}

export interface RefusedFile {
  readonly path: string;
  readonly reason: string;
}

export interface UnreadableRow {
  readonly path: string;
  readonly row: number;
  readonly reason: string;
}

const unreadableShown = 3;

/**
 * Scores the histories of `inputs`, writes the scores to `scoresPath` and resolves with the report.
 * Of several files, one that cannot be read does not stop the others.
 * @throws ConfigError if the only file cannot be read or lacks a column, or the scores cannot be
 * written.
 */
export async function backtest(options: BacktestOptions): Promise<BacktestReport> {
  const { file, inputs, onProgress, semantics } = options;
  const scores = options.scoresPath === undefined ? undefined : createScoreFile(options.scoresPath);
  try {
    const pass = createPass(options, scores);
    const refused: RefusedFile[] = [];
    for (const { path, sensorId } of inputs) {
      pass.beginFile(path);
      const own = sensorId === undefined ? file : { ...file, sensorId: file.sensorId ?? sensorId };
      let isReading = true;
      try {
        for await (const rows of fileRows(path, semantics.input, own)) {
          isReading = false;
          for (const row of rows) pass.add(row);
          onProgress?.(pass.rows());
          isReading = true;
        }
      } catch (error) {
        // Only a fault of the file is its own: too many sensors or a full disk end the backtest.
        if (inputs.length === 1 || !isReading || !isSensoriumError(error)) throw error;
        refused.push({ path, reason: error.message });
      }
    }
    scores?.finish();
    return { ...pass.report(), refused };
  } finally {
    scores?.close();
  }
}

interface Pass {
  beginFile(path: string): void;
  add(row: FileRow): void;
  rows(): number;
  report(): Omit<BacktestReport, 'refused'>;
}

function createPass(options: BacktestOptions, scores: ScoreFile | undefined): Pass {
  const { against, inputs, labels, semantics, tracesMax } = options;
  const main = new ConfiguredRun({ semantics, labels, tracesMax });
  const other =
    against === undefined
      ? undefined
      : new ConfiguredRun({ semantics: against, labels, tracesMax });
  const unreadableFirst: UnreadableRow[] = [];
  let path = '';
  let [rowsBefore, rowsOfFile, unreadable] = [0, 0, 0];
  const addUnreadable = ({ row, reason }: FileRow): void => {
    unreadable += 1;
    if (unreadableFirst.length < unreadableShown) unreadableFirst.push({ path, row, reason });
  };
  return {
    beginFile(next) {
      path = next;
      rowsBefore += rowsOfFile;
      rowsOfFile = 0;
      main.beginFile(path);
      other?.beginFile(path);
    },
    add(row) {
      rowsOfFile = row.row;
      if (row.reason === '') {
        const scored = main.add(row);
        scores?.add(row, scored);
        other?.add(row);
      } else {
        scores?.add(row, undefined);
        addUnreadable(row);
      }
    },
    rows: () => rowsBefore + rowsOfFile,
    report: () => ({
      ...main.report(),
      ...{ files: inputs.length, rows: rowsBefore + rowsOfFile, unreadable, unreadableFirst },
      against: other?.report(),
    }),
  };
}
