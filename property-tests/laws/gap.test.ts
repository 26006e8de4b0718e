// Gaps that an operator accepts: owners come and go while the log loses its beginning, snapshots or
// none are left, and decisions are journaled. Each later owner must reach the very state of the one
// that accepted, and no row comes twice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decide } from '../../src/actors/decisions.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import { neededOffset } from '../../src/actors/gap.ts';
import type { Decision, JournalEntry } from '../../src/actors/journal.ts';
import { createOutbox, type Outbox } from '../../src/actors/outbox.ts';
import { encodePositionMetadata, type NamedSnapshot } from '../../src/actors/position-metadata.ts';
import { foldUntilLive } from '../../src/actors/partial-commit.ts';
import type { Recovered } from '../../src/actors/recovery.ts';
import { JournaledFold } from '../../src/actors/journaled-fold.ts';
import { encodeShardSnapshot, type ShardMemory } from '../../src/actors/shard-memory.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';
import { expectedOverGaps, type OracleGap } from '../models/gap-oracle.ts';
import type { OracleMark } from '../models/oracle.ts';
import { runs, titled } from '../seed.ts';
import { replayContextOf } from '../simulation/left-behind.ts';
import {
  recoveredShard as shard,
  recoverySemantics as semantics,
  recoverySettings,
  recoveryWorld,
  type RecoveryWorld,
} from '../simulation/recovery-world.ts';
import { SimulatedDisk } from '../simulation/simulated-snapshots.ts';
import { simulatedTopics } from '../simulation/simulated-process.ts';

const ownerships = fc.array(
  fc.record({
    fold: fc.nat(40),
    decision: fc.constantFrom('none' as const, 'idle' as const, 'quarantine' as const),
    snapshot: fc.boolean(),
    /** How many rows of its commit are out when it is cut short; -1 = it is not. */
    rowsOut: fc.oneof(fc.constant(-1), fc.nat(6)),
    /** After it: how many records retention deletes, and whether all snapshots are lost. */
    lose: fc.oneof(fc.constant(0), fc.nat(60)),
    loseSnapshots: fc.nat(4).map((chance) => chance === 0),
  }),
  { minLength: 1, maxLength: 8 },
);

describe('an accepted gap', () => {
  it(
    titled(
      'leads every later owner to the same state, bit for bit, also over a commit that is out in part; no row comes twice, and ' +
        'all are the model’s but those that the gap took from such a commit',
    ),
    async () => {
      const seen = { gaps: 0, unread: 0, lost: 0 };
      await fc.assert(
        fc.asyncProperty(ownerships, fc.constantFrom(0, 0.3), async (steps, holes) => {
          const world = recoveryWorld({ holes });
          feed(world, 400);
          const history: History = { rows: new Map(), pending: [], lost: new Set() };
          for (const step of steps) {
            const owner = await own(world, { acceptGap: true, history });
            await foldOn(world, owner, step.fold);
            if (step.decision !== 'none') decideOn(world, owner, step.decision);
            commit(world, owner, step);
            const alike = {
              rows: new Map(history.rows),
              pending: history.pending,
              lost: new Set(''),
            };
            const next = await own(world, { acceptGap: false, history: alike });
            expect(bytesOf(next.memory).equals(bytesOf(owner.memory))).toBe(true);

            world.earliest = Math.min(world.earliest + step.lose, world.broker.end(shard));
            if (step.loseSnapshots) world.snapshots.clear();
          }
          const last = await own(world, { acceptGap: true, history });
          commit(world, last, { snapshot: false, rowsOut: -1 });
          const expected = expectedOf(world);
          for (const row of history.lost) expect(expected.delete(row)).toBe(true);
          expect(history.rows).toEqual(expected);
          seen.lost += history.lost.size;
          const { values } = await world.metrics.decisions.get();
          seen.gaps += values.find(({ labels }) => labels.kind === 'gap')?.value ?? 0;
          seen.unread += (await world.metrics.gapRecords.get()).values[0]?.value ?? 0;
        }),
        runs(60),
      );

      expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
    },
  );
});

/** The compared fields of each row, by sensor and window. */
type Rows = Map<string, string>;

interface History {
  /** All that are out. */
  readonly rows: Rows;
  /** Rows of the last commit that are not out. */
  pending: readonly (readonly [string, string])[];
  /** Those of them that an accepted gap gave up. */
  readonly lost: Set<string>;
}

interface Owner {
  readonly history: History;
  /** Rows made since it recovered, in order. */
  readonly made: string[];
  readonly recovered: Recovered;
  readonly memory: ShardMemory;
  readonly replay: JournaledFold;
  readonly outbox: Outbox;
}

