// The supervisor's view of one shard worker: its thread, its shards, requests about sensors.
import type {
  CommandOutcome,
  SensorCommand,
  SensorPage,
  SensorSearch,
  SensorView,
  ShardRetry,
  ShardRetryOutcome,
  WorkerCommand,
  WorkerEvent,
} from '../actors/protocol.ts';
import type { KnownShards } from './known-shards.ts';
import { ShardsOfWorker } from './shards-of-worker.ts';
import { SupervisedThread, type SupervisedThreadOptions } from './supervised-thread.ts';
import type { WorkerView } from './supervisor-view.ts';
import type { MeteredThread } from './thread-metrics.ts';

const metricsTimeoutMs = 1_000;

export interface ShardWorkerOptions extends Omit<SupervisedThreadOptions<WorkerEvent>, 'onEvent'> {
  readonly index: number;
  /** Shared by the workers: a shard may go from one to another. */
  readonly known: KnownShards;
}

export class ShardWorker implements MeteredThread {
  readonly name: string;
  readonly thread: SupervisedThread<WorkerCommand, WorkerEvent>;
  readonly #index: number;
  readonly #shards: ShardsOfWorker = new ShardsOfWorker();
  readonly #known: KnownShards;
  #unconfirmedMs: number | null = null;

  constructor(options: ShardWorkerOptions) {
    this.name = options.name;
    this.#index = options.index;
    this.#known = options.known;
    this.thread = new SupervisedThread<WorkerCommand, WorkerEvent>({
      ...options,
      onEvent: (event) => this.#onEvent(event),
      onEnded: () => {
        this.#shards.clear();
        this.#unconfirmedMs = null;
        options.onEnded();
      },
    });
  }

  view(): WorkerView {
    const shards = [...this.#shards.statuses(), ...this.#shards.lost()].map((status) => ({
      ...status,
      lag: Math.max(0, status.highWatermark - status.position),
    }));
    const unconfirmedMs = this.#unconfirmedMs;
    return { index: this.#index, ...this.thread.view(), unconfirmedMs, shards };
  }

  async sensor(sensorId: string, timeoutMs: number): Promise<SensorView | undefined> {
    const answer = await this.thread.ask(
      'sensor',
      (requestId) => ({ type: 'sensor', requestId, sensorId }),
      timeoutMs,
    );
    return answer.sensor;
  }

  async sensors(search: SensorSearch, timeoutMs: number): Promise<SensorPage> {
    const answer = await this.thread.ask(
      'sensors',
      (requestId) => ({ type: 'sensors', requestId, search }),
      timeoutMs,
    );
    return answer.page;
  }

  /** @throws UnavailableError if it is unknown whether the command was committed: try again. */
  async command(command: SensorCommand, timeoutMs: number): Promise<readonly CommandOutcome[]> {
    const answer = await this.thread.ask(
      'command',
      (requestId) => ({ type: 'command', requestId, command }),
      timeoutMs,
    );
    return answer.outcomes;
  }

  /** Resolves with the outcome of the retry; undefined if this worker does not hold the shard. */
  async retry(retry: ShardRetry, timeoutMs: number): Promise<ShardRetryOutcome | undefined> {
    const answer = await this.thread.ask(
      'retry',
      (requestId) => ({ type: 'retry', requestId, retry }),
      timeoutMs,
    );
    return answer.outcome;
  }

  async ask(): Promise<readonly object[]> {
    const answer = await this.thread.ask(
      'metrics',
      (requestId) => ({ type: 'metrics', requestId }),
      metricsTimeoutMs,
    );
    return answer.metrics;
  }

  holds(topic: string, partition: string): boolean {
    return this.#shards
      .statuses()
      .some((shard) => shard.topic === topic && String(shard.partition) === partition);
  }

  #onEvent(event: WorkerEvent): void {
    switch (event.type) {
      case 'shard':
        this.#known.note(event.shard);
        return this.#shards.changed(event.shard);
      case 'status':
        for (const shard of event.shards) this.#known.note(shard);
        this.#unconfirmedMs = event.unconfirmedMs;
        // Until it has joined it holds nothing, which says nothing of what it held before it
        // failed.
        if (event.unconfirmedMs === null && event.shards.length === 0) return;
        return this.#shards.report(event.shards);
      case 'running':
      case 'drained':
      case 'metrics':
      case 'sensor':
      case 'sensors':
      case 'command':
      case 'retry':
      case 'refused':
        return;
      default:
        return event satisfies never;
    }
  }
}
