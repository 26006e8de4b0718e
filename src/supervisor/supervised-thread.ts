// One supervised thread: its life cycle, its control channel, its restarts. The directive of the
// error decides what follows a failure: `retry` (a peer is away) restarts with backoff without
// limit, and so does `stop` of a thread that has run (a right was taken away, and may come back);
// `stop` of one that never ran gives up at once; any other restarts with backoff a bounded number
// of times, then gives up. The process must act when a thread has given up.
import type { Clock } from '../clock.ts';
import { backoffMs } from '../backoff.ts';
import {
  type AnySensoriumError,
  assert,
  type ErrorData,
  InvariantError,
  isSensoriumError,
} from '../errors.ts';
import type { Life } from '../lifecycles/life.ts';
import {
  createWorkerLife,
  type AfterThread,
  type WorkerTransition,
  type WorkerState,
} from '../lifecycles/worker-lifecycle.ts';
import type { Logger } from '../logger.ts';
import { decideRestart, type RestartHistory, type RestartSettings } from './restart-policy.ts';
import { ThreadRequests } from './thread-requests.ts';
import type { RunningThread } from './worker-pool.ts';

export interface ThreadEvent {
  readonly type: string;
  readonly requestId?: number;
  /** Of a question that could not be answered. */
  readonly error?: ErrorData;
}

export interface SupervisedThreadOptions<Event extends ThreadEvent> {
  /** For log lines and messages, for example `worker 0`. */
  readonly name: string;
  readonly start: () => RunningThread;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly restart: RestartSettings;
  /** Calls of `tick` without any event after which a running thread counts as hung. */
  readonly silentTicksMax: number;
  onEvent(event: Event): void;
  /** Called whenever the thread has ended; it may be restarted. */
  onEnded(): void;
  onRestart(): void;
  onGaveUp(error: AnySensoriumError): void;
}

export interface ThreadView {
  readonly state: WorkerState;
  readonly restarts: number;
  readonly startedAtMs: number | null;
  readonly lastError: {
    readonly code: string;
    readonly message: string;
    readonly atMs: number;
  } | null;
}

type Answer<Event> = Event & { readonly requestId: number };

export class SupervisedThread<Command extends object, Event extends ThreadEvent> {
  readonly #options: SupervisedThreadOptions<Event>;
  readonly #life: Life<WorkerState, WorkerTransition>;
  readonly #requests: ThreadRequests<Answer<Event>>;
  #thread: RunningThread | undefined;
  #drain: { readonly command: Command; readonly timeoutMs: number } | undefined;
  #history: RestartHistory = [];
  #retries = 0;
  #hasRun = false;
  #restarts = 0;
  #startedAtMs: number | null = null;
  #lastError: ThreadView['lastError'] = null;
  #killedBecause: AnySensoriumError | undefined;
  #drainedEvent = false;
  #silentTicks = 0;