/** Recovers and replays to what is committed, reading only what the log still holds. */
async function own(
  world: RecoveryWorld,
  { acceptGap, history }: { readonly acceptGap: boolean; readonly history: History },
): Promise<Owner> {
  const recovered = await world.recover({ settings: { ...recoverySettings, acceptGap } });
  const { memory, journalEntries: entries, committedOffset } = recovered;
  expect(neededOffset(memory.position, entries)).toBeGreaterThanOrEqual(world.earliest);
  const made: string[] = [];
  const outbox = collecting(history.rows, made);
  const folder = createBatchFolder({ ...world.context, shard, outbox });
  const replay = new JournaledFold({
    memory,
    folder,
    closed: outbox,
    entries,
    ...foldUntilLive(recovered, { shard, outbox, live: () => outbox.open() }),
  });
  const to = recovered.metadata.partial?.offset ?? committedOffset;
  replay.begin();
  await read(world, { memory, replay, to });
  expect([replay.ended, memory.position]).toEqual([true, to]);
  const { watermarkMs, sourceMaxMs } = recovered.metadata;
  expect(memory.state.watermarkMs).toBeGreaterThanOrEqual(watermarkMs ?? -Infinity);
  expect(memory.sourceMaxMs).toBeGreaterThanOrEqual(sourceMaxMs ?? -Infinity);
  expect(outbox.committable).toBe(true);
  const missing = history.pending.filter(([row]) => !history.rows.has(row));
  if (missing.length > 0) expect(missing).toHaveLength(history.pending.length);
  for (const [row] of missing) history.lost.add(row);
  history.pending = [];
  return { history, made, recovered, memory, replay, outbox };
}

function foldOn(world: RecoveryWorld, { memory, replay }: Owner, records: number): Promise<void> {
  const to = Math.min(world.broker.end(shard), memory.position + records);
  return read(world, { memory, replay, to });
}

async function read(
  world: RecoveryWorld,
  { memory, replay, to }: Pick<Owner, 'memory' | 'replay'> & { readonly to: number },
): Promise<void> {
  if (memory.position >= to) return;
  expect(memory.position).toBeGreaterThanOrEqual(world.earliest);
  const { broker, scheduler } = world;
  const { log } = replayContextOf({ broker, disk: new SimulatedDisk(scheduler) }, semantics, 1);
  for await (const batch of log.read({ ...shard, from: memory.position, to })) replay.fold(batch);
}

function decideOn(
  { context }: RecoveryWorld,
  { memory, outbox, recovered }: Owner,
  kind: 'idle' | 'quarantine',
): void {
  const aside = { sensor_id: 's1', cause: 'operator', message: '', decided_ms: 5 } as const;
  const decision: Decision =
    kind === 'idle'
      ? { kind, watermark_ms: Math.max(0, memory.state.watermarkMs) + 3_000 }
      : { kind, ...aside };
  decide({ context, shard, journal: recovered.journal, memory, outbox }, decision);
}

function commit(
  { broker, snapshots }: RecoveryWorld,
  { history, made, memory, outbox, recovered }: Owner,
  { snapshot, rowsOut }: { readonly snapshot: boolean; readonly rowsOut: number },
): void {
  const outgoing = outbox.take();
  broker.append(
    outgoing.journal.map(({ record }) => record),
    'transaction',
  );
  const { watermarkMs } = memory.state;
  const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
  const { partial, ...metadata } = recovered.metadata;
  const sequence = memory.journalSequence;
  const times = { watermarkMs: finite(watermarkMs), sourceMaxMs: finite(memory.sourceMaxMs) };
  if (rowsOut >= 0 && made.length > rowsOut) {
    const out = {
      rows: (partial?.rows ?? 0) + rowsOut,
      others: (partial?.others ?? 0) + outgoing.others.length,
      anomalyEvents: (partial?.anomalyEvents ?? 0) + outgoing.flagged,
    };
    broker.commits.set(`group|${shard.topic}/0`, {
      nextOffset: recovered.committedOffset,
      metadata: encodePositionMetadata({
        ...metadata,
        version: 2,
        partial: { offset: memory.position, sequence, ...times, ...out },
      }),
    });
    history.pending = made.slice(rowsOut).map((row) => [row, history.rows.get(row) ?? '']);
    for (const [row] of history.pending) history.rows.delete(row);
    return;
  }
  const id = `at-${snapshots.size}-${memory.position}`;
  const named: NamedSnapshot = { id, place: '', length: 0, checksum: 0, takenMs: 0 };
  if (snapshot) snapshots.set(id, bytesOf(memory));
  const after = {
    ...metadata,
    version: 1 as const,
    ...times,
    journal: { ...metadata.journal, sequence },
    snapshots: [...(snapshot ? [named] : []), ...metadata.snapshots].slice(0, 2),
  };
  broker.commits.set(`group|${shard.topic}/0`, {
    nextOffset: memory.position,
    metadata: encodePositionMetadata(after),
  });
}

