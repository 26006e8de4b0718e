// What the HTTP server sees of the supervisor: a port, so that routes are tried without threads.
// Types only.
import type {
  CommandOutcome,
  SensorCommand,
  SensorView,
  ShardRetry,
  ShardRetryOutcome,
  ShardStatus,
} from '../actors/protocol.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import type { ProjectedPartition } from '../projections/protocol.ts';
import type { RecentAnomaly } from '../projections/recent-anomalies.ts';
import type { ThreadView } from './supervised-thread.ts';

export interface ShardView extends ShardStatus {
  /** Records between position and high watermark. */
  readonly lag: number;
}

export interface WorkerView extends ThreadView {
  readonly index: number;
  readonly shards: readonly ShardView[];
}

export interface ProjectorView extends ThreadView {
  readonly connected: boolean;
  /** Feature rows committed but not yet projected. */
  readonly lag: number;
  readonly partitions: readonly ProjectedPartition[];
  /** Why the feature store or the log could not be reached last; null once all is well again. */
  readonly storeError: string | null;
}

export interface SupervisorTree {
  readonly state: 'starting' | 'running' | 'draining' | 'stopped' | 'failed';
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly uptimeSeconds: number;
  /** What a reader needs to tell when a window closes: both in ms. */
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly workers: readonly WorkerView[];
  readonly projector: ProjectorView;
  readonly totals: {
    readonly readings: number;
    readonly featureRows: number;
    readonly deadLetters: number;
    readonly sensors: number;
    readonly openWindows: number;
    readonly lag: number;
    readonly restarts: number;
    readonly illegalTransitions: number;
  };
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface RecentRows {
  /** Hand this back to get only what is newer. */
  readonly cursor: number;
  readonly rows: readonly FeatureRow[];
}

export interface SupervisorView {
  tree(): SupervisorTree;
  /** Whether the process should go on living: false once the supervisor has given up. */
  live(): boolean;
  ready(): Readiness;
  /** Prometheus text over all threads. */
  metrics(): Promise<string>;
  /**
   * The live sensor, undefined where no shard here has it.
   * @throws UnavailableError when a worker did not answer.
   */
  sensor(sensorId: string): Promise<SensorView | undefined>;
  /**
   * The sensor's last flagged readings, the newest first, whichever process flagged them.
   * @throws UnavailableError when they cannot be read now.
   */
  anomalies(sensorId: string): Promise<readonly RecentAnomaly[]>;
  /**
   * Has every shard of this process obey that has the sensor; resolves once that is committed,
   * empty where none has it.
   * @throws UnavailableError where that is unknown: ask again, a repeated command changes nothing.
   */
  command(command: SensorCommand): Promise<readonly CommandOutcome[]>;
  /**
   * Has a shard of this process that has failed try again, and says what became of it; undefined
   * where none is held.
   * @throws UnavailableError when its worker did not answer.
   */
  retryShard(retry: ShardRetry): Promise<ShardRetryOutcome | undefined>;
  /** Up to `limit` sensor ids, sorted. */
  sensors(limit: number): Promise<readonly string[]>;
  /** Projected rows newer than `cursor` (0 = all that are kept), oldest first. */
  recentRows(cursor: number): RecentRows;
}
