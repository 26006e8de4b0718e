// One supervised thread: its life cycle, its control channel, its restarts. The directive of the
// error decides what follows a failure: `retry` (a peer is away) restarts with backoff without
// limit, and so does `stop` of a thread that has run (a right was taken away, and may come back);
// `stop` of one that never ran gives up at once; any other restarts with backoff a bounded number
// of times, then gives up. The process must act when a thread has given up.
import type { Clock, Timer } from '../clock.ts';
import type { ControlPort } from '../control-port.ts';
import { backoffMs } from '../backoff.ts';
import { type AnySensoriumError, InvariantError, isSensoriumError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Lifecycle, startLifecycle } from './lifecycle.ts';
import { decideRestart, type RestartHistory, type RestartSettings } from './restart-policy.ts';
import { ThreadRequests } from './thread-requests.ts';
import { workerLifecycle, type WorkerState, type WorkerTransition } from './worker-lifecycle.ts';
import type { RunningThread } from './worker-pool.ts';

export interface ThreadEvent {
  readonly type: string;
  readonly requestId?: number;
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
  readonly #life: Lifecycle<WorkerState, WorkerTransition> = startLifecycle(workerLifecycle);
  readonly #requests: ThreadRequests<Answer<Event>>;
  readonly #waitingForEnd: (() => void)[] = [];
  #thread: RunningThread | undefined;
  #backoff: Timer | undefined;
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
  }

  view(): ThreadView {
    return {
      state: this.#life.state(),
      restarts: this.#restarts,
      startedAtMs: this.#startedAtMs,
      lastError: this.#lastError,
    };
  }

  begin(): void {
    const thread = this.#options.start();
    this.#thread = thread;
    this.#startedAtMs = this.#options.clock.nowMs();
    this.#silentTicks = 0;
    thread.port.on('message', (event: Event) => this.#onEvent(event));
    thread.ended.then(
      () => this.#onEnded(thread.port, undefined),
      (error: unknown) => this.#onEnded(thread.port, error),
    );
  }

  send(command: Command): void {
    this.#thread?.port.postMessage(command);
  }

  /**
   * Sends a request and resolves with the answer.
   * @throws UnavailableError if the thread does not run or does not answer in time.
   */
  ask(command: (requestId: number) => Command, timeoutMs: number): Promise<Answer<Event>> {
    return this.#requests.ask((requestId) => this.send(command(requestId)), timeoutMs);
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
    if (this.#life.state() !== 'running') return;
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
    this.#backoff?.cancel();
    const before = this.#life.state();
    if (before === 'failed' || before === 'stopped') return before === 'stopped';
    this.#life.send('DRAIN');
    if (this.#life.state() === 'draining') {
      this.send(command);
      await this.#endWithin(timeoutMs);
      if (this.#thread !== undefined) {
        const drained = this.#drainedEvent;
        this.kill(new InvariantError(`${this.#options.name} was still busy after ${timeoutMs} ms`));
        if (drained) this.#life.send('DRAINED');
      }
    }
    return this.#state() === 'stopped';
  }

  #state(): WorkerState {
    return this.#life.state();
  }

  #endWithin(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(timeoutMs, resolve);
      this.#waitingForEnd.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #onEvent(event: Event): void {
    this.#silentTicks = 0;
    if (event.type === 'running') {
      this.#retries = 0;
      this.#hasRun = true;
      this.#life.send('JOINED');
    }
    if (event.type === 'drained') this.#drainedEvent = true;
    if (event.requestId !== undefined) this.#requests.answer(event as Answer<Event>);
    else this.#options.onEvent(event);
  }

  #onEnded(port: ControlPort, reason: unknown): void {
    this.#thread = undefined;
    port.close();
    this.#requests.abandon();
    this.#options.onEnded();
    const draining = this.#life.state() === 'draining';
    if (draining && reason === undefined) this.#life.send('DRAINED');
    else if (this.#life.state() !== 'stopped') this.#onFailure(this.#errorOf(reason));
    this.#killedBecause = undefined;
    for (const resolve of this.#waitingForEnd.splice(0)) resolve();
  }

  #errorOf(reason: unknown): AnySensoriumError {
    if (this.#killedBecause !== undefined) return this.#killedBecause;
    if (isSensoriumError(reason)) return reason;
    return new InvariantError(`${this.#options.name} ended unexpectedly`, {}, reason);
  }

  #onFailure(error: AnySensoriumError): void {
    const { clock, logger, name, restart } = this.#options;
    this.#lastError = { code: error.code, message: error.message, atMs: clock.nowMs() };
    if (this.#life.state() === 'draining') {
      this.#life.send('CRASHED');
      logger.error({ thread: name, error: error.message }, 'thread failed while draining');
      return;
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
    this.#restartAfter(decision.delayMs, error);
  }

  #restartAfter(delayMs: number, error: AnySensoriumError): void {
    const { clock, logger, name } = this.#options;
    this.#life.send('CRASHED');
    logger.warn(
      { thread: name, code: error.code, error: error.message, delayMs },
      'thread restarts',
    );
    this.#backoff = clock.after(delayMs, () => {
      if (!this.#life.send('RESTARTED')) return;
      this.#restarts += 1;
      this.#options.onRestart();
      this.begin();
    });
  }

  #giveUp(error: AnySensoriumError): void {
    this.#life.send('GAVE_UP');
    this.#options.onGaveUp(error);
  }
}
