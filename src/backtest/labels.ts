// Labels: time ranges in which people marked series as anomalous. JSON here, tables of CSV in
// label-table.ts.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { ConfigError } from '../errors.ts';
import { parseTimestampMs } from '../files/file-time.ts';
import { stem } from '../files/read-rows.ts';
import { readLabelTable } from './label-table.ts';
import { around, type LabelWindow } from './label-window.ts';

export interface Labels {
  readonly windows: readonly LabelWindow[];
  /** Input files that the labels do not know: their alarms are neither true nor false. */
  readonly unlabelled: readonly string[];
}

export interface LabelPlaces {
  readonly labelsPath: string;
  /** Files with the readings. */
  readonly inputPaths: readonly string[];
  /** A labelled moment stands for the window from so long before it to so long after it. */
  readonly reachMs: number;
}

type Fail = (problem: string) => ConfigError;

/**
 * Resolves with the windows in the file at `labelsPath`, by start. A `.csv` file is a table (see
 * label-table.ts). A JSON file is a list of windows `[start, end]` or of moments, an object with
 * `windows` and optionally `labels` (moments), or an object that maps the names of the input files
 * to one of these.
 * @throws ConfigError with what was expected and what was found.
 */
export async function readLabels(places: LabelPlaces): Promise<Labels> {
  const { labelsPath, reachMs } = places;
  if (!/\.(csv|tsv)(\.(gz|zst))?$/i.test(labelsPath)) {
    return parseLabels(readJson(labelsPath), places);
  }
  return { windows: byStart(await readLabelTable(labelsPath, reachMs)), unlabelled: [] };
}

/** Returns the windows in the content of a JSON file; see `readLabels`. @throws ConfigError */
export function parseLabels(content: unknown, places: LabelPlaces): Labels {
  const { labelsPath, inputPaths, reachMs } = places;
  const fail: Fail = (problem) => new ConfigError(`${labelsPath}: ${problem}`);
  if (Array.isArray(content) || (isObject(content) && Array.isArray(content['windows']))) {
    return { windows: byStart(windowsOf(content, reachMs, fail)), unlabelled: [] };
  }
  if (!isObject(content)) throw fail('expected a list of windows, or an object by file name');
  const names = Object.keys(content);
  const named = inputPaths.map((path) => ({ path, name: nameOf(path, names) }));
  const unlabelled = named.filter(({ name }) => name === undefined).map(({ path }) => path);
  if (unlabelled.length === inputPaths.length) {
    const known = names.slice(0, 10).join(', ');
    const files = inputPaths.map((path) => basename(path)).join(', ');
    throw fail(`no labels for ${files} among ${known === '' ? 'none' : known}`);
  }
  const windows = named.flatMap(({ path, name }) =>
    name === undefined
      ? []
      : windowsOf(content[name], reachMs, fail).map((window) => ({ ...window, path })),
  );
  return { windows: byStart(windows), unlabelled };
}

/** Returns the key of the file at `path`: the longest end of the path, else the name alone. */
function nameOf(path: string, names: readonly string[]): string | undefined {
  const parts = path.split(/[\\/]/);
  for (let from = 0; from < parts.length; from += 1) {
    const end = parts.slice(from).join('/');
    if (names.includes(end)) return end;
  }
  return (
    names.find((key) => basename(key) === basename(path)) ??
    names.find((key) => stem(key) === stem(path))
  );
}

function windowsOf(own: unknown, reachMs: number, fail: Fail): readonly LabelWindow[] {
  const windows = isObject(own) ? own['windows'] : own;
  const moments = isObject(own) ? (own['labels'] ?? []) : [];
  if (!Array.isArray(windows)) throw fail('expected a list of windows [start, end]');
  if (!Array.isArray(moments)) throw fail('expected labels to be a list of times');
  const labelsMs = moments.map((moment) => timeMs(moment, fail));
  return windows.map((window: unknown) => {
    if (typeof window === 'string') return around(timeMs(window, fail), reachMs);
    if (!Array.isArray(window) || window.length !== 2) {
      throw fail(`expected a window [start, end], found ${JSON.stringify(window)}`);
    }
    const [startMs = NaN, endMs = NaN] = window.map((end: unknown) => timeMs(end, fail));
    if (endMs < startMs) throw fail(`a window ends before it starts: ${JSON.stringify(window)}`);
    const labelMs = labelsMs.find((label) => label >= startMs && label <= endMs);
    return { startMs, endMs, labelMs };
  });
}

function byStart(windows: readonly LabelWindow[]): readonly LabelWindow[] {
  return windows.toSorted((a, b) => a.startMs - b.startMs);
}

function timeMs(time: unknown, fail: Fail): number {
  const parsed = typeof time === 'string' ? parseTimestampMs(time.trim()) : Number(time);
  if ((typeof time === 'string' || typeof time === 'number') && Number.isSafeInteger(parsed)) {
    return parsed;
  }
  throw fail(`expected a time, found ${JSON.stringify(time)}`);
}

function isObject(content: unknown): content is Readonly<Record<string, unknown>> {
  return typeof content === 'object' && content !== null && !Array.isArray(content);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read ${path}: ${reason}`, { path }, error);
  }
}
