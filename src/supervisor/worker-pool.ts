// Threads through Piscina: one pool for shard workers, one with a single thread for the projector.
// Each thread runs one task that never ends. When it settles, the thread has ended and its
// supervisor decides what follows.
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
  /** Module that exports the task as `exportName`. */
  readonly file: URL;
  readonly exportName: string;
  readonly threads: number;
  /** Heap limit per thread, past which its task rejects. Default: Node's own. */
  readonly heapMaxMb?: number;
}

export interface RunningThread {
  /** Our end of the control channel. */
  readonly port: ControlPort;
  /** Settles when the task ends; rejects with one of our errors, whatever ended the thread. */
  readonly ended: Promise<void>;
  /** Ends the thread at once, even in the middle of a batch. */
  terminate(): void;
}

export interface ThreadPool {
  /** Starts a task in a free thread. `makeTask` returns its argument, given the thread's port. */
  start(makeTask: (port: ControlPort) => object): RunningThread;
  /** Ends every thread. Idempotent. */
  close(): Promise<void>;
}

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
  // A thread that failed while idle runs no task; Piscina has already replaced it.
  pool.on('error', () => undefined);
  return {
    start(makeTask) {
      const { port1: port, port2: threadPort } = new MessageChannel();
      const abort = new AbortController();
      const task = pool.run(makeTask(threadPort), {
        // Set per task, not per pool: if the module fails to load, this task rejects with the
        // reason.
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
      // close() rejects running tasks after their callers are gone; that must not end the process.
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
 * Returns the error for a thread's end. `reason` is `errorToData(error)` if the task rejected with
 * it, or an uncaught error, whose fields Node's serialiser keeps. A plain Error loses its class and
 * code in the structured clone: it counts as a crash.
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
