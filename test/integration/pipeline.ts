// Shared set-up of the integration tests: settings that let windows close within seconds, a steady
// feed, and the wait until what is committed equals the model.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { eventually, startProgram, type Program } from './program.ts';
import type { ReadingsPlan } from './readings.ts';
import {
  outcomeDifferences,
  readOutcome,
  type Outcome,
  type TestSettings,
  type TestTopics,
} from './topics.ts';

export const partitions = 4;

export const semantics = {
  windowMs: 10_000,
  watermarkDelayMs: 2_000,
  maxAheadMs: 300_000,
  fastClocks: 'hold' as const,
  baseline: 'cumulative' as const,
  baselineHalfLife: 4_000,
  alarmRest: 'calm' as const,
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  sensorsMax: 1_000_000,
  inputKeying: 'auto' as const,
};

export const semanticsEnv = {
  WINDOW_MS: '10000',
  WATERMARK_DELAY_MS: '2000',
  IDLE_TIMEOUT_MS: '2000',
  BASELINE: 'cumulative',
  SENSORS_MAX: '1000000',
};

/** The programs of one test file; `killAll` after each test leaves none behind. */
export class Programs {
  #running: Program[] = [];

  async start(
    topics: TestTopics,
    env: Readonly<Record<string, string>>,
    options: Parameters<typeof startProgram>[1] = {},
  ): Promise<Program> {
    const settings = { ...semanticsEnv, SNAPSHOT_INTERVAL_MS: '3000', WORKERS: '2' };
    const program = await startProgram({ ...settings, ...topics.env, ...env }, options);
    this.#running.push(program);
    return program;
  }

  async killAll(): Promise<void> {
    for (const program of this.#running) await program.kill();
    this.#running = [];
  }

  /** The end of what each printed. */
  output(): string {
    return this.#running.map((program) => program.output().slice(-4_000)).join('\n');
  }
}

/** Returns a plan of ten minutes of event time that end now. */
export function planOf(topics: TestTopics, readings: number): ReadingsPlan {
  const nowMs = Date.now();
  return {
    topic: topics.input,
    sensors: 64,
    readings,
    fromMs: nowMs - 600_000,
    toMs: nowMs,
    disorderMs: 1_900,
    late: 0.01,
    bad: 0.005,
    unkeyed: 0,
    partitions,
    seed: 7,
  };
}

/** Appends the records at an even pace over `overMs`, so that faults hit a working pipeline. */
export async function feedSteadily(
  log: EventLog,
  records: readonly OutputRecord[],
  overMs: number,
): Promise<void> {
  const steps = 60;
  const size = Math.ceil(records.length / steps);
  for (let step = 0; step < steps; step += 1) {
    const part = records.slice(step * size, (step + 1) * size);
    if (part.length > 0) await log.append(part);
    await sleep(overMs / steps);
  }
}

/** Resolves with what is committed once it equals the model. @throws the differences after `timeoutMs`. */
export function settle(
  log: EventLog,
  topics: TestTopics,
  programs: Programs,
  options: { readonly timeoutMs?: number; readonly settings?: Partial<TestSettings> } = {},
): Promise<Outcome> {
  return eventually(
    async () => {
      const outcome = await readOutcome(log, topics, { ...semantics, ...options.settings });
      const differences = outcomeDifferences(outcome);
      if (differences.length === 0) return outcome;
      throw new Error(`${differences.length}: ${differences.slice(0, 10).join('\n')}`);
    },
    { timeoutMs: options.timeoutMs ?? 90_000, onTimeout: () => programs.output() },
  );
}

/** Returns each sensor's last feature row. */
export function lastRows({ rows }: Pick<Outcome, 'rows'>): Map<string, Outcome['rows'][number]> {
  const last = new Map<string, Outcome['rows'][number]>();
  for (const row of rows) {
    const known = last.get(row.sensor_id);
    if (known === undefined || known.window_end < row.window_end) last.set(row.sensor_id, row);
  }
  return last;
}

/** Expects the store to hold each sensor's last row in `view`, soon. */
export async function expectLastRows(
  store: FeatureStore,
  outcome: Pick<Outcome, 'rows'>,
  view?: string,
): Promise<void> {
  const last = lastRows(outcome);
  const sensorIds = [...last.keys()];
  const wanted = [...last.values()].map((row) => ({
    eventTimeMs: row.window_end,
    values: row.features,
  }));
  let found: Awaited<ReturnType<FeatureStore['read']>> = [];
  await eventually(
    async () => {
      found = await store.read(sensorIds, view);
      expect(found).toEqual(wanted);
    },
    {
      timeoutMs: 60_000,
      onTimeout: () =>
        sensorIds
          .map((id, at) => ({ id, is: found[at]?.eventTimeMs, wanted: wanted[at]?.eventTimeMs }))
          .filter(({ is, wanted: end }) => is !== end)
          .map((row) => JSON.stringify(row))
          .join('\n'),
    },
  );
}
