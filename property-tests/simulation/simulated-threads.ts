// The threads of one simulated process, in place of Piscina's: each runs the real loop of a worker
// or of the projector and talks to the real supervisor over a channel in memory. A thread ends by
// its task's end, by `terminate`, or by a crash that the schedule decides; a task that failed
// leaves its thread running, as Piscina does.
import { runShards } from '../../src/actors/worker-loop.ts';
import type { Config } from '../../src/config/config.ts';
import type { ControlPort } from '../../src/control-port.ts';
import { deferred } from '../../src/deferred.ts';
import { errorToData, InvariantError } from '../../src/errors.ts';
import type { FeatureTopic } from '../../src/log/topics.ts';
import type { Logger } from '../../src/logger.ts';
import { runOnlineProjection } from '../../src/projections/projector-loop.ts';
import {
  errorOfThread,
  type RunningThread,
  type ThreadPool,
  type ThreadPoolOptions,
} from '../../src/supervisor/worker-pool.ts';
import { byForce, uncaught } from './expected-restarts.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedFeatureStore } from './simulated-feature-store.ts';
import { processClock, Life } from './simulated-life.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import type { SimulatedDisk } from './simulated-snapshots.ts';
import { createTrappedBaseline } from './trapped-baseline.ts';

export interface World {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly disk: SimulatedDisk;
  readonly store: SimulatedFeatureStore;
  readonly featureTopics: readonly FeatureTopic[];
  /** Whether there are readings at which the fold throws. */
  readonly traps: boolean;
  /** Bytes that one transaction may hold; left out, as many as there are. */
  readonly commitBytesMax?: number | undefined;
}

export interface ThreadsOptions {
  readonly world: World;
  readonly process: Life;
  readonly logger: Logger;
  /** A thread has begun its task. `name` as the supervisor calls it. */
  onStart(name: string, life: Life): void;
  /** The supervisor is about to hear that a thread ended, and why; undefined = its task ran to its end. */
  onEnd(name: string, error: ReturnType<typeof errorOfThread> | undefined): void;
  /** A thread is gone without a word to its groups. */
  onDeath(): void;
  /** A task ran to its end, or failed: nothing of it may be at work any more. */
  onTaskEnded(life: Life): void;
}

interface Task {
  readonly config: Config;
  readonly port: ControlPort;
  readonly workerIndex?: number;
}

/** Returns what `createPool` of a supervisor wants: pools of simulated threads. */
export function simulatedPools(options: ThreadsOptions): (pool: ThreadPoolOptions) => ThreadPool {
  const { world, process } = options;
  const { scheduler } = world;
  return ({ exportName }) => {
    const lives = new Set<Life>();
    return {
      start(makeTask) {
        const life = new Life(process);
        lives.add(life);
        const [port, threadPort] = channel(scheduler, process, life);
        const task = makeTask(threadPort) as Task;
        const name = exportName === 'runProjector' ? 'projector' : `worker ${task.workerIndex}`;
        const ended = deferred<void>();
        const end = (reason: unknown): void => {
          lives.delete(life);
          scheduler.after(1, () =>
            process.run(() => {
              const error = reason === undefined ? undefined : errorOfThread(reason);
              options.onEnd(name, error);
              if (error === undefined) ended.resolve();
              else ended.reject(error);
            }),
          );
        };
        ended.promise.catch(() => undefined);
        life.onCrash = () => {
          options.onDeath();
          end(new InvariantError(uncaught));
        };
        scheduler.after(scheduler.random() * 100, () =>
          life.run(() => {
            options.onStart(name, life);
            run(options, name, task, life).then(
              () => end(undefined),
              (error: unknown) => end(errorToData(error)),
            );
          }),
        );
        const terminate = (): void => {
          if (!lives.has(life)) return;
          life.end();
          options.onDeath();
          end(new InvariantError(byForce));
        };
        return { port, ended: ended.promise, terminate } satisfies RunningThread;
      },
      close: async () => {
        for (const life of lives) life.end();
      },
    };
  };
}

/** The threads that the roots (`worker.ts`, `projector-thread.ts`) build, over the simulated world. */
async function run(options: ThreadsOptions, name: string, task: Task, life: Life): Promise<void> {
  const { logger, world } = options;
  const clock = processClock(world.scheduler, life);
  const log = world.broker.connect(life);
  try {
    if (name === 'projector') {
      await runOnlineProjection({ ...task, log, store: world.store.connect(life), clock, logger });
    } else {
      const snapshots = world.disk.connect(life);
      const baselines = world.traps ? { createBaseline: createTrappedBaseline } : {};
      const { commitBytesMax: bytes } = world;
      const parts = bytes === undefined ? {} : { commitBytesMax: bytes };
      await runShards({ ...task, log, snapshots, clock, logger, ...baselines, ...parts });
    }
  } finally {
    await log.close();
    task.port.close();
    options.onTaskEnded(life);
  }
}

/** A channel whose messages arrive in order and wait for a listener, as those of a MessagePort do. */
function channel(scheduler: Scheduler, ours: Life, theirs: Life): [ControlPort, ControlPort] {
  const end = (owner: Life): { port: ControlPort; deliver: (message: object) => void } => {
    let listener: ((message: never) => void) | undefined;
    let waiting: object[] = [];
    let closed = false;
    const deliver = (message: object): void => {
      if (closed) return;
      if (listener === undefined) waiting.push(message);
      else listener(message as never);
    };
    const port: ControlPort = {
      postMessage: () => undefined,
      on: (_event, callback) => {
        listener = callback;
        for (const message of waiting) owner.run(() => deliver(message));
        waiting = [];
      },
      close: () => (closed = true),
    };
    return { port, deliver };
  };
  const [one, other] = [end(ours), end(theirs)];
  const send =
    (to: typeof one, owner: Life) =>
    (message: object): void => {
      scheduler.after(1, () => owner.run(() => to.deliver(message)));
    };
  one.port.postMessage = send(other, theirs);
  other.port.postMessage = send(one, ours);
  return [one.port, other.port];
}
