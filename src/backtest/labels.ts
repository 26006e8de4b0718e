// Labels: time ranges in which people marked a series as anomalous.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { ConfigError } from '../errors.ts';
import { parseTimestampMs } from '../files/file-time.ts';
import { stem } from '../files/read-rows.ts';

export interface LabelWindow {
  /** Both ends belong to the window. */
  readonly startMs: number;
  readonly endMs: number;
  /** The labelled moment inside the window, if the labels have one. */
  readonly labelMs: number | undefined;
}

/**
 * Returns the windows in the JSON file at `labelsPath` for the history at `inputPath`, by start.
 * The file is a list of windows `[start, end]`, an object with `windows` and optionally `labels`
 * (moments), or an object that maps the history's file name to one of these.
 * @throws ConfigError with what was expected and what was found.
 */
export function readLabels(labelsPath: string, inputPath: string): readonly LabelWindow[] {
  return parseLabels(readJson(labelsPath), { labelsPath, inputPath });
}

/** Returns the windows in the content of a labels file; see `readLabels`. @throws ConfigError */
export function parseLabels(
  content: unknown,
  paths: { readonly labelsPath: string; readonly inputPath: string },
): readonly LabelWindow[] {
  const fail = (problem: string): ConfigError => new ConfigError(`${paths.labelsPath}: ${problem}`);
  const own = ofFile(content, paths.inputPath, fail);
  const windows = isObject(own) ? own['windows'] : own;
  const moments = isObject(own) ? (own['labels'] ?? []) : [];
  if (!Array.isArray(windows)) throw fail('expected a list of windows [start, end]');
  if (!Array.isArray(moments)) throw fail('expected labels to be a list of times');
  const labelsMs = moments.map((moment) => timeMs(moment, fail));
  return windows
    .map((window: unknown) => {
      if (!Array.isArray(window) || window.length !== 2) {
        throw fail(`expected a window [start, end], found ${JSON.stringify(window)}`);
      }
      const [startMs = NaN, endMs = NaN] = window.map((end: unknown) => timeMs(end, fail));
      if (endMs < startMs) {
        throw fail(`a window ends before it starts: ${JSON.stringify(window)}`);
      }
      const labelMs = labelsMs.find((label) => label >= startMs && label <= endMs);
      return { startMs, endMs, labelMs };
    })
    .sort((a, b) => a.startMs - b.startMs);
}

function ofFile(content: unknown, inputPath: string, fail: (problem: string) => Error): unknown {
  if (Array.isArray(content)) return content;
  if (!isObject(content)) throw fail('expected a list of windows, or an object by file name');
  if (Array.isArray(content['windows'])) return content;
  const names = Object.keys(content);
  const name =
    names.find((key) => basename(key) === basename(inputPath)) ??
    names.find((key) => stem(key) === stem(inputPath));
  if (name === undefined) {
    const known = names.slice(0, 10).join(', ');
    throw fail(`no labels for ${basename(inputPath)} among ${known === '' ? 'none' : known}`);
  }
  return content[name];
}

function timeMs(time: unknown, fail: (problem: string) => Error): number {
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
