// Queries of a running pipeline, each in a process of its own: one that takes all its memory, or
// that the engine does not survive, ends alone. One runs at a time.
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { errorFromData, UnavailableError, type ErrorData } from '../errors.ts';
import type { FileFormat } from './engine.ts';

/** Input of the query process; structured-clonable. */
export interface QueryTask {
  readonly config: Config;
  readonly sql: string;
  readonly format: FileFormat;
  /** The file to write. */
  readonly path: string;
}

export type QueryAnswer =
  { readonly type: 'written' } | { readonly type: 'failed'; readonly error: ErrorData };

export interface QueryResult {
  readonly path: string;
  /** Removes the file. */
  release(): Promise<void>;
}

export interface QueryRunner {
  /**
   * Resolves with the file of the result.
   * @throws ConfigError on a wrong query; UnavailableError while another one runs, at a limit, or
   * once `signal` aborts.
   */
  run(query: Pick<QueryTask, 'sql' | 'format'>, signal: AbortSignal): Promise<QueryResult>;
}

export interface QueryRunnerOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** The process's program; tests name that of dist/. */
  readonly file?: URL;
}

/** The process ends itself at QUERY_TIMEOUT_MS; after this it is killed. */
const graceMs = 5_000;

/** Returns a runner of queries with the settings of `config`. */
export function createQueryRunner({ config, clock, file }: QueryRunnerOptions): QueryRunner {
  const program = file ?? new URL('./query-process.js', import.meta.url);
  let isRunning = false;
  return {
    async run({ sql, format }, signal) {
      if (isRunning) throw new UnavailableError('another query is running: try again');
      isRunning = true;
      try {
        const folder = await mkdtemp(join(tmpdir(), 'sensorium-query-'));
        const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
        const path = join(folder, `result.${format}`);
        try {
          await runProcess(program, { config, sql, format, path }, { clock, signal });
          return { path, release };
        } catch (error) {
          await release();
          throw error;
        }
      } finally {
        isRunning = false;
      }
    },
  };
}

async function runProcess(
  program: URL,
  task: QueryTask,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const child = fork(program, [], { serialization: 'advanced', execArgv: [] });
  const { queryTimeoutMs } = task.config.process;
  let isLate = false;
  const kill = (): void => void child.kill('SIGKILL');
  const timer = clock.after(queryTimeoutMs + graceMs, () => {
    isLate = true;
    kill();
  });
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  try {
    const answer = await answerOf(child, task);
    if (answer.type === 'failed') throw errorFromData(answer.error);
  } catch (error) {
    if (!isLate) throw error;
    const message = `the query took longer than QUERY_TIMEOUT_MS (${queryTimeoutMs} ms)`;
    throw new UnavailableError(message, {}, error);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', kill);
  }
}

/** Resolves with the process's answer once it has ended. */
function answerOf(child: ChildProcess, task: QueryTask): Promise<QueryAnswer> {
  return new Promise((resolve, reject) => {
    let answer: QueryAnswer | undefined;
    child.once('message', (message: QueryAnswer) => (answer = message));
    child.once('error', (error) => {
      reject(new UnavailableError(`the query's process: ${error.message}`, {}, error));
    });
    child.once('exit', (code, killedBy) => {
      if (answer !== undefined) return resolve(answer);
      reject(new UnavailableError(`the query's process ended by ${killedBy ?? `code ${code}`}`));
    });
    // A process that has ended already answers by its exit.
    child.send(task, () => undefined);
  });
}
