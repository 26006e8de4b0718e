// The audit over what histories with kills, silence and full disks left behind: nothing is found where nothing was
// touched, and whatever is touched afterwards is found and named.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { PositionMetadata } from '../../src/actors/position-metadata.ts';
import type { AuditRound } from '../../src/past/audit.ts';
import type { Finding } from '../../src/past/finding.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { runs, titled } from '../seed.ts';
import { runHistory, type HistoryPlan, type HistoryResult } from './history.ts';
import { auditBeside, auditOf, largerTopics, readOnlyStore, rowsOfAll } from './simulated-audit.ts';
import { placeOf } from './simulated-group.ts';
import { simulatedTopics } from './simulated-process.ts';

const plans: fc.Arbitrary<HistoryPlan> = fc.record({
  seed: fc.nat(0x7fffffff),
  partitions: fc.integer({ min: 1, max: 2 }),
  sensors: fc.integer({ min: 2, max: 4 }),
  readings: fc.integer({ min: 100, max: 300 }),
  holes: fc.constantFrom(0, 0.05),
  unkeyed: fc.constantFrom(0, 0.3),
  bad: fc.constant(0.05),
  late: fc.constant(0.1),
  callFaults: fc.constant(0),
  diskFaults: fc.constantFrom(0, 0.3),
  diskLists: fc.boolean(),
  processes: fc.constantFrom(1, 2),
  workers: fc.constant(1),
  events: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      process: fc.nat(3),
      kind: fc.constantFrom('kill' as const, 'drain' as const, 'freeze' as const),
    }),
    { maxLength: 3 },
  ),
  crashes: fc.constant([]),
  traps: fc.constantFrom(0, 0.05),
  commands: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      process: fc.nat(3),
      sensor: fc.nat(5),
      name: fc.constantFrom('quarantine' as const, 'release' as const, 'reset' as const),
    }),
    { maxLength: 4 },
  ),
  silence: fc.constantFrom(0, 0.4),
  inputKeying: fc.constant('auto' as const),
  sensorTtlMs: fc.constantFrom(Infinity, 15_000),
  baseline: fc.constantFrom('cumulative' as const, 'adaptive' as const),
  clientTime: fc.constant('monotonic' as const),
  commitBytesMax: fc.constantFrom(1, 1_500, undefined),
});

