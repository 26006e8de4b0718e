// The built program as a user runs it: `node dist/main.js` in a process of its own, observed through its HTTP health.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../free-port.ts';

export interface Program {
  readonly url: string;
  readonly pid: number;
  /** Everything it has printed so far, both streams. */
  output(): string;
  /** Everything it has printed to standard error so far. */
  errors(): string;
  exited(): Promise<number | NodeJS.Signals | null>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when GET /health/ready answers 200. @throws with its output when it does not within `timeoutMs`. */
  ready(timeoutMs?: number): Promise<void>;
  /** kill -9, and waits for it to be gone. */
  kill(): Promise<void>;
  /** SIGTERM, and waits; returns the exit code. */
  stop(): Promise<number | NodeJS.Signals | null>;
}

/** Starts the program with `env` over a clean environment and a data folder of its own. */
export async function startProgram(
  env: Readonly<Record<string, string>>,
  options: {
    readonly args?: readonly string[];
    readonly node?: string;
    /** The folder, with a slash at the end, of another revision (bench/revision.mjs). */
    readonly tree?: string;
  } = {},
): Promise<Program> {
  const port = env['HTTP_PORT'] ?? String(await freePort());
  const child: ChildProcess = spawn(
    options.node ?? process.execPath,
    [`${options.tree ?? ''}dist/main.js`, ...(options.args ?? [])],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        DATA_DIR: mkdtempSync(join(tmpdir(), 'sensorium-')),
        LOG_LEVEL: 'info',
        // Test files share databases, each with groups and sensors of its own.
        ONLINE_OTHER_WRITER: 'share',
        HTTP_PORT: port,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let printed = '';
  child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
    errors += chunk.toString();
  });
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  const url = `http://127.0.0.1:${port}`;
  const program: Program = {
    url,
    pid: child.pid ?? -1,
    output: () => printed,
    errors: () => errors,
    exited: () => exited,
    signal: (signal) => child.kill(signal),
    ready: (timeoutMs = 60_000) =>
      eventually(
        async () => {
          if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`);
          const response = await fetch(`${url}/health/ready`);
          if (response.status !== 200) throw new Error(await response.text());
        },
        { timeoutMs, onTimeout: () => printed },
      ),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
  return program;
}

/** Runs one command of the program to its end. */
export async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly exitCode: number | NodeJS.Signals | null; readonly output: string }> {
  const program = await startProgram(env, { args });
  const exitCode = await program.exited();
  return { exitCode, output: program.output() };
}

/** Resolves once `attempt` does not throw; @throws its last error, with `onTimeout()`, after `timeoutMs`. */
export async function eventually<T>(
  attempt: () => Promise<T>,
  options: { readonly timeoutMs: number; readonly onTimeout?: () => string },
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) {
        const message = error instanceof Error ? error.message : String(error);
        throw new Error(`${message}\n${options.onTimeout?.() ?? ''}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
