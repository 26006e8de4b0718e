// The root of the supervision tree, in the main thread: starts the shard workers and the projector,
// restarts failed threads, reports on all of them, drains them in order. No reading passes here.
//
//   supervisor ─┬─ worker 0 … n−1 ── shards ── sensors
//               ├─ projector
//               └─ history, with HISTORY_DIR
import type { WorkerTask } from '../actors/worker-data.ts';
import {
  type CommandOutcome,
  type SensorCommand,
  type SensorPage,
  type SensorSearch,
  type SensorView,
  type ShardRetry,
  type ShardRetryOutcome,
} from '../actors/protocol.ts';
import { mergedPage } from '../actors/search-shards.ts';
import type { Clock } from '../clock.ts';
import { shardPhases } from '../lifecycles/shard-lifecycle.ts';
import type { Config } from '../config/config.ts';
import type { AnySensoriumError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { HistoryTask } from '../projections/history-protocol.ts';
import type { ProjectorTask } from '../projections/protocol.ts';
import { createProcessMetrics, type ProcessMetrics } from '../metrics/process-metrics.ts';
import { SupervisedHistory } from './history.ts';
import { createTreeMetrics } from '../metrics/tree-metrics.ts';
import { PipelineRing, type PipelineHistory } from './pipeline-ring.ts';
import { SupervisedProjector } from './projector.ts';
import { readinessOf } from './readiness.ts';
import { restartDefaults, type RestartSettings } from './restart-policy.ts';
import type { SupervisorTree, SupervisorView } from './supervisor-view.ts';
import { ThreadMetrics } from './thread-metrics.ts';
import { KnownShards } from './known-shards.ts';
import { measured } from './measured-tree.ts';
import { totalsOf } from './totals.ts';
import { ShardWorker } from './shard-worker.ts';
import { createThreadPool, type ThreadPool, type ThreadPoolOptions } from './worker-pool.ts';

export interface SupervisorOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly restart?: RestartSettings;
  /** Time for all threads to finish before they are terminated. */
  readonly drainTimeoutMs?: number;
  /** Of the program, for its metrics. */
  readonly version?: string;
  /** Compiled modules that export the threads' tasks: `runWorker`, `runProjector`, `runHistory`. */
  readonly workerFile?: URL;
  readonly projectorFile?: URL;
  readonly historyFile?: URL;
  /** Replaces Piscina, in simulations. */
  readonly createPool?: (options: ThreadPoolOptions) => ThreadPool;
  /** Metrics of Node's runtime; `none` in simulations, where supervisors share one process. */
  readonly runtimeMetrics?: 'node' | 'none';
}

export interface DrainReport {
  /** Threads that had to be terminated; empty if all finished by themselves. */
  readonly unfinished: readonly string[];
}

export interface Supervisor extends SupervisorView {
  /**
   * Resolves, at most once, with an error that restarts could not cure. The process must then print
   * the message and exit with code 1: its process manager is the next supervisor.
   */
  readonly gaveUp: Promise<AnySensoriumError>;
  /** Lets workers commit and leave, then the projector; idempotent, bounded by `drainTimeoutMs`. */
  drain(): Promise<DrainReport>;
}

const tickMs = 1_000;
const metricsRefreshTicks = 10;
/** Beats (one a second) without a report after which a thread counts as hung. */
const silentTicksMax = 30;
const askTimeoutMs = 1_500;
/** A commit takes milliseconds, or a second far behind; past this the client is asked to retry. */
const commandTimeoutMs = 5_000;

/** Starts all threads and returns the tree without waiting: the threads report by themselves. */
export function startSupervisor(options: SupervisorOptions): Supervisor {
  const supervisor = new RunningSupervisor(options);
  supervisor.begin();
  return supervisor;
}

class RunningSupervisor implements Supervisor {
  readonly gaveUp: Promise<AnySensoriumError>;
  readonly #options: SupervisorOptions;
  readonly #startedAtMs: number;
  readonly #startedMonotonicMs: number;
  readonly #pools: readonly ThreadPool[];
  readonly #workers: readonly ShardWorker[];
  readonly #projector: SupervisedProjector;
  readonly #history: SupervisedHistory | undefined;
  readonly #known: KnownShards = new KnownShards();
  readonly #pipeline: PipelineRing = new PipelineRing();
  readonly #process: ProcessMetrics;
  readonly #metrics: ThreadMetrics;
  #giveUp: (error: AnySensoriumError) => void = () => undefined;
  #failed = false;
  #draining: Promise<DrainReport> | undefined;
  #stopped = false;
  #ticks = 0;

