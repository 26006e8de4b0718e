// Runs a backtest over text and reads the scores back, for the tests in this folder.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { backtest, type BacktestReport } from '../../src/backtest/backtest.ts';
import type { LabelWindow } from '../../src/backtest/label-window.ts';
import { parseConfig, type Environment } from '../../src/config/config.ts';
import type { FileOptions } from '../../src/files/file-shape.ts';

export interface ScoredRow {
  readonly sensor_id: string;
  readonly timestamp: string;
  readonly value: string;
  readonly z: string;
  readonly score: string;
  readonly anomaly: string;
  readonly alarm: string;
  readonly reason: string;
}

export interface Backtested {
  readonly report: BacktestReport;
  readonly rows: readonly ScoredRow[];
}

export const header = 'sensor_id,timestamp,value,z,score,anomaly,alarm,reason';

/** Returns the report and the scores of a backtest of `series.csv` with this content. */
export async function backtestText(
  content: string | Uint8Array,
  options: { readonly env?: Environment; readonly windows?: readonly LabelWindow[] } = {},
): Promise<Backtested> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-backtest-'));
  try {
    writeFileSync(join(folder, 'series.csv'), content);
    return await backtestFile(join(folder, 'series.csv'), { ...options, folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns the report and the scores of a backtest of `inputPath`; writes to `folder`. */
export async function backtestFile(
  inputPath: string,
  options: {
    readonly folder: string;
    readonly file?: FileOptions;
    readonly env?: Environment;
    readonly windows?: readonly LabelWindow[];
  },
): Promise<Backtested> {
  const scoresPath = join(options.folder, 'scores.csv');
  const report = await backtest({
    inputs: [{ path: inputPath, sensorId: undefined }],
    file: options.file ?? {},
    scoresPath,
    labels:
      options.windows === undefined ? undefined : { windows: options.windows, unlabelled: [] },
    tracesMax: 0,
    against: undefined,
    semantics: parseConfig(options.env ?? {}).semantics,
  });
  return { report, rows: parseScores(readFileSync(scoresPath, 'utf8')) };
}

/** An independent reader of RFC 4180, including quoted line ends. @throws Error on another header. */
function parseScores(text: string): readonly ScoredRow[] {
  const records: string[][] = [[]];
  let [cell, isQuoted] = ['', false];
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (isQuoted && character === '"' && text.charAt(at + 1) === '"') {
      cell += '"';
      at += 1;
    } else if (character === '"') {
      isQuoted = !isQuoted;
    } else if (!isQuoted && (character === ',' || character === '\n')) {
      records.at(-1)?.push(cell);
      cell = '';
      if (character === '\n') records.push([]);
    } else {
      cell += character;
    }
  }
  const [names = [], ...rows] = records.slice(0, -1);
  if (names.join(',') !== header) throw new Error(`unexpected header ${names.join(',')}`);
  return rows.map((cells) => {
    if (cells.length !== 8) throw new Error(`${cells.length} cells in ${JSON.stringify(cells)}`);
    const [sensor_id = '', timestamp = '', value = '', z = '', score = '', ...rest] = cells;
    const [anomaly = '', alarm = '', reason = ''] = rest;
    return { sensor_id, timestamp, value, z, score, anomaly, alarm, reason };
  });
}