/** An outbox that refuses a row which is out already. */
function collecting(rows: Rows, made: string[]): Outbox {
  const ignored = { topic: '', key: null, value: null };
  const outbox = createOutbox({ featureRow: () => ignored, anomaly: () => undefined });
  outbox.muted = true;
  const keep = outbox.windowClosed.bind(outbox);
  return Object.assign(outbox, {
    windowClosed(window: ClosedWindow): void {
      const kept = outbox.featureRows;
      keep(window);
      if (outbox.featureRows === kept) return;
      const { idBytes, idStart, idEnd, windowStartMs, lengthIndex } = window;
      const id = Buffer.from(idBytes.subarray(idStart, idEnd)).toString();
      const row = `${id} ${windowStartMs} ${lengthIndex}`;
      expect(rows.has(row), `${row} comes twice`).toBe(false);
      const { count, min, max, firstOffset, lastOffset, anomalyCount } = window;
      made.push(row);
      rows.set(row, textOf({ count, min, max, firstOffset, lastOffset, anomalyCount }));
    },
  });
}

interface RowFigures {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly anomalyCount: number;
}

function textOf(row: RowFigures): string {
  const { count, min, max, firstOffset, lastOffset, anomalyCount } = row;
  return `${count} of ${firstOffset}-${lastOffset}, ${min} to ${max}, ${anomalyCount} anomalies`;
}

/** The rows of the model over all that was folded and journaled. */
function expectedOf({ broker }: RecoveryWorld): Rows {
  const end = broker.commits.get(`group|${shard.topic}/0`)?.nextOffset ?? 0;
  const readings = (broker.partitions.get(`${shard.topic}/0`) ?? [])
    .map(({ offset, value, timestampMs }) => {
      const json = JSON.parse(Buffer.from(value ?? []).toString()) as Reading;
      const { sensor_id: sensorId, timestamp, value: number } = json;
      const reading = { offset, recordTimestampMs: timestampMs, sensorId, value: number };
      return { ...reading, timestampMs: timestamp };
    })
    .filter(({ offset }) => offset < end);
  const marks: OracleMark[] = [];
  const gaps: OracleGap[] = [];
  for (const { value } of broker.partitions.get(`${simulatedTopics.journal}/0`) ?? []) {
    const entry = JSON.parse(Buffer.from(value ?? []).toString()) as JournalEntry;
    const { offset } = entry;
    if (entry.kind === 'idle') marks.push({ offset, toMs: entry.watermark_ms });
    if (entry.kind === 'quarantine') {
      marks.push({ offset, command: 'quarantine', sensorId: entry.sensor_id });
    }
    if (entry.kind === 'gap') {
      const { from_offset: from, to_offset: to, watermark_ms: watermarkMs } = entry;
      gaps.push({ offset, from, to, watermarkMs: watermarkMs ?? -Infinity });
    }
  }
  const { closed } = expectedOverGaps({ partition: 0, readings, marks }, gaps, semantics);
  return new Map(
    closed.map((row) => {
      const { count, min_value: min, max_value: max, anomaly_count: anomalyCount } = row.features;
      const { first_offset: firstOffset, last_offset: lastOffset } = row;
      return [
        `${row.sensor_id} ${row.window_start} ${row.length_index}`,
        textOf({ count, min, max, firstOffset, lastOffset, anomalyCount }),
      ];
    }),
  );
}

interface Reading {
  readonly sensor_id: string;
  readonly timestamp: number;
  readonly value: number;
}

function feed({ broker }: RecoveryWorld, readings: number): void {
  for (let i = 0; i < readings; i += 1) {
    const timestamp = 1_000_000 + i * 300 + ((i * 7) % 5) * 300;
    const id = `s${(i * 11) % 3}`;
    const value = Buffer.from(JSON.stringify({ sensor_id: id, timestamp, value: i }));
    broker.append([{ ...shard, key: Buffer.from(id), value, timestampMs: timestamp }]);
  }
}

const bytesOf = (memory: ShardMemory): Buffer => Buffer.from(encodeShardSnapshot(memory, shard, 0));
