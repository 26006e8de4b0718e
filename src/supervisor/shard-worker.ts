// The supervisor's view of one shard worker: its thread, its shards, requests about sensors.
import type {
  CommandOutcome,
  SensorCommand,
  SensorView,
  ShardRetry,
  ShardRetryOutcome,
  WorkerCommand,
  WorkerEvent,
} from '../actors/protocol.ts';
import { errorFromData, InvariantError } from '../errors.ts';
import type { KnownShards } from './known-shards.ts';
import { type IllegalShardTransition, ShardsOfWorker } from './shards-of-worker.ts';
import { SupervisedThread, type SupervisedThreadOptions } from './supervised-thread.ts';
import type { WorkerView } from './supervisor-view.ts';
import type { MeteredThread } from './thread-metrics.ts';

const metricsTimeoutMs = 1_000;

export interface ShardWorkerOptions extends Omit<SupervisedThreadOptions<WorkerEvent>, 'onEvent'> {
  readonly index: number;
  /** Shared by the workers: a shard may go from one to another. */
  readonly known: KnownShards;
  onIllegal(transition: IllegalShardTransition): void;
}

export class ShardWorker implements MeteredThread {
  readonly name: string;
  readonly thread: SupervisedThread<WorkerCommand, WorkerEvent>;
  readonly #index: number;
  readonly #shards: ShardsOfWorker;
  readonly #known: KnownShards;
  #unconfirmedMs: number | null = null;

  constructor(options: ShardWorkerOptions) {
    this.name = options.name;
    this.#index = options.index;
    this.#known = options.known;
    this.#shards = new ShardsOfWorker((transition) => options.onIllegal(transition));
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
      (requestId) => ({ type: 'sensor', requestId, sensorId }),
      timeoutMs,
    );
    if (answer.type !== 'sensor') throw mismatch('sensor', answer.type);
    return answer.sensor;
  }

  async sensors(limit: number, timeoutMs: number): Promise<readonly string[]> {
    const answer = await this.thread.ask(
      (requestId) => ({ type: 'sensors', requestId, limit }),
      timeoutMs,
    );
    if (answer.type !== 'sensors') throw mismatch('sensors', answer.type);
    return answer.sensorIds;
  }

  /** @throws UnavailableError if it is unknown whether the command was committed: try again. */
  async command(command: SensorCommand, timeoutMs: number): Promise<readonly CommandOutcome[]> {
    const answer = await this.thread.ask(
      (requestId) => ({ type: 'command', requestId, command }),
      timeoutMs,
    );
    if (answer.type !== 'command') throw mismatch('command', answer.type);
    if (answer.error !== undefined) throw errorFromData(answer.error);
    return answer.outcomes;
  }

  /** Resolves with the outcome of the retry; undefined if this worker does not hold the shard. */
  async retry(retry: ShardRetry, timeoutMs: number): Promise<ShardRetryOutcome | undefined> {
    const answer = await this.thread.ask(
      (requestId) => ({ type: 'retry', requestId, retry }),
      timeoutMs,
    );
    if (answer.type !== 'retry') throw mismatch('retry', answer.type);
    return answer.outcome;
  }

  async ask(): Promise<readonly object[]> {
    const answer = await this.thread.ask(
      (requestId) => ({ type: 'metrics', requestId }),
      metricsTimeoutMs,
    );
    if (answer.type !== 'metrics') throw mismatch('metrics', answer.type);
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
        return;
      default:
        return event satisfies never;
    }
  }
}

function mismatch(expected: string, actual: string): InvariantError {
  return new InvariantError(`expected an answer of type ${expected}, got ${actual}`);
}
