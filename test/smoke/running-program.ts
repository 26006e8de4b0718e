// The built program as a child process: started, watched through its HTTP door, ended with SIGTERM.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort } from '../free-port.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pollMs = 50;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly durationMs: number;
}

export interface RunningProgram {
  readonly url: string;
  output(): { readonly stdout: string; readonly stderr: string };
  /** Resolves when `path` answers with text that `accept` takes. @throws when the program ends or 60 s pass first. */
  until(path: string, accept: (text: string, status: number) => boolean): Promise<string>;
  /** Sends SIGTERM and waits for the end. */
  terminate(): Promise<Ended>;
  /** Ends it at once, if it still runs, and removes its data. */
  close(): Promise<void>;
}

/** Builds dist/ when it is older than src/. */
export function buildProgram(): void {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stderr}`);
}

/** Starts `node dist/main.js` with a data folder and a port of its own. */
export async function startProgram(
  node: string,
  settings: Readonly<Record<string, string>>,
): Promise<RunningProgram> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-smoke-'));
  const port = await freePort();
  const child = spawn(node, ['dist/main.js'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      DATA_DIR: dataDir,
      HTTP_PORT: String(port),
      WORKERS: '2',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const ended = once(child, 'close');

  return {
    url: `http://127.0.0.1:${port}`,
    output: () => ({ ...texts }),
    until: (path, accept) => until(child, `http://127.0.0.1:${port}${path}`, accept, texts),
    terminate: async () => {
      const startMs = performance.now();
      child.kill('SIGTERM');
      await ended;
      return {
        code: child.exitCode,
        signal: child.signalCode,
        durationMs: performance.now() - startMs,
      };
    },
    close: async () => {
      if (!hasEnded(child)) child.kill('SIGKILL');
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function until(
  child: ChildProcess,
  url: string,
  accept: (text: string, status: number) => boolean,
  texts: { readonly stdout: string; readonly stderr: string },
): Promise<string> {
  const deadlineMs = performance.now() + 60_000;
  let last = 'no answer';
  while (performance.now() < deadlineMs && !hasEnded(child)) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      last = await response.text();
      if (accept(last, response.status)) return last;
    } catch (error) {
      last = String(error);
    }
    await delay(pollMs);
  }
  const why = hasEnded(child) ? `the program ended with ${child.exitCode}` : '60 s passed';
  throw new Error(
    `${url}: ${why}; last answer: ${last.slice(0, 500)}\n${texts.stdout}\n${texts.stderr}`,
  );
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Returns the sum of one counter over its labels in Prometheus text, 0 when it is absent. */
export function counted(metricsText: string, name: string): number {
  return metricsText
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
