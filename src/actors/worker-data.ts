// The argument of a worker thread's task, which never ends. Structured-clonable.
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';

export interface WorkerTask {
  readonly config: Config;
  /** 0-based; in log lines and metrics. */
  readonly workerIndex: number;
  /** WorkerCommand in, WorkerEvent out; in the task's transfer list. */
  readonly port: ControlPort;
}
