import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { HeartbeatWaiters } from '../../../src/log/kafka/heartbeat-waiters.ts';
// Loads kafkajs as the adapter does.
import '../../../src/log/kafka/internals.ts';
import {
  clientNowMs,
  filesThatMeasureTime,
  filesThatTellTime,
  withMonotonicDate,
} from '../../../src/log/kafka/monotonic-date.ts';

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve('kafkajs/package.json'));
const hourMs = 3_600_000;

interface ConsumerGroup {
  memberId: string;
  coordinator: { heartbeat(payload: object): Promise<void> };
  lastRequest: number;
  heartbeat(options: { interval: number }): Promise<void>;
}

describe('the time of kafkajs', () => {
  afterEach(() => void vi.useRealTimers());

  it('is decided on for every file of it that names Date', () => {
    const named = readdirSync(join(folder, 'src'), { recursive: true })
      .map((path) => `src/${String(path)}`)
      .filter((path) => path.endsWith('.js') && !path.includes('spec'))
      .filter((path) =>
        /^(?!\s*(?:\/\/|\*)).*\bDate\b/m.test(readFileSync(join(folder, path), 'utf8')),
      );

    expect([...filesThatMeasureTime, ...filesThatTellTime].sort()).toEqual(named.sort());
  });

  it.each([-hourMs, hourMs])('does not move when the wall clock is set by %d ms', (stepMs) => {
    const InstrumentationEvent = require('kafkajs/src/instrumentation/event') as new (
      type: string,
    ) => { readonly timestamp: number };
    const before = clientNowMs();

    setClock(stepMs);
    const { timestamp } = new InstrumentationEvent('consumer.heartbeat');

    expect(timestamp - before).toBeGreaterThanOrEqual(0);
    expect(timestamp - before).toBeLessThan(60_000);
  });

  it('lets a member send heartbeats after the wall clock was set back', async () => {
    const Group = require('kafkajs/src/consumer/consumerGroup') as new (
      options: object,
    ) => ConsumerGroup;
    const group = new Group({
      topics: [],
      topicConfigurations: {},
      assigners: [],
      logger: { namespace: () => ({}) },
      instrumentationEmitter: { emit: () => undefined },
    });
    let sent = 0;
    group.memberId = 'member';
    group.coordinator = { heartbeat: () => Promise.resolve(void (sent += 1)) };
    group.lastRequest -= 1_000;

    setClock(-hourMs);
    await group.heartbeat({ interval: 1_000 });

    expect(sent).toBe(1);
  });

  it('is the time by which heartbeats are told from those sent before', async () => {
    const waiters = new HeartbeatWaiters();
    const proved = waiters.afterNow();

    setClock(-hourMs);
    waiters.succeeded(clientNowMs() + 1);

    await expect(proved).resolves.toBeUndefined();
  });

  it('refuses to be fitted to a kafkajs that is loaded already', () => {
    const load = (): void => void require('kafkajs');

    expect(() => withMonotonicDate(require, load)).toThrow(/measures time in files that were/);
  });
});

function setClock(stepMs: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + stepMs });
}