  constructor(options: SupervisedThreadOptions<Event>) {
    this.#options = options;
    this.#requests = new ThreadRequests(options.clock, options.name);
    this.#life = createWorkerLife({
      run: () => this.#run(),
      drain: () => this.#finish(),
      pause: (pauseMs, over) => this.#pause(pauseMs, over),
    });
  }

  view(): ThreadView {
    return {
      state: this.#life.phase,
      restarts: this.#restarts,
      startedAtMs: this.#startedAtMs,
      lastError: this.#lastError,
    };
  }

  begin(): void {
    this.#life.start();
  }

  send(command: Command): void {
    this.#thread?.port.postMessage(command);
  }

  /**
   * Sends a request and resolves with its answer, which is of type `type`.
   * @throws UnavailableError if the thread does not run or does not answer in time, and the error
   * that the thread answers with.
   */
  async ask<Type extends Event['type']>(
    type: Type,
    command: (requestId: number) => Command,
    timeoutMs: number,
  ): Promise<Extract<Event, { readonly type: Type }>> {
    const send = (requestId: number): void => this.send(command(requestId));
    const answer = await this.#requests.ask(send, timeoutMs);
    if (isOfType(answer, type)) return answer;
    throw new InvariantError(`expected an answer of type ${type}, got ${answer.type}`);
  }

  /** Terminates the thread at once; it then counts as failed with `error`. */
  kill(error: AnySensoriumError): void {
    if (this.#thread === undefined) return;
    this.#killedBecause ??= error;
    this.#thread.terminate();
  }

  /**
   * Called at each beat of the supervisor. Counts beats, not time: a paused process misses none.
   */
  tick(): void {
    if (this.#life.phase !== 'running') return;
    this.#silentTicks += 1;
    if (this.#silentTicks <= this.#options.silentTicksMax) return;
    this.kill(
      new InvariantError(`${this.#options.name} reported nothing for ${this.#silentTicks} beats`),
    );
  }

  /**
   * Asks the thread to finish; terminates it after `timeoutMs`. Resolves with whether it finished
   * by itself.
   */
  async drain(command: Command, timeoutMs: number): Promise<boolean> {
    this.#drain = { command, timeoutMs };
    this.#life.send({ type: 'DRAIN' });
    await this.#life.ended;
    return this.#life.phase === 'stopped';
  }

  /** Runs the thread from its start to its end. */
  async #run(): Promise<AfterThread> {
    const thread = this.#options.start();
    this.#thread = thread;
    this.#startedAtMs = this.#options.clock.nowMs();
    this.#silentTicks = 0;
    thread.port.on('message', (event: Event) => this.#onEvent(event));
    let reason: unknown;
    try {
      await thread.ended;
    } catch (error) {
      reason = error ?? new InvariantError('rejected without a reason');
    }
    this.#thread = undefined;
    thread.port.close();
    this.#requests.abandon();
    this.#options.onEnded();
    const killedBecause = this.#killedBecause;
    this.#killedBecause = undefined;
    if (this.#life.phase === 'draining') {
      const isDone = reason === undefined || (this.#drainedEvent && killedBecause !== undefined);
      if (isDone) return { next: 'stopped' };
    }
    return this.#afterFailure(killedBecause ?? this.#errorOf(reason));
  }

  #finish(): () => void {
    const { clock, name } = this.#options;
    assert(this.#drain !== undefined, 'a thread drains once it is asked to');
    const { command, timeoutMs } = this.#drain;
    this.send(command);
    const timer = clock.after(timeoutMs, () =>
      this.kill(new InvariantError(`${name} was still busy after ${timeoutMs} ms`)),
    );
    return () => timer.cancel();
  }

  #pause(pauseMs: number, over: () => void): () => void {
    const timer = this.#options.clock.after(pauseMs, () => {
      this.#restarts += 1;
      this.#options.onRestart();
      over();
    });
    return () => timer.cancel();
  }

  #onEvent(event: Event): void {
    this.#silentTicks = 0;
    if (event.type === 'running') {
      this.#retries = 0;
      this.#hasRun = true;
      this.#life.send({ type: 'JOINED' });
    }
    if (event.type === 'drained') this.#drainedEvent = true;
    if (event.requestId !== undefined) this.#requests.answer(event as Answer<Event>);
    else this.#options.onEvent(event);
  }

  #errorOf(reason: unknown): AnySensoriumError {
    if (isSensoriumError(reason)) return reason;
    return new InvariantError(`${this.#options.name} ended unexpectedly`, {}, reason);
  }

  #afterFailure(error: AnySensoriumError): AfterThread {
    const { clock, logger, name, restart } = this.#options;
    this.#lastError = { code: error.code, message: error.message, atMs: clock.nowMs() };
    if (this.#life.phase === 'draining') {
      logger.error({ thread: name, error: error.message }, 'thread failed while draining');
      return { next: 'failed' };
    }
    const { directive } = error;
    if (directive === 'stop' && !this.#hasRun) return this.#giveUp(error);
    if (directive === 'stop' || directive === 'retry')
      return this.#restartAfter(backoffMs(this.#retries++, restart.backoff), error);
    const decision = decideRestart(this.#history, clock.monotonicMs(), restart);
    if (decision.type === 'escalate') {
      const seconds = restart.periodMs / 1000;
      return this.#giveUp(
        new InvariantError(
          `${name} failed ${decision.failures} times within ${seconds} s, last: ${error.message}`,
          error.details,
          error,
        ),
      );
    }
    this.#history = decision.history;
    return this.#restartAfter(decision.delayMs, error);
  }

  #restartAfter(pauseMs: number, { code, message }: AnySensoriumError): AfterThread {
    const { logger, name } = this.#options;
    logger.warn({ thread: name, code, error: message, delayMs: pauseMs }, 'thread restarts');
    return { next: 'backing-off', pauseMs };
  }

  #giveUp(error: AnySensoriumError): AfterThread {
    this.#options.onGaveUp(error);
    return { next: 'failed' };
  }
}

function isOfType<Event extends ThreadEvent, Type extends Event['type']>(
  event: Event,
  type: Type,
): event is Extract<Event, { readonly type: Type }> {
  return event.type === type;
}