describe('an audit', () => {
  it(
    titled('of a history with kills and full disks finds nothing, and names what is touched'),
    async () => {
      const marks = { histories: 0, journals: 0, quarantines: 0 };
      await fc.assert(
        fc.asyncProperty(plans, fc.nat(), async (plan, pick) => {
          const result = await runHistory(plan);
          const rows = rowsOf(result);
          const touched = rows[pick % rows.length];
          if (touched === undefined) return;
          marks.histories += 1;
          marks.quarantines += quarantinesOf(result);

          const clean = await audit(plan, result, newest(rows));
          const windows =
            rows.length + largerTopics(plan).flatMap((topic) => rowsOf(result, topic)).length;
          expect(clean).toMatchObject({ windows, findings: [], unchecked: [] });

          await expectTouchedRows(plan, result, rows, touched);
          await expectTouchedStore(plan, result, rows, touched.row);
          marks.journals += await expectTouchedJournal(plan, result, rows);
        }),
        runs(8),
      );

      expect(Math.min(...Object.values(marks))).toBeGreaterThan(0);
    },
  );

  it(titled('that begins while a commit is out in part finds nothing'), async () => {
    let began = 0;
    const inParts = plans.map((plan) => ({ ...plan, commitBytesMax: 1 }));
    await fc.assert(
      fc.asyncProperty(inParts, fc.integer({ min: 1, max: 20 }), async (plan, part) => {
        const beside = auditBeside(plan, { intervalMs: 2_000, travelMs: 5 });
        let parts = 0;
        await runHistory(plan, (world) => {
          const { broker, scheduler } = world;
          const watched = broker.onCommit;
          broker.onCommit = (place, commit) => {
            watched(place, commit);
            const { partial } = JSON.parse(commit.metadata) as Partial<PositionMetadata>;
            if ((partial?.rows ?? 0) === 0 || ++parts !== part) return;
            began += 1;
            scheduler.after(1, () => void beside.begin(world));
          };
        });
        if (parts < part) return;
        await beside.end();

        expect(beside.findings).toEqual([]);
      }),
      runs(6),
    );

    expect(began).toBeGreaterThan(0);
  });

  it(
    titled('that goes on beside a history finds nothing, and compares each window that closes'),
    async () => {
      const marks = { rounds: 0, shardsLater: 0, windows: 0 };
      const begun = fc.record({
        // Most begin while the shards commit for the first time.
        atMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6_000 }), fc.nat(60_000)),
        intervalMs: fc.constantFrom(300, 3_000, 20_000),
        travelMs: fc.constantFrom(5, 100, 400),
      });
      await fc.assert(
        fc.asyncProperty(plans, begun, async (plan, { atMs, ...times }) => {
          const beside = auditBeside(plan, times);
          const { broker } = await runHistory(plan, (world) => {
            world.scheduler.after(atMs, () => void beside.begin(world));
          });
          await beside.end();

          const rows = rowsOfAll(plan, broker);
          const [least, most] = beside.rowsBefore;
          expect(beside.findings).toEqual([]);
          expect(beside.windows).toBeLessThanOrEqual(rows - least);
          expect(beside.windows).toBeGreaterThanOrEqual(rows - most);
          marks.rounds += beside.rounds;
          marks.shardsLater += beside.shardsLater;
          marks.windows += beside.windows;
        }),
        runs(25),
      );

      expect(Math.min(...Object.values(marks))).toBeGreaterThan(0);
    },
  );
});

function quarantinesOf({ broker }: HistoryResult): number {
  const journal = broker.partitions.get(`${simulatedTopics.journal}/0`) ?? [];
  return journal.filter(({ value }) => Buffer.from(value ?? []).includes('"quarantine"')).length;
}

interface PlacedRow {
  readonly row: FeatureRow;
  readonly partition: string;
  readonly offset: number;
}

async function expectTouchedRows(
  plan: HistoryPlan,
  result: HistoryResult,
  rows: readonly PlacedRow[],
  { row, partition, offset }: PlacedRow,
): Promise<void> {
  const list = result.broker.partitions.get(partition) ?? [];
  const index = list.findIndex((record) => record.offset === offset);
  const kept = list[index];
  if (kept === undefined) throw new Error('the row is in the topic');
  const { sensor_id, window_start } = row;
  const forged = { ...row, features: { ...row.features, avg_value: -1 } };
  const value = Buffer.from(JSON.stringify(forged));

  list[index] = { ...kept, value };
  const changed = await audit(plan, result, newest(rows));
  expect(changed.findings.filter(({ kind }) => kind === 'mismatch')).toEqual([
    expect.objectContaining({
      sensor_id,
      window_start,
      field: 'features.avg_value',
      expected: row.features['avg_value'],
      found: -1,
      row: `${partition}@${offset}`,
    }),
  ]);

  list[index] = { ...kept, value: Buffer.from('{}') };
  const missing = await audit(plan, result, new Map());
  expect(kindsOf(missing, ['missing', 'unreadable'])).toEqual(['missing', 'unreadable']);
  expect(missing.findings).toContainEqual(
    expect.objectContaining({ kind: 'missing', sensor_id, window_start }),
  );

  list[index] = kept;
  const ghost = Buffer.from(JSON.stringify({ ...row, sensor_id: 'ghost' }));
  const place = placeOf(partition);
  result.broker.append([
    { ...place, key: kept.key, value: kept.value },
    { ...place, key: kept.key, value: ghost },
  ]);
  const more = await audit(plan, result, newest(rows));
  expect(kindsOf(more, ['doubled', 'extra'])).toEqual(['doubled', 'extra']);
  expect(more.findings).toContainEqual(
    expect.objectContaining({ kind: 'extra', sensor_id: 'ghost', window_start }),
  );
  list.splice(-2);
}

