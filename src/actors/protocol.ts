// Control messages between the supervisor (main thread) and a worker thread, over a MessagePort of
// our own. Plain data only; readings never cross. Requests carry an id that the answer repeats.
import type { QuestionRefused } from '../answers.ts';
import type { ErrorData } from '../errors.ts';
import type { ShardPhase } from '../lifecycles/shard-lifecycle.ts';
import type { TopicPartition } from '../records/record.ts';
import type { AlarmCommand } from '../sensors/alarm-commands.ts';
import type { ListedSensor, SensorQuery } from '../sensors/sensor-list.ts';
import type { SensorInspection } from '../sensors/shard-state.ts';

export interface ShardStatus {
  readonly topic: string;
  readonly partition: number;
  readonly phase: ShardPhase;
  /** Next offset to fold. */
  readonly position: number;
  readonly highWatermark: number;
  readonly committedOffset: number;
  /** Null before the first reading. */
  readonly watermarkMs: number | null;
  readonly maxEventTimeMs: number | null;
  /** The sensor with the greatest recent lead over its records; null if no lead is large. */
  readonly fastClock: FastClockView | null;
  readonly sensors: number;
  /** Committed since the shard was taken over. */
  readonly sensorsForgotten: number;
  readonly openWindows: number;
  readonly readings: number;
  readonly featureRows: number;
  readonly deadLetters: number;
  /** Anomalies in the committed rows. */
  readonly anomalies: number;
  /** Number of quarantined sensors, and the first of them with their reasons. */
  readonly quarantined: number;
  readonly quarantines: readonly QuarantineView[];
  readonly lastCommitMs: number | null;
  readonly lastSnapshotMs: number | null;
  /**
   * Wall clock, ms, at which these numbers were last true: now while the log answers, earlier while
   * it does not; null where nothing of the shard is known yet.
   */
  readonly knownAtMs: number | null;
  /** How long the partition's fetches have gone unanswered, ms; 0 while none is wanted. */
  readonly unansweredMs: number;
  readonly error?: ErrorData;
  /**
   * Wall clock when the shard failed, ms; there until it runs again, also while another attempt is
   * under way.
   */
  readonly failedSinceMs?: number;
}

export interface FastClockView {
  readonly sensorId: string;
  readonly leadMs: number;
}

/** A quarantined sensor and the reason. */
export interface QuarantineView {
  readonly sensor_id: string;
  readonly cause: 'operator' | 'fold_failed';
  readonly message: string;
  readonly offset: number;
  readonly decided_ms: number;
}

export interface WindowView {
  readonly sensor_id: string;
  readonly window_start: number;
  readonly window_end: number;
  readonly features: Readonly<Record<string, number>>;
}

/** The response of `GET /sensors/{id}`. */
export interface SensorView extends SensorInspection {
  readonly topic: string;
  readonly partition: number;
  /** The offset of this view: all earlier records are folded. */
  readonly offset: number;
  readonly quarantine?: QuarantineView;
}

/** A search through the sensors of all shards, or of one. */
export interface SensorSearch extends SensorQuery {
  readonly shard: TopicPartition | null;
}

/** A listed sensor and the shard that holds it. */
export interface PlacedSensor extends ListedSensor, TopicPartition {}

export interface SensorPage {
  readonly sensors: readonly PlacedSensor[];
  /** All that match, on this page or not. */
  readonly matching: number;
}

/** An operator's command on one sensor: `POST /sensors/{id}/{name}`. */
export type SensorCommand = (
  { readonly name: 'quarantine' | 'release' | 'reset' } | AlarmCommand
) & {
  readonly sensorId: string;
  /** The operator's reason; may be empty. */
  readonly message: string;
};

/** A command that is committed. */
export interface CommandOutcome {
  readonly topic: string;
  readonly partition: number;
  /** The command applies to readings from this offset on. */
  readonly offset: number;
  /** False if the sensor was already in the requested state. */
  readonly changed: boolean;
}

/** An operator's retry of a failed shard: `POST /shards/{topic}/{partition}/retry`. */
export interface ShardRetry {
  readonly topic: string;
  readonly partition: number;
  /** Go on although records were deleted before they were read. */
  readonly acceptGap: boolean;
}

export interface ShardRetryOutcome {
  readonly topic: string;
  readonly partition: number;
  /** False if the shard had not failed, so nothing was done. */
  readonly retried: boolean;
  readonly phase: ShardPhase;
  readonly error?: ErrorData;
}

export type WorkerCommand = { readonly type: 'drain' } | WorkerQuestion;

export type WorkerQuestion =
  | { readonly type: 'metrics'; readonly requestId: number }
  | { readonly type: 'command'; readonly requestId: number; readonly command: SensorCommand }
  | { readonly type: 'retry'; readonly requestId: number; readonly retry: ShardRetry }
  | { readonly type: 'sensor'; readonly requestId: number; readonly sensorId: string }
  | { readonly type: 'sensors'; readonly requestId: number; readonly search: SensorSearch };

export type WorkerEvent =
  /** The worker is a member of the group and folds its partitions. */
  | { readonly type: 'running' }
  /** Every second: all shards of this worker, and how it stands with its group. */
  | {
      readonly type: 'status';
      readonly shards: readonly ShardStatus[];
      /** Since the group last confirmed the worker, ms; null while it is out of the group. */
      readonly unconfirmedMs: number | null;
    }
  /** Sent at once when a shard changes its phase. */
  | { readonly type: 'shard'; readonly shard: ShardStatus }
  /** prom-client's `getMetricsAsJSON()` of this thread. */
  | { readonly type: 'metrics'; readonly requestId: number; readonly metrics: readonly object[] }
  | {
      readonly type: 'sensor';
      readonly requestId: number;
      readonly sensor: SensorView | undefined;
    }
  | {
      readonly type: 'sensors';
      readonly requestId: number;
      readonly page: SensorPage;
    }
  /**
   * One for each shard that has the sensor, committed; if refused, it is unknown whether any is.
   */
  | {
      readonly type: 'command';
      readonly requestId: number;
      readonly outcomes: readonly CommandOutcome[];
    }
  | {
      readonly type: 'retry';
      readonly requestId: number;
      /** Undefined if this worker does not hold the shard. */
      readonly outcome: ShardRetryOutcome | undefined;
    }
  | QuestionRefused
  | { readonly type: 'drained' };
