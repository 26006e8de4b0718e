// The port of the supervisor over plain values, so that routes are tested without threads.
import type {
  CommandOutcome,
  PlacedSensor,
  SensorCommand,
  SensorPage,
  SensorSearch,
  SensorView,
  ShardRetry,
  ShardRetryOutcome,
} from '../../src/actors/protocol.ts';
import { mergedPage } from '../../src/actors/search-shards.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import type { RecentAnomaly } from '../../src/projections/recent-anomalies.ts';
import type { RecentWindow } from '../../src/projections/recent-windows.ts';
import type { ShardPhase } from '../../src/lifecycles/shard-lifecycle.ts';
import { compareNaturally } from '../../src/sensors/natural-order.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { PipelineRing, type PipelineHistory } from '../../src/supervisor/pipeline-ring.ts';
import { readinessOf } from '../../src/supervisor/readiness.ts';
import { RecentRowsStore } from '../../src/supervisor/recent-rows.ts';
import type {
  ShardView,
  SupervisorTree,
  SupervisorView,
} from '../../src/supervisor/supervisor-view.ts';
import { totalsOf } from '../../src/supervisor/totals.ts';

export const thread = {
  state: 'running',
  restarts: 0,
  startedAtMs: 1_000,
  lastError: null,
} as const;

export function shardView(partition: number, over: Partial<ShardView> = {}): ShardView {
  const phase: ShardPhase = 'running';
  return {
    topic: 'raw_readings',
    partition,
    phase,
    position: 100,
    highWatermark: 100,
    committedOffset: 100,
    watermarkMs: 55_000,
    maxEventTimeMs: 60_000,
    fastClock: null,
    sensors: 5,
    sensorsForgotten: 0,
    openWindows: 5,
    readings: 100,
    featureRows: 10,
    quarantined: 0,
    quarantines: [],
    anomalies: 0,
    deadLetters: 0,
    lastCommitMs: 1_000,
    lastSnapshotMs: null,
    knownAtMs: 61_000,
    unansweredMs: 0,
    lag: 0,
    ...over,
  };
}

export function treeOf(over: Partial<SupervisorTree> = {}): SupervisorTree {
  const workers = over.workers ?? [
    { ...thread, index: 0, unconfirmedMs: 200, shards: [shardView(0), shardView(1)] },
  ];
  const projector = over.projector ?? {
    ...thread,
    connected: true,
    lag: 0,
    partitions: [],
    storeError: null,
  };
  return {
    state: 'running',
    nowMs: 61_000,
    startedAtMs: 1_000,
    uptimeSeconds: 60,
    windowMs: 60_000,
    watermarkDelayMs: 5_000,
    workers,
    projector,
    history: null,
    totals: totalsOf(workers, projector),
    ...over,
  };
}

export function featureRow(sensorId: string, windowEnd: number, anomalies = 0): FeatureRow {
  return {
    sensor_id: sensorId,
    window_start: windowEnd - 60_000,
    window_end: windowEnd,
    event_time: new Date(windowEnd).toISOString(),
    features: {
      count: 60,
      avg_value: 20.142857142857142,
      min_value: 18.2,
      max_value: 22,
      std_dev: 0.9,
      anomaly_count: anomalies,
      anomaly_rate: anomalies / 60,
    },
    lineage: { topic: 'raw_readings', partition: 0, first_offset: 1, last_offset: 60 },
  };
}

export const sensorView = (sensorId: string): SensorView => ({
  sensor_id: sensorId,
  lifecycle: 'steady',
  baseline: { mean: 20, std_dev: 1, n: 100 },
  learned: { readings: 100, readings_needed: 150 },
  open_windows: [],
  topic: 'raw_readings',
  partition: 1,
  offset: 77,
});

/** A feature store without rows. */
export const emptyStore: Pick<FeatureStore, 'ping' | 'read'> = {
  ping: () => Promise.resolve(),
  read: async (ids) => ids.map(() => undefined),
};

