// Control messages between the main thread and the history thread. Plain data only.
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';

/** Argument of the history thread's task; structured-clonable. */
export interface HistoryTask {
  readonly config: Config;
  /** HistoryCommand in, HistoryEvent out; in the task's transfer list. */
  readonly port: ControlPort;
}

export interface HistoryStatus {
  readonly views: readonly HistoryViewStatus[];
}

export interface HistoryViewStatus {
  readonly view: string;
  /** Records of the topic not yet read. */
  readonly behind: number;
  /** Newest window end in the history, ms since 1970; null before the first row. */
  readonly newestMs: number | null;
  /** Why nothing is written now: the last error, or who has the folder. */
  readonly waitsFor: string | null;
}

export type HistoryCommand =
  { readonly type: 'drain' } | { readonly type: 'metrics'; readonly requestId: number };

export type HistoryEvent =
  | { readonly type: 'running' }
  /** Every second. */
  | ({ readonly type: 'status' } & HistoryStatus)
  /** prom-client's `getMetricsAsJSON()` of this thread. */
  | { readonly type: 'metrics'; readonly requestId: number; readonly metrics: readonly object[] }
  | { readonly type: 'drained' };
