// Health, metrics and the tree while the only broker is gone, on a Kafka and a Redis of the
// test's own: never better than it is.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { SupervisorTree } from '../../src/supervisor/supervisor-view.ts';
import { startOwnServices, type OwnServices } from './own-services.ts';
import { openTestLog } from './peers.ts';
import { feedSteadily, partitions, planOf, Programs } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics } from './topics.ts';

const available = inject('kafkaBrokers') !== '' && inject('redisUrl') !== '';

interface Seen {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly tree: SupervisorTree;
  readonly metrics: string;
}

async function look({ url }: Program): Promise<Seen> {
  const health = await fetch(`${url}/health/ready`);
  const { reasons } = (await health.json()) as { reasons: string[] };
  const tree = (await (await fetch(`${url}/supervisor`)).json()) as SupervisorTree;
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return { ready: health.status === 200, reasons, tree, metrics };
}

/** The value of each series of a metric, by its labels; phases and threads are not told apart. */
function series(metrics: string, name: string): ReadonlyMap<string, number> {
  const lines = metrics.matchAll(new RegExp(`^sensorium_${name}(\\{.*\\})? (\\S+)$`, 'gm'));
  return new Map([...lines].map(([, labels = '', value]) => [labels, Number(value)]));
}

const total = (values: ReadonlyMap<string, number>): number =>
  [...values.values()].reduce((sum, value) => sum + value, 0);

describe.skipIf(!available)('while the broker is gone', () => {
  let services: OwnServices;
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    services = await startOwnServices(mkdtempSync(join(tmpdir(), 'sensorium-services-')));
    log = await openTestLog(services.brokers);
  });
  afterAll(async () => {
    await log.close();
    await services.stop();
  });
  afterEach(() => programs.killAll());

  it('nothing is ready, and everything known stays known, with its age', async () => {
    const topics = await createTestTopics(log, services.brokers, partitions);
    const records = makeReadings(planOf(topics, 9_000));
    const program = await programs.start(topics, { REDIS_URL: services.redisUrl });
    await program.ready();
    await feedSteadily(log, records, 4_000);
    const before = await eventually(
      async () => {
        const seen = await look(program);
        expect(seen.tree.totals.readings).toBeGreaterThan(8_000);
        return seen;
      },
      { timeoutMs: 30_000 },
    );
    expect(before.ready).toBe(true);
    expect(total(series(before.metrics, 'ready'))).toBe(1);

    services.signal('kafka', 'SIGKILL');
    // Heartbeats and fetches are given up after seconds, not at once.
    await eventually(async () => expect((await look(program)).ready).toBe(false), {
      timeoutMs: 10_000,
    });
    for (let polls = 0; polls < 10; polls += 1) {
      const { ready, reasons, tree, metrics } = await look(program);
      expect({ ready, reasons: reasons.length > 0 }).toEqual({ ready: false, reasons: true });
      expect(tree.totals.sensors).toBe(before.tree.totals.sensors);
      expect(tree.totals.readings).toBeGreaterThanOrEqual(before.tree.totals.readings);
      for (const name of ['lag_records', 'watermark_delay_seconds', 'sensors']) {
        const [now, then] = [series(metrics, name), series(before.metrics, name)];
        expect([...now.keys()].sort()).toEqual([...then.keys()].sort());
      }
      expect(total(series(metrics, 'ready'))).toBe(0);
      await sleep(1_000);
    }
    const late = await look(program);
    expect(Math.min(...series(late.metrics, 'shard_known_age_seconds').values())).toBeGreaterThan(
      9,
    );
    expect(late.tree.projector.connected).toBe(false);

    await services.start('kafka');
    await program.ready();
    const after = await look(program);
    expect(after.tree.totals.sensors).toBe(before.tree.totals.sensors);
    expect(after.tree.totals.readings).toBeGreaterThanOrEqual(before.tree.totals.readings);
  }, 240_000);

  it('readings that wait for a shard to recover are lag at every look', async () => {
    const topics = await createTestTopics(log, services.brokers, partitions);
    const records = makeReadings(planOf(topics, 6_000));
    const program = await programs.start(topics, { REDIS_URL: services.redisUrl });
    await program.ready();
    await feedSteadily(log, records.slice(0, 3_000), 1_000);
    await eventually(async () => expect((await look(program)).tree.totals.lag).toBe(0), {
      timeoutMs: 30_000,
    });
    program.signal('SIGSTOP');
    await feedSteadily(log, records.slice(3_000), 500);
    services.signal('kafka', 'SIGKILL');
    program.signal('SIGCONT');
    await sleep(8_000);

    await services.start('kafka');
    const lags: number[] = [];
    await eventually(
      async () => {
        const { ready, metrics, tree } = await look(program);
        lags.push(total(series(metrics, 'lag_records')));
        expect(ready && tree.totals.readings > 5_500).toBe(true);
      },
      { timeoutMs: 60_000 },
    );

    expect(Math.max(...lags)).toBeGreaterThan(0);
  }, 240_000);
});
