// POST /readings at the built program: what was answered survives kill -9, on the embedded log and
// on Kafka, and is folded where it lies.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { openTestLog } from '../integration/peers.ts';
import { eventually, startProgram, type Program } from '../integration/program.ts';
import { createTestTopics, readTopic } from '../integration/topics.ts';

const brokers = inject('kafkaBrokers');
const env = { HTTP_WRITE_TOKEN: 'w' };

async function post(program: Program, body: string): Promise<number> {
  const response = await fetch(`${program.url}/readings`, {
    ...{ method: 'POST', body, headers: { authorization: 'Bearer w' } },
  });
  return response.status;
}

const bodyOf = (batch: number): string =>
  Array.from({ length: 20 }, (_, index) =>
    JSON.stringify({ sensor_id: `s-${batch}-${index}`, timestamp: Date.now(), value: batch }),
  ).join('\n');

const idsIn = async (log: EventLog, topic: string): Promise<ReadonlySet<string | null>> =>
  new Set([...(await readTopic(log, topic)).values()].flat().map(({ key }) => key));

/** Posts from several clients until the program is killed under them; returns what was answered. */
async function postUntilKilled(program: Program): Promise<readonly string[]> {
  const answered: string[] = [];
  let batch = 0;
  const client = async (): Promise<void> => {
    for (;;) {
      const own = (batch += 1);
      // A refused connection: the program is gone.
      const status = await post(program, bodyOf(own)).catch(() => 0);
      if (status !== 200) return;
      answered.push(...Array.from({ length: 20 }, (_, index) => `s-${own}-${index}`));
      if (own === 40) await program.kill();
    }
  };
  await Promise.all([client(), client(), client(), client()]);
  return answered;
}

describe('posted readings', () => {
  it('that were answered are in the embedded log after kill -9, and a new start folds them', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-posted-'));
    const settings = { ...env, DATA_DIR: dataDir, SIMULATED_SENSORS: '0' };
    const program = await startProgram(settings);
    await program.ready();

    const answered = await postUntilKilled(program);

    const logger = createLogger('fatal');
    const log = openEmbeddedLog({ dataDir, clock: systemClock, logger, access: 'read' });
    const kept = await idsIn(log, 'raw_readings');
    await log.close();
    expect(answered.length).toBeGreaterThan(500);
    expect(answered.filter((id) => !kept.has(id))).toEqual([]);

    const next = await startProgram(settings);
    try {
      await eventually(
        async () => {
          const { status } = await fetch(`${next.url}/sensors/${answered.at(-1)}`);
          expect(status).toBe(200);
        },
        { timeoutMs: 20_000, onTimeout: () => next.output() },
      );
    } finally {
      await next.kill();
    }
  });

  it.skipIf(brokers === '')(
    'that were answered are in Kafka after kill -9, keyed by their sensors',
    async () => {
      const log = await openTestLog(brokers);
      const topics = await createTestTopics(log, brokers, 4);
      const program = await startProgram({ ...env, ...topics.env });
      await program.ready();

      const answered = await postUntilKilled(program);

      const kept = await idsIn(log, topics.input);
      expect(answered.length).toBeGreaterThan(500);
      expect(answered.filter((id) => !kept.has(id))).toEqual([]);
      await log.close();
    },
  );
});