  constructor(options: SupervisorOptions) {
    const { config, clock, createPool = createThreadPool, logger } = options;
    this.#options = options;
    this.#startedAtMs = clock.nowMs();
    this.#startedMonotonicMs = clock.monotonicMs();
    this.gaveUp = new Promise((resolve) => (this.#giveUp = resolve));
    const workerPool = createPool({
      file: options.workerFile ?? new URL('../actors/worker.js', import.meta.url),
      exportName: 'runWorker',
      threads: config.process.workers,
    });
    const projectorPool = createPool({
      file: options.projectorFile ?? new URL('../projections/projector-thread.js', import.meta.url),
      exportName: 'runProjector',
      threads: 1,
    });
    const historyPool =
      config.process.historyDir === undefined
        ? undefined
        : createPool({
            file:
              options.historyFile ?? new URL('../projections/history-thread.js', import.meta.url),
            exportName: 'runHistory',
            threads: 1,
          });
    this.#pools = [workerPool, projectorPool, ...(historyPool === undefined ? [] : [historyPool])];
    this.#workers = Array.from({ length: config.process.workers }, (_, index) =>
      this.#createWorker(workerPool, index),
    );
    this.#projector = new SupervisedProjector({
      ...this.#threadOptions('projector'),
      start: () => projectorPool.start((port) => ({ config, port }) satisfies ProjectorTask),
    });
    this.#history = historyPool === undefined ? undefined : this.#createHistory(historyPool);
    const threads = this.#threads().map(({ name }) => name);
    this.#process = createProcessMetrics(() => this.#uptimeSeconds(), {
      threads,
      runtime: options.runtimeMetrics ?? 'node',
      version: options.version ?? 'unknown',
    });
    this.#metrics = new ThreadMetrics(
      this.#threads(),
      { process: this.#process, tree: createTreeMetrics(() => measured(this.tree()), shardPhases) },
      logger,
    );
  }

  begin(): void {
    for (const worker of this.#workers) worker.thread.begin();
    this.#projector.thread.begin();
    this.#history?.thread.begin();
    this.#tick();
  }

  tree(): SupervisorTree {
    const { clock, config } = this.#options;
    const workers = this.#known.filled(this.#workers.map((worker) => worker.view()));
    const projector = this.#projector.view();
    return {
      state: this.#state(),
      nowMs: clock.nowMs(),
      startedAtMs: this.#startedAtMs,
      uptimeSeconds: this.#uptimeSeconds(),
      windowMs: config.semantics.windowMs,
      watermarkDelayMs: config.semantics.watermarkDelayMs,
      workers,
      projector,
      history: this.#history?.view() ?? null,
      totals: totalsOf(workers, projector),
    };
  }

  pipeline(): PipelineHistory {
    return this.#pipeline.history();
  }

  live(): boolean {
    return !this.#failed;
  }

  ready(): ReturnType<SupervisorView['ready']> {
    return readinessOf(this.tree());
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  async sensor(sensorId: string): Promise<SensorView | undefined> {
    const answers = await Promise.allSettled(
      this.#workers.map((worker) => worker.sensor(sensorId, askTimeoutMs)),
    );
    let silent: unknown;
    for (const answer of answers) {
      if (answer.status === 'rejected') silent = answer.reason;
      else if (answer.value !== undefined) return answer.value;
    }
    // "Not found" would be wrong while a worker that may own it has not answered.
    if (silent !== undefined) throw silent as Error;
    return undefined;
  }

  anomalies(sensorId: string): ReturnType<SupervisorView['anomalies']> {
    return this.#projector.anomalies(sensorId, askTimeoutMs);
  }

  async command(command: SensorCommand): Promise<readonly CommandOutcome[]> {
    const answers = await Promise.all(
      this.#workers.map((worker) => worker.command(command, commandTimeoutMs)),
    );
    return answers.flat();
  }

  async retryShard(retry: ShardRetry): Promise<ShardRetryOutcome | undefined> {
    for (const worker of this.#workers) {
      if (!worker.holds(retry.topic, String(retry.partition))) continue;
      const outcome = await worker.retry(retry, commandTimeoutMs);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  async sensors(search: SensorSearch): Promise<SensorPage> {
    const pages = await Promise.all(
      this.#workers.map((worker) => worker.sensors(search, askTimeoutMs)),
    );
    return mergedPage(pages, search);
  }

  windows(sensorIds: readonly string[]): ReturnType<SupervisorView['windows']> {
    return this.#projector.windows(sensorIds, askTimeoutMs);
  }

  recentRows(cursor: number): ReturnType<SupervisorView['recentRows']> {
    return this.#projector.recentRows(cursor);
  }

  drain(): Promise<DrainReport> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<DrainReport> {
    const { clock, drainTimeoutMs = 8_000, logger } = this.#options;
    const startedMs = clock.monotonicMs();
    const unfinished: string[] = [];
    // The projector drains last, with a quarter of the time left for it: the workers' last rows
    // must still reach the store.
    await Promise.all(
      [...this.#workers, ...this.#historyIfAny()].map(async ({ name, thread }) => {
        const drained = await thread.drain({ type: 'drain' }, drainTimeoutMs * 0.75);
        if (!drained) unfinished.push(name);
      }),
    );
    const leftMs = Math.max(0, drainTimeoutMs - (clock.monotonicMs() - startedMs));
    if (!(await this.#projector.thread.drain({ type: 'drain' }, leftMs))) {
      unfinished.push(this.#projector.name);
    }
    await Promise.all(this.#pools.map((pool) => pool.close()));
    this.#stopped = true;
    const fields = { unfinished, durationMs: Math.round(clock.monotonicMs() - startedMs) };
    logger.info(fields, 'supervisor drained');
    return { unfinished };
  }

  #createWorker(pool: ThreadPool, index: number): ShardWorker {
    const { config } = this.#options;
    return new ShardWorker({
      ...this.#threadOptions(`worker ${index}`),
      index,
      known: this.#known,
      start: () =>
        pool.start((port) => ({ config, workerIndex: index, port }) satisfies WorkerTask),
    });
  }

  /** A history that cannot go on stops nothing else: its rows stay in the topic. */
  #createHistory(pool: ThreadPool): SupervisedHistory {
    const { config, logger } = this.#options;
    return new SupervisedHistory({
      ...this.#threadOptions('history'),
      start: () => pool.start((port) => ({ config, port }) satisfies HistoryTask),
      onGaveUp: (error) => {
        logger.error({ error: error.message }, 'no history is written until the next start');
      },
    });
  }

  #historyIfAny(): readonly SupervisedHistory[] {
    return this.#history === undefined ? [] : [this.#history];
  }

  #threads(): readonly (ShardWorker | SupervisedProjector | SupervisedHistory)[] {
    return [...this.#workers, this.#projector, ...this.#historyIfAny()];
  }

  #threadOptions(name: string): {
    name: string;
    clock: Clock;
    logger: Logger;
    restart: RestartSettings;
    silentTicksMax: number;
    onEnded: () => void;
    onRestart: () => void;
    onGaveUp: (error: AnySensoriumError) => void;
  } {
    const { clock, logger, restart = restartDefaults } = this.#options;
    return {
      name,
      clock,
      logger,
      restart,
      silentTicksMax,
      onEnded: () => this.#metrics.retire(name),
      onRestart: () => this.#process.threadRestarts.inc({ thread: name }),
      onGaveUp: (error) => {
        this.#failed = true;
        this.#giveUp(error);
      },
    };
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#ticks += 1;
    for (const { thread } of this.#threads()) thread.tick();
    this.#pipeline.note(this.tree());
    if (this.#ticks % metricsRefreshTicks === 0) void this.#metrics.refresh();
    this.#options.clock.after(tickMs, () => this.#tick());
  }

  #state(): SupervisorTree['state'] {
    if (this.#stopped) return 'stopped';
    if (this.#failed) return 'failed';
    if (this.#draining !== undefined) return 'draining';
    const threads = [...this.#workers, this.#projector].map(({ thread }) => thread.view());
    return threads.every(({ state }) => state === 'running') ? 'running' : 'starting';
  }

  #uptimeSeconds(): number {
    return (this.#options.clock.monotonicMs() - this.#startedMonotonicMs) / 1_000;
  }
}