/** A sensor as a search finds it. */
export function listedOf(view: SensorView): PlacedSensor {
  const { sensor_id, lifecycle, topic, partition, baseline } = view;
  const { mean, std_dev, n: readings } = baseline;
  return {
    ...{ sensor_id, lifecycle, topic, partition },
    ...{ mean, std_dev, readings, alarmed: false, anomalies: 0 },
    ...(view.alarms === undefined ? {} : { alarms: view.alarms }),
  };
}

/** Knows the filters of alarms alone. */
function passes({ alarms }: SensorView, { filter }: SensorSearch): boolean {
  const { open = [] } = alarms ?? {};
  if (filter === 'open_alarm') return open.length > 0;
  if (filter === 'unacknowledged') return open.some(({ acknowledged }) => !acknowledged);
  return true;
}

export class InMemorySupervisor implements SupervisorView {
  currentTree: SupervisorTree = treeOf();
  isLive = true;
  sensorViews: ReadonlyMap<string, SensorView> = new Map();
  failure: Error | undefined;
  anomaliesBySensor: ReadonlyMap<string, readonly RecentAnomaly[]> = new Map();
  anomaliesFailure: Error | undefined;
  readonly rows: RecentRowsStore = new RecentRowsStore({ rowsPerSensorMax: 30, sensorsMax: 200 });

  tree(): SupervisorTree {
    return this.currentTree;
  }

  readonly ring: PipelineRing = new PipelineRing();

  pipeline(): PipelineHistory {
    return this.ring.history();
  }

  live(): boolean {
    return this.isLive;
  }

  ready(): ReturnType<SupervisorView['ready']> {
    return readinessOf(this.currentTree);
  }

  metrics(): Promise<string> {
    return Promise.resolve('sensorium_uptime_seconds 60\n');
  }

  sensor(sensorId: string): Promise<SensorView | undefined> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve(this.sensorViews.get(sensorId));
  }

  anomalies(sensorId: string): Promise<readonly RecentAnomaly[]> {
    if (this.anomaliesFailure !== undefined) return Promise.reject(this.anomaliesFailure);
    return Promise.resolve(this.anomaliesBySensor.get(sensorId) ?? []);
  }

  readonly commands: SensorCommand[] = [];

  command(command: SensorCommand): Promise<readonly CommandOutcome[]> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const sensor = this.sensorViews.get(command.sensorId);
    if (sensor === undefined) return Promise.resolve([]);
    this.commands.push(command);
    const { topic, partition, offset } = sensor;
    return Promise.resolve([{ topic, partition, offset, changed: true }]);
  }

  readonly retries: ShardRetry[] = [];
  /** Outcome of the retry of a shard; undefined if no shard is held. */
  retryOutcome: ShardRetryOutcome | undefined;

  retryShard(retry: ShardRetry): Promise<ShardRetryOutcome | undefined> {
    this.retries.push(retry);
    return Promise.resolve(this.retryOutcome);
  }

  sensors(search: SensorSearch): Promise<SensorPage> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const { id: last = '' } = search.after ?? {};
    const sensors = [...this.sensorViews.values()]
      .filter((view) => passes(view, search))
      .map(listedOf)
      .filter((sensor) => sensor.sensor_id.includes(search.search));
    const behind = sensors.filter(
      (sensor) => search.after === null || compareNaturally(sensor.sensor_id, last) > 0,
    );
    return Promise.resolve(mergedPage([{ sensors: behind, matching: sensors.length }], search));
  }

  windows(sensorIds: readonly string[]): ReturnType<SupervisorView['windows']> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const rows = this.rows.since(0).rows;
    const windowsOf = (id: string): readonly RecentWindow[] =>
      rows
        .filter((row) => row.sensor_id === id)
        .map(({ window_end: endMs, features }) => [
          endMs,
          features['avg_value'] ?? NaN,
          features['anomaly_count'] ?? 0,
        ]);
    return Promise.resolve(sensorIds.map(windowsOf));
  }

  recentRows(cursor: number): ReturnType<SupervisorView['recentRows']> {
    return this.rows.since(cursor);
  }
}
