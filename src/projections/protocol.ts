// Control messages between the main thread and the projector thread. Plain data only.
import type { QuestionRefused } from '../answers.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';
import type { ErrorData } from '../errors.ts';
import type { RecentWindow } from './recent-windows.ts';
import type { RecentAnomaly } from './recent-anomalies.ts';

/** Argument of the projector thread's task; structured-clonable. */
export interface ProjectorTask {
  readonly config: Config;
  /** ProjectorCommand in, ProjectorEvent out; in the task's transfer list. */
  readonly port: ControlPort;
}

export interface ProjectedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Next offset to project. */
  readonly position: number;
  readonly highWatermark: number;
}

export interface ProjectorStatus {
  readonly partitions: readonly ProjectedPartition[];
  /** Feature rows (records) not yet in the store, over all partitions held. */
  readonly lag: number;
  /**
   * Whether the feature store answered the last call, and every partition's rows can be fetched.
   */
  readonly connected: boolean;
  /** Last failure to reach the store or the log; null once it is over. */
  readonly lastError: ErrorData | null;
}

export type ProjectorCommand = { readonly type: 'drain' } | ProjectorQuestion;

export type ProjectorQuestion =
  | { readonly type: 'metrics'; readonly requestId: number }
  | { readonly type: 'anomalies'; readonly requestId: number; readonly sensorId: string }
  | {
      readonly type: 'windows';
      readonly requestId: number;
      readonly sensorIds: readonly string[];
    };

export type ProjectorEvent =
  /** The projector has joined its group. */
  | { readonly type: 'running' }
  /** Every second. */
  | ({ readonly type: 'status' } & ProjectorStatus)
  /**
   * The newest rows projected, at most 4 times a second and 200 rows each: a sample for the page,
   * not the stream.
   */
  | { readonly type: 'rows'; readonly rows: readonly FeatureRow[] }
  /** prom-client's `getMetricsAsJSON()` of this thread. */
  | { readonly type: 'metrics'; readonly requestId: number; readonly metrics: readonly object[] }
  | {
      readonly type: 'anomalies';
      readonly requestId: number;
      /** The newest first. */
      readonly anomalies: readonly RecentAnomaly[];
    }
  | QuestionRefused
  | {
      readonly type: 'windows';
      readonly requestId: number;
      /** In the order of the ids asked for. */
      readonly windows: readonly (readonly RecentWindow[])[];
    }
  | { readonly type: 'drained' };
