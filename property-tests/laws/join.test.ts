// Point-in-time joins against a naive scan: each label gets the newest row of its sensor that was
// known at its time, and no label is lost or moved.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { joinLabels, type LabelJoin } from '../../src/queries/join.ts';
import type { QuerySources } from '../../src/queries/query.ts';
import { runs, titled } from '../seed.ts';

const view = 'sensor_features';
const delayMs = 5;
const baseMs = Date.parse('2026-01-31T23:59:59.900Z');

interface Row {
  readonly sensorId: string;
  readonly endMs: number;
  readonly mean: number;
}

interface Label {
  readonly sensorId: string;
  /** Microseconds since 1970, the finest that the engine reads from CSV. */
  readonly us: number;
}

// Few sensors and moments, so that labels meet rows at the same millisecond, and just beside it.
const sensorId = fc.constantFrom('a', 'b', 'Ä,"');
const moment = fc.integer({ min: 0, max: 60 }).map((ms) => baseMs + ms);
const rowOf: fc.Arbitrary<Row> = fc.record({
  ...{ sensorId, endMs: moment },
  // JSON writes −0 as 0.
  mean: fc.double({ noNaN: true, noDefaultInfinity: true }).map((mean) => mean + 0),
});
const labelOf: fc.Arbitrary<Label> = fc.record({
  sensorId: fc.oneof({ weight: 5, arbitrary: sensorId }, fc.constant('unknown')),
  us: fc.tuple(moment, fc.constantFrom(0, 0, 1, 999)).map(([ms, fraction]) => ms * 1000 + fraction),
});
// One row of a sensor and window, as the topic has it.
const rowsOf = fc.uniqueArray(rowOf, {
  maxLength: 40,
  selector: ({ sensorId: id, endMs }) => `${id} ${endMs}`,
});

describe('a join', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-join-law-'));
  let log: EventLog;
  beforeAll(() => {
    log = openEmbeddedLog({ dataDir: folder, clock: systemClock, logger: createLogger('fatal') });
  });
  afterAll(async () => {
    await log.close();
    rmSync(folder, { recursive: true });
  });

  it(
    titled('gives each label the newest row known at its time, and keeps every label'),
    async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(
          rowsOf,
          fc.array(labelOf, { maxLength: 30 }),
          fc.constantFrom('available' as const, 'event' as const),
          fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
          async (rows, labels, at, maxAgeMs) => {
            const topic = `rows-${(number += 1)}`;
            await appendRows(log, topic, rows);
            const labelFile = join(folder, 'labels.csv');
            writeFileSync(labelFile, csvOf(labels));
            const path = join(folder, 'joined.json');
            const options: LabelJoin = {
              ...{ at, path, format: 'json', names: 'short', maxAgeMs: () => maxAgeMs },
              labels: { kind: 'file', path: labelFile, format: 'csv' },
              features: [{ view, name: 'avg_value' }],
            };

            const report = await joinLabels(options, sourcesOf(log, topic), {
              ...{ threads: 1, memoryMb: 256, signal: new AbortController().signal },
            });

            const joined = JSON.parse(readFileSync(path, 'utf8')) as { avg_value: number | null }[];
            const expected = labels.map((label) => newestOf(rows, label, at, maxAgeMs));
            expect(joined.map(({ avg_value: mean }) => mean)).toEqual(expected);
            expect(report.labels).toBe(labels.length);
            expect(report.found.get(view)).toBe(expected.filter((mean) => mean !== null).length);
          },
        ),
        runs(40),
      );
    },
  );
});

function newestOf(
  rows: readonly Row[],
  { sensorId: id, us }: Label,
  at: 'available' | 'event',
  maxAgeMs: number | undefined,
): number | null {
  const known = rows
    .filter(({ sensorId: other }) => other === id)
    .filter(({ endMs }) => (at === 'event' ? endMs : endMs + delayMs) * 1000 <= us)
    .filter(({ endMs }) => maxAgeMs === undefined || us - endMs * 1000 <= maxAgeMs * 1000)
    .sort((a, b) => b.endMs - a.endMs);
  return known[0]?.mean ?? null;
}

function csvOf(labels: readonly Label[]): string {
  const lines = labels.map(({ sensorId: id, us }, index) => {
    const [seconds] = new Date(Math.floor(us / 1000)).toISOString().split('.');
    const fraction = String(us % 1_000_000).padStart(6, '0');
    return `${index},"${id.replaceAll('"', '""')}",${seconds}.${fraction}Z`;
  });
  return ['label,sensor_id,event_timestamp', ...lines, ''].join('\n');
}

async function appendRows(log: EventLog, topic: string, rows: readonly Row[]): Promise<void> {
  await log.ensureTopics([{ topic, partitions: 1 }]);
  if (rows.length === 0) return;
  await log.append(
    rows.map(({ sensorId: id, endMs, mean }) => ({
      ...{ topic, partition: 0, key: Buffer.from(id), headers: [] },
      value: Buffer.from(
        JSON.stringify({
          ...{ sensor_id: id, window_start: endMs - 1, window_end: endMs },
          event_time: new Date(endMs).toISOString(),
          features: { avg_value: mean },
          lineage: { topic: 'raw', partition: 0, first_offset: 0, last_offset: 0 },
        }),
      ),
    })),
  );
}

function sourcesOf(log: EventLog, topic: string): QuerySources {
  const fail = (): never => {
    throw new Error('nothing is wrong with these rows');
  };
  return {
    views: [
      {
        ...{ topic, view, stored: undefined, availableAfterMs: delayMs },
        features: [{ name: 'avg_value', type: 'Float64' }],
      },
    ],
    anomalies: { topic: 'none', view: 'none' },
    live: { log, signal: new AbortController().signal, onBadRecord: fail, onGap: fail },
  };
}
