// `join` beside the real Feast SDK, on one history and one set of labels: where both answer, the
// bits are equal, and Feast on DuckDB answers wherever join does.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, inject, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import { cli, freshDataDir } from '../cli/captured-cli.ts';
import { openFeastSdk } from './feast-sdk.ts';

const server = inject('redisUrl');
const python = inject('feastPython');

const hourMs = 3_600_000;
const baseMs = Date.parse('2026-01-31T20:00:00Z');
const sensors = ['a', 'b', 'c', 'sensor-ä', '42'];
const names = defaultFeatures.map(({ name }) => name);

interface Moment {
  readonly sensor_id: string;
  readonly event_time_ms: number;
}

describe.skipIf(server === '' || python === '')('join beside the Feast SDK', () => {
  // Feast reads its files for every label: a minute on free cores.
  it('gives every label what Feast gives it, bit for bit', { timeout: 400_000 }, async () => {
    const random = sequence(20_260_131);
    const feast = await openFeastSdk(python, `${server}/11`);
    try {
      const env = { DATA_DIR: freshDataDir(), WATERMARK_DELAY_MS: '5000' };
      await appendRows(env.DATA_DIR, random);
      const daily = await cli(['export', '--daily', '--out', feast.historyFolder], env);
      expect(daily.exitCode, daily.err).toBe(0);
      const moments = someMoments(random);

      for (const at of ['available', 'event'] as const) {
        const theirs = await feast.join(moments, 'sensor_features', at);
        const ours = await joined(moments, [
          ...['--at', at, '--history', feast.historyFolder, '--no-live'],
        ]);

        let [answered, lost] = [0, 0];
        for (const [index, values] of theirs.entries()) {
          // Where one label has no row, Feast's whole numbers become doubles, and nulls NaN.
          const numbers = names.map((name) => Number(values[name] ?? NaN));
          const own = names.map((name) => ours[index]?.[name]);
          if (numbers.every(Number.isNaN)) lost += own[0] === null ? 0 : 1;
          else expect(own, JSON.stringify(moments[index])).toEqual(numbers);
          if (!numbers.every(Number.isNaN)) answered += 1;
        }
        expect(lost).toBe(0);
        expect(ours).toHaveLength(moments.length);
        expect(answered).toBeGreaterThan(1_000);
      }
    } finally {
      feast.close();
    }
  });
});

/** Rows each minute, with pauses, over a midnight. */
async function appendRows(dataDir: string, random: () => number): Promise<void> {
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  await log.ensureTopics([{ topic: 'sensor_features', partitions: 1 }]);
  for (const id of sensors) {
    const windows = Array.from({ length: 600 }, (_, minute) => minute).filter(
      (minute) => random() < 0.8 && (minute < 200 || minute > 400),
    );
    await log.append(
      windows.map((minute) => {
        const endMs = baseMs + minute * 60_000;
        const features = names.map((name): [string, number] => [
          name,
          name.startsWith('count') || name === 'anomaly_count'
            ? Math.floor(random() * 100)
            : (random() - 0.5) * 10 ** Math.floor(random() * 20),
        ]);
        return {
          ...{ topic: 'sensor_features', partition: 0, key: Buffer.from(id), headers: [] },
          value: Buffer.from(
            JSON.stringify({
              ...{ sensor_id: id, window_start: endMs - 60_000, window_end: endMs },
              event_time: new Date(endMs).toISOString(),
              features: Object.fromEntries(features),
              lineage: { topic: 'raw', partition: 0, first_offset: 0, last_offset: 0 },
            }),
          ),
        };
      }),
    );
  }
  await log.close();
}

/** Some at a row's exact time and beside it, others anywhere; each sensor and moment once. */
function someMoments(random: () => number): readonly Moment[] {
  const moments = new Map<string, Moment>();
  while (moments.size < 2_000) {
    const sensor_id = sensors[Math.floor(random() * sensors.length)] ?? '';
    const minute = Math.floor(random() * 800) - 50;
    const offsets = [-1, 0, 1, 4_999, 5_000, 5_001, 2 * hourMs, 2 * hourMs + 1];
    const anywhere = Math.floor(random() * 60_000);
    const offset = random() < 0.5 ? anywhere : (offsets[Math.floor(random() * 8)] ?? 0);
    const event_time_ms = baseMs + minute * 60_000 + offset;
    moments.set(`${sensor_id} ${event_time_ms}`, { sensor_id, event_time_ms });
  }
  return [...moments.values()];
}

async function joined(
  moments: readonly Moment[],
  flags: readonly string[],
): Promise<readonly Record<string, unknown>[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-join-feast-'));
  const labels = join(folder, 'labels.csv');
  const lines = moments.map(({ sensor_id: id, event_time_ms: ms }) => {
    return `${id},${new Date(ms).toISOString()}`;
  });
  writeFileSync(labels, ['sensor_id,event_timestamp', ...lines, ''].join('\n'));
  const out = join(folder, 'train.json');
  const { exitCode, err } = await cli(['join', '--labels', labels, ...flags, '--out', out]);
  expect(exitCode, err).toBe(0);
  return JSON.parse(readFileSync(out, 'utf8')) as Record<string, unknown>[];
}

/** A generator of numbers from 0 to 1 (mulberry32), the same in each run. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
