// The supervisor as the HTTP server sees it: a port, so that routes are tested without threads.
// Types only.
import type {
  CommandOutcome,
  SensorCommand,
  SensorPage,
  SensorSearch,
  SensorView,
  ShardRetry,
  ShardRetryOutcome,
  ShardStatus,
} from '../actors/protocol.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { HistoryStatus } from '../projections/history-protocol.ts';
import type { ProjectedPartition } from '../projections/protocol.ts';
import type { RecentAnomaly } from '../projections/recent-anomalies.ts';
import type { RecentWindow } from '../projections/recent-windows.ts';
import type { PipelineHistory } from './pipeline-ring.ts';
import type { ThreadView } from './supervised-thread.ts';

export interface ShardView extends ShardStatus {
  /** Records between position and high watermark. */
  readonly lag: number;
}

export interface WorkerView extends ThreadView {
  readonly index: number;
  /** Since the consumer group last confirmed the worker, ms; null while it is out of the group. */
  readonly unconfirmedMs: number | null;
  readonly shards: readonly ShardView[];
}

export interface ProjectorView extends ThreadView {
  readonly connected: boolean;
  /** Feature rows committed but not yet projected. */
  readonly lag: number;
  readonly partitions: readonly ProjectedPartition[];
  /** Last error of the feature store or the log; null once both work again. */
  readonly storeError: string | null;
}

export interface HistoryView extends ThreadView, HistoryStatus {}

export interface SupervisorTree {
  readonly state: 'starting' | 'running' | 'draining' | 'stopped' | 'failed';
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly uptimeSeconds: number;
  /** For predicting when a window closes. */
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly workers: readonly WorkerView[];
  readonly projector: ProjectorView;
  /** null without HISTORY_DIR. */
  readonly history: HistoryView | null;
  readonly totals: {
    readonly readings: number;
    readonly featureRows: number;
    readonly deadLetters: number;
    /** In the feature rows committed. */
    readonly anomalies: number;
    readonly sensors: number;
    /** Counts since each shard's owner took it over. */
    readonly sensorsForgotten: number;
    readonly openWindows: number;
    readonly lag: number;
    readonly restarts: number;
  };
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface RecentRows {
  /** Pass this to the next call to get only newer rows. */
  readonly cursor: number;
  readonly rows: readonly FeatureRow[];
}

export interface SupervisorView {
  tree(): SupervisorTree;
  /** Returns this process's last hours and what changed in them. */
  pipeline(): PipelineHistory;
  /** Returns false once the supervisor has given up: the process should be restarted. */
  live(): boolean;
  ready(): Readiness;
  /** Resolves with the Prometheus text of all threads. */
  metrics(): Promise<string>;
  /**
   * Resolves with the live sensor; undefined if no local shard holds it.
   * @throws UnavailableError if a worker did not answer.
   */
  sensor(sensorId: string): Promise<SensorView | undefined>;
  /**
   * Resolves with the sensor's last flagged readings of any process, newest first.
   * @throws UnavailableError if they cannot be read now.
   */
  anomalies(sensorId: string): Promise<readonly RecentAnomaly[]>;
  /**
   * Runs the command on every local shard that holds the sensor. Resolves once it is committed;
   * with an empty list if no local shard holds the sensor.
   * @throws UnavailableError if the outcome is unknown: try again, commands are idempotent.
   */
  command(command: SensorCommand): Promise<readonly CommandOutcome[]>;
  /**
   * Retries a failed local shard and resolves with the outcome; undefined if no local worker holds
   * it.
   * @throws UnavailableError if its worker did not answer.
   */
  retryShard(retry: ShardRetry): Promise<ShardRetryOutcome | undefined>;
  /**
   * Resolves with a page of this process's sensors.
   * @throws UnavailableError if a worker did not answer.
   */
  sensors(search: SensorSearch): Promise<SensorPage>;
  /**
   * Resolves with the last windows that this process projected of each sensor, oldest first.
   * @throws UnavailableError if the projector did not answer.
   */
  windows(sensorIds: readonly string[]): Promise<readonly (readonly RecentWindow[])[]>;
  /** Returns projected rows newer than `cursor` (0 = all recent rows), oldest first. */
  recentRows(cursor: number): RecentRows;
}
