// Readings that their producers hold back while the only broker is away are not late: the silence
// of an outage is nobody's. On a Kafka of the test's own.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import type { SupervisorTree } from '../../src/supervisor/supervisor-view.ts';
import { startOwnServices, type OwnServices } from './own-services.ts';
import { openTestLog } from './peers.ts';
import { Programs } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { createTestTopics } from './topics.ts';

const available = inject('kafkaBrokers') !== '' && inject('redisUrl') !== '';

async function totalsOf({ url }: Program): Promise<SupervisorTree['totals']> {
  const tree = (await (await fetch(`${url}/supervisor`)).json()) as SupervisorTree;
  return tree.totals;
}

describe.skipIf(!available)('a partition whose producers buffer through an outage', () => {
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

  it('is not closed by the wall clock before they had time to deliver', async () => {
    const topics = await createTestTopics(log, services.brokers, 1);
    const reading = (timestamp: number): OutputRecord => ({
      topic: topics.input,
      partition: 0,
      key: Buffer.from('a'),
      value: Buffer.from(JSON.stringify({ sensor_id: 'a', timestamp, value: 1 })),
    });
    const program = await programs.start(topics, {
      ...{ REDIS_URL: services.redisUrl, WORKERS: '1' },
      ...{ WINDOW_MS: '1000', WATERMARK_DELAY_MS: '1000', IDLE_TIMEOUT_MS: '6000' },
    });
    await program.ready();
    const lastMs = Date.now();
    for (let i = 9; i >= 0; i -= 1) await log.append([reading(lastMs - i * 100)]);
    await eventually(async () => expect((await totalsOf(program)).readings).toBe(10), {
      timeoutMs: 30_000,
    });

    services.signal('kafka', 'SIGKILL');
    // Longer than IDLE_TIMEOUT_MS.
    await sleep(9_000);
    await services.start('kafka');
    await program.ready();
    // Readings taken while the broker was away arrive now, in the order they were taken.
    for (let i = 1; i <= 20; i += 1) await log.append([reading(lastMs + i * 400)]);

    await eventually(
      async () => {
        const { readings, deadLetters } = await totalsOf(program);
        expect(readings + deadLetters).toBe(30);
      },
      { timeoutMs: 30_000 },
    );
    expect((await totalsOf(program)).deadLetters).toBe(0);
  }, 180_000);
});
