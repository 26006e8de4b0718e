// A process whose wall clock is set, back and ahead by an hour, while it runs on a real group (fault 70): it stays the
// member it was for longer than the session timeout, folds on, and its rows equal the model's.
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from './peers.ts';
import { feedSteadily, partitions, planOf, Programs, settle } from './pipeline.ts';
import type { Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const preload = join(import.meta.dirname, 'threads/step-clock.cjs');
const hourMs = 3_600_000;
/** More than the session timeout of six seconds and what a group then needs to notice. */
const watchedMs = 9_000;

describe.skipIf(brokers === '' || redisUrl === '')('a wall clock that is set', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('back and ahead by an hour takes no member out of its group, and changes no row', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const parts = [0, 1, 2].map((part) => records.slice(part * 6_000, (part + 1) * 6_000));
    const clock = join(mkdtempSync(join(tmpdir(), 'sensorium-clock-')), 'step');
    const program = await programs.start(topics, {
      REDIS_URL: redisUrl,
      NODE_OPTIONS: `--require ${preload}`,
      CLOCK_STEP: clock,
    });
    await program.ready();
    const joined = linesOf(program, 'joined the group');

    for (const [at, stepMs] of [-hourMs, hourMs, 0].entries()) {
      setClock(clock, stepMs);
      await feedSteadily(log, parts[at] ?? [], watchedMs);
    }
    await settle(log, topics, programs);

    expect(linesOf(program, 'joined the group')).toBe(joined);
    expect(program.output()).not.toMatch(/lost the group session|joining the group/);
    expect(await fencesOf(program)).toBe(0);
    expect(await program.stop()).toBe(0);
  });
});

/** Whole at once: the program may look at any moment. */
function setClock(file: string, stepMs: number): void {
  writeFileSync(`${file}.next`, String(stepMs));
  renameSync(`${file}.next`, file);
}

function linesOf(program: Program, message: string): number {
  return program.output().split(`"msg":"${message}"`).length - 1;
}

async function fencesOf({ url }: Program): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = text.matchAll(/^sensorium_fences_total(?:\{[^}]*\})? (\d+)/gm);
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}
