// Runs a script of this folder in a process of its own, on the built program (dist/), and reads what it prints.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

export interface Child {
  readonly process: ChildProcess;
  /** All lines so far. */
  readonly lines: readonly string[];
  /** Resolves with everything printed, when the process is gone. */
  readonly ended: Promise<readonly string[]>;
  /** Resolves when at least `count` lines are there, or the process is gone. */
  linesReached(count: number): Promise<void>;
}

/** Returns a folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'embedded-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts `script` with `args`; the process is killed after the test. `shell` is run before it, in its shell. */
export function startChild(script: string, args: readonly string[], shell = ':'): Child {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(
    'bash',
    ['-c', `${shell}; exec "$@"`, 'child', process.execPath, path, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    for (const check of waiting) check();
  });
  const ended = new Promise<readonly string[]>((resolve, reject) => {
    child.once('close', (code) => {
      if (rest !== '') lines.push(rest);
      for (const check of waiting) check();
      if (lines.length === 0) reject(new Error(`${script} printed nothing (${code}): ${errors}`));
      else resolve(lines);
    });
  });
  ended.catch(() => undefined);
  return {
    process: child,
    lines,
    ended,
    linesReached: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (lines.length < count && child.exitCode === null && child.signalCode === null) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}
