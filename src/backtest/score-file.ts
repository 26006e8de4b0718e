// The scores as CSV: `sensor_id,timestamp,value,z,score,anomaly,alarm,reason`, one line per input
// row, in the same order. Written to a temporary file and renamed when complete.
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

import { ConfigError } from '../errors.ts';
import type { FileRow } from '../files/row-reader.ts';
import type { Scored } from './scorer.ts';

export interface ScoreFile {
  /** Adds the line of `row`; an unreadable row has no score. */
  add(row: FileRow, scored: Scored | undefined): void;
  /** Renames the complete file to its final name. */
  finish(): void;
  /** Deletes an unfinished file; does nothing after `finish`. */
  close(): void;
}

const header = 'sensor_id,timestamp,value,z,score,anomaly,alarm,reason\n';
const bufferedCharsMax = 65_536;

/** Creates the file at `path`. @throws ConfigError if it cannot be written. */
export function createScoreFile(path: string): ScoreFile {
  const partPath = `${path}.part`;
  const descriptor = openOrExplain(path, partPath);
  let isOpen = true;
  let text = header;
  const flush = (): void => {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    text = '';
  };
  const stop = (): void => {
    isOpen = false;
    closeSync(descriptor);
  };
  return {
    add(row, scored) {
      text += scoreLine(row, scored);
      if (text.length > bufferedCharsMax) flush();
    },
    finish() {
      flush();
      stop();
      renameSync(partPath, path);
    },
    close() {
      if (!isOpen) return;
      stop();
      rmSync(partPath, { force: true });
    },
  };
}

/** Returns the line of one row, with its newline. */
export function scoreLine(row: FileRow, scored: Scored | undefined): string {
  const echoed = `${cell(row.sensorId)},${cell(row.timestampText)},${cell(row.valueText)}`;
  if (scored === undefined) return `${echoed},,,0,0,${cell(row.reason)}\n`;
  return `${echoed},${scored.z},${scored.score},${scored.anomaly},${scored.alarm},\n`;
}

function cell(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function openOrExplain(path: string, partPath: string): number {
  try {
    return openSync(partPath, 'w');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot write ${path}: ${reason}`, { path }, error);
  }
}
