// One process of the simulation: the real supervisor, its worker threads and its projector over the simulated log,
// clock, disk and feature store, and what `run` makes of a signal and of a supervisor that gave up. Killing it is
// kill -9: nothing of it runs any more, what it had sent may or may not have arrived.
import type { CommandOutcome, SensorCommand, ShardRetry } from '../../src/actors/protocol.ts';
import type { ShardSettings } from '../../src/actors/shard-context.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import { isSensoriumError } from '../../src/errors.ts';
import {
  featureTopics,
  topicNames,
  type FeatureTopic,
  type TopicNames,
} from '../../src/log/topics.ts';
import type { Logger } from '../../src/logger.ts';
import type { Semantics } from '../../src/sensors/semantics.ts';
import { startSupervisor, type Supervisor } from '../../src/supervisor/supervisor.ts';
import type { Restarts } from './expected-restarts.ts';
import { processClock, Life } from './simulated-life.ts';
import { simulatedPools, type World } from './simulated-threads.ts';

export const simulatedTopics: TopicNames = topicNames({
  inputTopic: 'raw_readings',
  outputTopic: 'sensor_features',
  anomalyTopic: 'sensor_anomalies',
});

/** Returns the topics of feature rows by window length, with their views. */
export function simulatedFeatureTopics(semantics: Semantics): readonly FeatureTopic[] {
  const process = { outputTopic: simulatedTopics.output };
  return featureTopics({ process, semantics });
}

export interface SimulatedProcess {
  readonly life: Life;
  readonly supervisor: Supervisor;
  kill(): void;
  /** SIGSTOP for `forMs`, then SIGCONT. */
  freeze(forMs: number): void;
  /** None of its members sends a heartbeat for `forMs`; all else in it goes on. */
  fallSilent(forMs: number): void;
  /** The thread of that number (the last is the projector), where it runs now. */
  thread(index: number): Life | undefined;
  /** A thread that spins for ever: its process goes on, the group forgets it. */
  hang(thread: Life): void;
  /** SIGTERM; returns the threads that had to be ended by force. */
  drain(): Promise<readonly string[]>;
  /** An operator has a failed shard tried again. */
  retry(retry: ShardRetry): void;
  /** An operator asks; what was acknowledged is in `acknowledged`. */
  command(command: SensorCommand): void;
  readonly acknowledged: readonly (SensorCommand & CommandOutcome)[];
}

export interface ProcessOptions {
  readonly world: World;
  readonly semantics: Semantics;
  readonly settings: ShardSettings;
  readonly workers: number;
  readonly restarts: Restarts;
  /** Called when a fault inside a call ended the process, or it ended itself. */
  readonly onEnded: () => void;
  readonly onThread: (name: string, life: Life) => void;
  readonly onTaskEnded: (life: Life) => void;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silent,
};

const sessionTimeoutMs = 6_000;

/** Returns a running process whose threads have begun to start. */
export function startProcess(options: ProcessOptions): SimulatedProcess {
  const { restarts, world, workers } = options;
  const { broker, scheduler } = world;
  const acknowledged: (SensorCommand & CommandOutcome)[] = [];
  const life = new Life();
  const threads = new Map<string, Life>();
  // A group notices a death after the session timeout.
  const noticed = (): void => {
    scheduler.after(sessionTimeoutMs, () => broker.groups.forEach((group) => group.rebalance()));
  };
  const expireIf = (member: Life, gone: () => boolean): void => {
    scheduler.after(sessionTimeoutMs, () => {
      if (gone()) for (const group of broker.groups) group.expire(member);
    });
  };
  const watch = restarts.ofProcess();
  const supervisor = startSupervisor({
    config: configOf(options),
    logger: silent,
    clock: processClock(scheduler, life),
    runtimeMetrics: 'none',
    createPool: simulatedPools({
      world,
      process: life,
      logger: silent,
      onStart: (name, thread) => {
        threads.set(name, thread);
        options.onThread(name, thread);
      },
      onEnd: (name, error) => watch.ended(name, error),
      onDeath: noticed,
      onTaskEnded: options.onTaskEnded,
    }),
  });
  const ended = (): void => {
    noticed();
    options.onEnded();
  };
  life.onCrash = ended;
  void supervisor.gaveUp.then(async (error) => {
    watch.gaveUp(error);
    await supervisor.drain();
    life.crash();
  });
  return {
    life,
    supervisor,
    kill() {
      life.end();
      noticed();
    },
    freeze(forMs) {
      life.freeze();
      scheduler.after(forMs, () => life.thaw());
      if (forMs > sessionTimeoutMs) expireIf(life, () => life.frozen);
    },
    fallSilent(forMs) {
      const untilMs = scheduler.nowMs + forMs;
      scheduler.after(sessionTimeoutMs, () => {
        const expired = life.alive && scheduler.nowMs < untilMs;
        if (expired) for (const group of broker.groups) group.expire(life, untilMs);
      });
    },
    thread: (index) =>
      threads.get(index % (workers + 1) === workers ? 'projector' : `worker ${index % workers}`),
    hang(thread) {
      thread.freeze();
      expireIf(thread, () => thread.alive);
    },
    acknowledged,
    retry(retry) {
      life.run(() => {
        supervisor.retryShard(retry).catch((error: unknown) => {
          if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
        });
      });
    },
    command(command) {
      life.run(() => {
        const remember = (outcomes: readonly CommandOutcome[]): void => {
          acknowledged.push(...outcomes.map((outcome) => ({ ...command, ...outcome })));
        };
        supervisor.command(command).then(remember, (error: unknown) => {
          // Nobody acknowledged it: it may be in the journal or not.
          if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
        });
      });
    },
    async drain() {
      watch.draining();
      const { unfinished } = await supervisor.drain();
      life.end();
      if (unfinished.length > 0) noticed();
      return unfinished;
    },
  };
}

function configOf({ semantics, settings, workers }: ProcessOptions): Config {
  const config = parseConfig({ GROUP_ID: settings.groupId, WORKERS: String(workers) });
  return { semantics, process: { ...config.process, ...settings } };
}