async function expectTouchedStore(
  plan: HistoryPlan,
  result: HistoryResult,
  rows: readonly PlacedRow[],
  { sensor_id }: FeatureRow,
): Promise<void> {
  const stored = newest(rows);
  const last = stored.get(sensor_id);
  if (last === undefined) throw new Error('the sensor has a row');
  const ends = rows.filter(({ row }) => row.sensor_id === sensor_id);
  // With two owners the store may hold either's row.
  if (ends.filter(({ row }) => row.window_end === last.window_end).length > 1) return;
  const others = newest(rows.filter(({ row }) => row !== last));
  const after = (ms: number): FeatureRow => ({ ...last, window_end: last.window_end + ms });
  const counted = { ...last, features: { ...last.features, count: 0 } };
  const cases: [FeatureRow | undefined, Finding['kind']][] = [
    [undefined, 'store_older'],
    [others.get(sensor_id), 'store_older'],
    [after(10_000), 'store_newer'],
    [counted, 'store_mismatch'],
  ];
  for (const [row, kind] of cases) {
    const touched = new Map(stored);
    if (row === undefined) touched.delete(sensor_id);
    else touched.set(sensor_id, row);
    const { findings } = await audit(plan, result, touched);
    expect(findings).toEqual([expect.objectContaining({ kind, sensor_id })]);
  }
}

/** Returns how many entries the journal has: none, and nothing can be touched. */
async function expectTouchedJournal(
  plan: HistoryPlan,
  result: HistoryResult,
  rows: readonly PlacedRow[],
): Promise<number> {
  const { partitions } = result.broker;
  const name = `${simulatedTopics.journal}/0`;
  const journal = partitions.get(name) ?? [];
  if (journal.length === 0) return 0;
  partitions.set(name, []);
  await expect(audit(plan, result, newest(rows))).rejects.toThrow(/journal/);
  partitions.set(name, journal);
  return journal.length;
}

async function audit(
  plan: HistoryPlan,
  result: HistoryResult,
  stored: ReadonlyMap<string, FeatureRow>,
): Promise<AuditRound> {
  const projected = Array.from({ length: plan.partitions }, (_, partition) => partition);
  for (const partition of projected) {
    const key = `projection|${simulatedTopics.output}/${partition}`;
    result.broker.commits.set(key, { nextOffset: 1_000_000, metadata: '' });
  }
  const audited = auditOf(plan, result, {
    store: storeOf(stored),
    projectionGroupId: 'projection',
  });
  await audited.open();
  return audited.round();
}

function storeOf(rows: ReadonlyMap<string, FeatureRow>): FeatureStore {
  return readOnlyStore((ids) =>
    Promise.resolve(
      ids.map((id) => {
        const row = rows.get(id);
        return row && { eventTimeMs: row.window_end, values: row.features };
      }),
    ),
  );
}

function rowsOf({ broker }: HistoryResult, topic: string = simulatedTopics.output): PlacedRow[] {
  return [...broker.partitions]
    .filter(([partition]) => partition.startsWith(`${topic}/`))
    .flatMap(([partition, records]) =>
      records.map(({ offset, value }) => ({
        row: JSON.parse(Buffer.from(value ?? []).toString()) as FeatureRow,
        partition,
        offset,
      })),
    );
}

function newest(rows: readonly PlacedRow[]): Map<string, FeatureRow> {
  const last = new Map<string, FeatureRow>();
  for (const { row } of rows) {
    const known = last.get(row.sensor_id);
    if (known === undefined || known.window_end < row.window_end) last.set(row.sensor_id, row);
  }
  return last;
}

const kindsOf = ({ findings }: AuditRound, kinds: readonly string[]): string[] =>
  findings
    .map(({ kind }) => kind)
    .filter((kind) => kinds.includes(kind))
    .sort();
