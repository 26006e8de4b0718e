// Threads through Piscina: one pool for shard workers, one of a single thread for the projector. Each thread runs one
// never-ending task; a task that settles is a thread that ended, and its supervisor decides what follows.
import { MessageChannel } from 'node:worker_threads';

import { Piscina } from 'piscina';

import type { ControlPort } from '../control-port.ts';
import {
  type AnySensoriumError,
  type ErrorData,
  errorFromData,
  errorToData,
  InvariantError,
} from '../errors.ts';

export interface ThreadPoolOptions {
  /** The module whose named export is the task. */
  readonly file: URL;
  readonly exportName: string;
  readonly threads: number;
  /** Heap bound of each thread; past it the thread dies and its task rejects. Undefined = Node's own. */
  readonly heapMaxMb?: number;
}

export interface RunningThread {
  /** Our end of the control channel. */
  readonly port: ControlPort;
  /** Settles when the task ends; rejects with one of our errors, whatever killed the thread. */
  readonly ended: Promise<void>;
  /** Ends the thread at once, mid-batch if need be. */
  terminate(): void;
}

export interface ThreadPool {
  /** Starts the task in a free thread; `makeTask` makes its argument around the thread's end of the control channel. */
  start(makeTask: (port: ControlPort) => object): RunningThread;
  /** Ends every thread. Idempotent. */
  close(): Promise<void>;
}

/** Returns a pool of `threads` threads, all started. */
export function createThreadPool(options: ThreadPoolOptions): ThreadPool {
  const pool = new Piscina({
    minThreads: options.threads,
    maxThreads: options.threads,
    concurrentTasksPerWorker: 1,
    // With atomics on, Piscina parks an idle thread in Atomics.wait, which blocks its sockets.
    atomics: 'disabled',
    idleTimeout: Infinity,
    recordTiming: false,
    ...(options.heapMaxMb === undefined
      ? {}
      : { resourceLimits: { maxOldGenerationSizeMb: options.heapMaxMb } }),
  });
  // An error of a thread that runs no task (it failed while idle) concerns nobody: Piscina has replaced it already.
  pool.on('error', () => undefined);
  return {
    start(makeTask) {
      const { port1: port, port2: threadPort } = new MessageChannel();
      const abort = new AbortController();
      const task = pool.run(makeTask(threadPort), {
        // Given here and not to the pool: a module that fails to load then rejects this task, with its reason.
        filename: options.file.href,
        name: options.exportName,
        transferList: [threadPort],
        signal: abort.signal,
      });
      const ended = task.then(
        () => undefined,
        (reason: unknown) => {
          throw errorOfThread(reason);
        },
      );
      // close() rejects whatever still runs; who closes has stopped listening, and that must not end the process.
      ended.catch(() => undefined);
      return {
        port,
        ended,
        terminate: () => abort.abort(),
      };
    },
    close: () => pool.destroy(),
  };
}

/**
 * Returns the error that a thread's end stands for. A task may reject with `errorToData(error)`; an error that nobody
 * caught arrives with its fields, as Node's own serialiser carries them; an Error that a task rejects with arrives
 * through the structured clone, which keeps its message and drops class and code: that is a crash.
 */
export function errorOfThread(reason: unknown): AnySensoriumError {
  if (isErrorData(reason)) {
    const rebuilt = errorFromData(reason);
    if (rebuilt.code === reason.code) return rebuilt;
  }
  return new InvariantError(errorToData(reason).message, {}, reason);
}

function isErrorData(reason: unknown): reason is ErrorData {
  return (
    typeof reason === 'object' &&
    reason !== null &&
    'code' in reason &&
    typeof reason.code === 'string' &&
    'message' in reason &&
    typeof reason.message === 'string' &&
    'details' in reason
  );
}
