import { MessageChannel, type MessagePort } from 'node:worker_threads';

import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  type AnySensoriumError,
  ConfigError,
  InvariantError,
  UnavailableError,
} from '../../src/errors.ts';
import { SupervisedThread, type ThreadEvent } from '../../src/supervisor/supervised-thread.ts';
import { ManualClock } from './manual-clock.ts';
import { keepingLogger } from './keeping-logger.ts';

interface Command {
  readonly type: string;
}

/** The thread's end of each control channel, so that a test can act as the thread. */
interface Played {
  readonly port: MessagePort;
  end(): void;
  fail(error: unknown): void;
}

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

const restart = { restartsMax: 2, periodMs: 60_000, backoff: { firstMs: 100, maxMs: 1_000 } };

function play(): {
  clock: ManualClock;
  threads: Played[];
  thread: SupervisedThread<Command, ThreadEvent>;
  gaveUp: AnySensoriumError[];
} {
  const clock = new ManualClock();
  const threads: Played[] = [];
  const gaveUp: AnySensoriumError[] = [];
  const thread = new SupervisedThread<Command, ThreadEvent>({
    name: 'worker 0',
    clock,
    logger: keepingLogger(),
    restart,
    silentTicksMax: 3,
    onEvent: () => undefined,
    onEnded: () => undefined,
    onRestart: () => undefined,
    onGaveUp: (error) => gaveUp.push(error),
    start() {
      const { port1, port2 } = new MessageChannel();
      open.push(port1, port2);
      let end: () => void = () => undefined;
      let fail: (error: unknown) => void = () => undefined;
      const ended = new Promise<void>((resolve, reject) => {
        end = resolve;
        fail = reject;
      });
      threads.push({ port: port2, end, fail });
      return { port: port1, ended, terminate: () => fail(new Error('aborted')) };
    },
  });
  thread.begin();
  return { clock, threads, thread, gaveUp };
}

const state = (thread: SupervisedThread<Command, ThreadEvent>): string => thread.view().state;

/** Resolves once all pending promises and messages are delivered. */
const becomes = (thread: SupervisedThread<Command, ThreadEvent>, wanted: string): Promise<void> =>
  vi.waitFor(() => expect(state(thread)).toBe(wanted), { interval: 1 });

describe('a supervised thread', () => {
  it('is running once it reports so', async () => {
    const { threads, thread } = play();

    expect(state(thread)).toBe('starting');
    threads[0]?.port.postMessage({ type: 'running' });

    await becomes(thread, 'running');
  });

  it('is restarted after a crash, later each time, and given up beyond the limit', async () => {
    const { clock, threads, thread, gaveUp } = play();
    const delays: number[] = [];

    for (const crash of [0, 1]) {
      threads[crash]?.fail(new InvariantError(`bug ${crash}`));
      await becomes(thread, 'backing-off');
      delays.push(...clock.delays());
      clock.advance(1_000);
      expect(state(thread)).toBe('starting');
    }
    threads[2]?.fail(new InvariantError('bug 2'));
    await becomes(thread, 'failed');

    expect(delays).toEqual([100, 200]);
    expect(threads.length).toBe(3);
    expect(gaveUp.map(({ message }) => message)).toEqual([
      'worker 0 failed 3 times within 60 s, last: bug 2',
    ]);
  });

  it('is given up at once, with its own message, when the configuration is wrong', async () => {
    const { clock, threads, thread, gaveUp } = play();
    const error = new ConfigError('WINDOW_MS differs from the snapshot');

    threads[0]?.fail(error);
    await becomes(thread, 'failed');

    expect(gaveUp).toEqual([error]);
    expect(clock.delays()).toEqual([]);
  });

  it('is restarted without limit when a right that it ran with is taken away', async () => {
    const { clock, threads, thread, gaveUp } = play();
    threads[0]?.port.postMessage({ type: 'running' });
    await becomes(thread, 'running');

    for (let failure = 0; failure < 8; failure += 1) {
      threads[failure]?.fail(new ConfigError('User:u lacks Read on group g'));
      await becomes(thread, 'backing-off');
      expect(thread.view().lastError?.message).toMatch(/lacks Read/);
      clock.advance(1_000);
    }

    expect(gaveUp).toEqual([]);
  });

  it('is restarted without limit while a peer is away: that is not its own failure', async () => {
    const { clock, threads, thread, gaveUp } = play();
    const delays: number[] = [];

    for (let failure = 0; failure < 8; failure += 1) {
      threads[failure]?.fail(new UnavailableError('no broker'));
      await becomes(thread, 'backing-off');
      delays.push(...clock.delays());
      clock.advance(1_000);
    }

    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000]);
    expect(gaveUp).toEqual([]);
  });

  it('counts as failed when its task ends unexpectedly', async () => {
    const { threads, thread } = play();

    threads[0]?.end();
    await becomes(thread, 'backing-off');

    expect(thread.view().lastError?.message).toBe('worker 0 ended unexpectedly');
  });

  it('is terminated and restarted when it reports nothing for too many beats', async () => {
    const { threads, thread } = play();
    threads[0]?.port.postMessage({ type: 'running' });
    await becomes(thread, 'running');

    for (let beat = 0; beat < 3; beat += 1) thread.tick();
    expect(state(thread)).toBe('running');
    thread.tick();
    await becomes(thread, 'backing-off');

    expect(thread.view().lastError?.message).toBe('worker 0 reported nothing for 4 beats');
  });

  it('stops when drained, and is not restarted', async () => {
    const { clock, threads, thread } = play();
    threads[0]?.port.postMessage({ type: 'running' });
    await becomes(thread, 'running');
    threads[0]?.port.on('message', () => threads[0]?.end());

    const drained = await thread.drain({ type: 'drain' }, 1_000);

    expect([drained, state(thread), threads.length]).toEqual([true, 'stopped', 1]);
    expect(clock.delays()).toEqual([]);
  });

  it('is terminated when it does not drain in time', async () => {
    const { clock, threads, thread } = play();
    const draining = thread.drain({ type: 'drain' }, 1_000);

    clock.advance(1_000);

    expect(await draining).toBe(false);
    await becomes(thread, 'failed');
    expect(thread.view().lastError?.message).toBe('worker 0 was still busy after 1000 ms');
    expect(threads.length).toBe(1);
  });

  it('is not restarted when it is stopped during its backoff', async () => {
    const { clock, threads, thread } = play();
    threads[0]?.fail(new InvariantError('bug'));
    await becomes(thread, 'backing-off');

    const drained = await thread.drain({ type: 'drain' }, 1_000);
    // A timer that is not cancelled would keep the process alive.
    expect(clock.delays()).toEqual([]);
    clock.advance(10_000);

    expect([drained, state(thread), threads.length]).toEqual([true, 'stopped', 1]);
  });

  it('rejects pending requests at once when the thread ends', async () => {
    const { threads, thread } = play();
    const question = thread.ask('metrics', () => ({ type: 'metrics' }), 1_000);

    threads[0]?.fail(new InvariantError('bug'));

    await expect(question).rejects.toThrow('worker 0 ended before it answered');
  });
});
