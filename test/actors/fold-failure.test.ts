// A fold that throws is isolated, and cannot be retried for ever.
import { describe, expect, it } from 'vitest';

import { quietHistory } from '../../property-tests/simulation/fixed-histories.ts';
import {
  historySemantics,
  runHistory,
  type HistoryPlan,
} from '../../property-tests/simulation/history.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { fetchedRecords } from '../../property-tests/simulation/simulated-records.ts';
import { failuresMax, failuresPeriodMs } from '../../src/actors/failures.ts';
import { decisionOn, foldFailure, suspectAfter } from '../../src/actors/fold-failure.ts';
import { createBatchFolder } from '../../src/actors/fold-batch.ts';
import type { JournalEntry } from '../../src/actors/journal.ts';
import { createOutbox } from '../../src/actors/outbox.ts';
import { featureRowRecord } from '../../src/actors/output-records.ts';
import { applyJournalEntry } from '../../src/actors/journaled-fold.ts';
import {
  decodeShardSnapshot,
  emptyMemory,
  encodeShardSnapshot,
  type ShardMemory,
} from '../../src/actors/shard-memory.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';
import { FoldError, InvariantError, UnavailableError } from '../../src/errors.ts';

const shard = { topic: simulatedTopics.input, partition: 0 };
const semantics = historySemantics({ inputKeying: 'auto', baseline: 'cumulative' } as HistoryPlan);
const suspect = { offset: 7, message: 'RangeError: x', attempts: 1 };
const ignored = createOutbox({
  featureRow: () => ({ topic: '', key: null, value: null }),
  anomaly: () => undefined,
});

const quarantined = (sequence: number, decidedMs: number): JournalEntry => ({
  version: 1,
  sequence,
  offset: sequence,
  kind: 'quarantine',
  sensor_id: `s${sequence}`,
  cause: 'fold_failed',
  message: 'RangeError: “x”',
  decided_ms: decidedMs,
});

function memoryAfter(entries: readonly JournalEntry[]): ShardMemory {
  const memory = emptyMemory('source', semantics, 0);
  for (const entry of entries) applyJournalEntry(memory, entry, ignored);
  return memory;
}

describe('a suspect', () => {
  it('has its sensor quarantined, or is skipped alone where no sensor can be named', () => {
    const memory = memoryAfter([]);

    expect(decisionOn(suspect, 'a', memory, 5)).toMatchObject({
      kind: 'quarantine',
      sensor_id: 'a',
      cause: 'fold_failed',
    });
    expect(decisionOn(suspect, undefined, memory, 5)?.kind).toBe('skip');
  });

  it('is skipped where its sensor is set aside already', () => {
    expect(decisionOn(suspect, 's1', memoryAfter([quarantined(1, 0)]), 5)?.kind).toBe('skip');
  });

  it('is left alone where its quarantine is journaled at that offset and nothing has thrown since', () => {
    const memory = memoryAfter([{ ...quarantined(1, 0), offset: suspect.offset }]);

    expect(decisionOn(suspect, 's1', memory, 5)).toBeUndefined();
    expect(decisionOn({ ...suspect, attempts: 2 }, 's1', memory, 5)?.kind).toBe('skip');
  });

  it('is given up at the third failure in a row at one offset, and not before', () => {
    const failure = (offset: number): FoldError => new FoldError('threw', { offset, reason: 'x' });
    const first = suspectAfter(undefined, failure(7));
    const second = suspectAfter(first, failure(7));

    expect([first?.attempts, second?.attempts]).toEqual([1, 2]);
    expect(suspectAfter(second, failure(7))).toBeUndefined();
    expect(suspectAfter(second, failure(8))?.attempts).toBe(1);
  });
});

describe('a shard that sets aside too much', () => {
  const tenWithin = Array.from({ length: failuresMax }, (_, i) => quarantined(i + 1, 1_000 + i));

  it('escalates the failure after ten within the hour, and goes on after it', () => {
    const memory = memoryAfter(tenWithin);

    expect(() => decisionOn(suspect, 'a', memory, 2_000)).toThrow(InvariantError);
    expect(decisionOn(suspect, 'a', memory, 1_000 + failuresPeriodMs)?.kind).toBe('quarantine');
    expect(decisionOn(suspect, 'a', memoryAfter(tenWithin.slice(1)), 2_000)?.kind).toBe(
      'quarantine',
    );
  });

  it('remembers that, and why, through a snapshot', () => {
    const memory = memoryAfter(tenWithin);
    const { memory: restored } = decodeShardSnapshot(
      encodeShardSnapshot(memory, shard, 0),
      shard,
      'source',
      semantics,
    );

    expect(restored.quarantines).toEqual(memory.quarantines);
    expect(restored.failuresMs).toEqual(memory.failuresMs);
    expect(restored.state.inspect('s1')?.lifecycle).toBe('quarantined');
  });

  it('fails when a bug hits every sensor, with ten of them set aside and all before it committed', async () => {
    const plan = { ...quietHistory, sensors: 40, readings: 400, traps: 1 };
    const result = await runHistory(plan);
    const journal = result.broker.partitions.get(`${simulatedTopics.journal}/0`) ?? [];
    const decided = journal.filter(
      ({ value }) => !Buffer.from(value ?? []).includes('"sensor_id":""'),
    );

    const said = /offset (\d+) \(sensor s\d+\).*the program's/.exec(result.unready.join());

    expect(decided).toHaveLength(failuresMax);
    expect(result.broker.commits.get('group|raw_readings/0')?.nextOffset).toBeLessThanOrEqual(
      Number(said?.[1]),
    );
  });
});

describe('a fold that throws', () => {
  const at = { ...shard, offset: 3 };

  it('is a reason to rebuild, but not while it replays: that stops', () => {
    const of = (phase: 'fold' | 'replay'): unknown =>
      foldFailure(new TypeError('no'), { ...at, phase });

    expect(of('fold')).toBeInstanceOf(FoldError);
    expect(of('replay')).toBeInstanceOf(InvariantError);
    const away = new UnavailableError('away');
    expect(foldFailure(away, { ...at, phase: 'fold' })).toBe(away);
  });

  it('while no record is being folded is nobody’s fault, and stops', () => {
    const failure = foldFailure(new TypeError('no'), { ...at, phase: 'decision' });

    expect(failure).toBeInstanceOf(InvariantError);
    expect(String(failure)).toMatch(/no record is at fault/);
  });

  it('is named by the record’s sensor only where the record is folded here', () => {
    const folder = createBatchFolder({
      shard,
      topics: simulatedTopics,
      semantics,
      forwarding: { partitions: 1, clock: '0/1/0' },
      outbox: ignored,
    });
    const sensorOf = (key: string, value: string): string | undefined => {
      const record = { timestampMs: 0, headers: [], key: Buffer.from(key) };
      const records = [{ ...record, offset: 0, value: Buffer.from(value) }];
      const cursor = fetchedRecords(records, { from: 0, to: 1 }).cursor();
      cursor.next();
      return folder.sensorOf(emptyMemory('source', semantics, 0), cursor);
    };
    const reading = '{"sensor_id":"é","timestamp":1,"value":2}';

    expect(sensorOf('é', reading)).toBe('é');
    expect(sensorOf('other', reading)).toBeUndefined();
    expect(sensorOf('é', '{')).toBeUndefined();
  });

  it('while its row is made stops with the sensor named, whose row is not left out', () => {
    const throwing = (): never => {
      throw new TypeError('no');
    };
    const context = { featureTopics: ['sensor_features'], encodeFeatureRow: throwing };
    const encode = featureRowRecord(context, shard);
    const window = {
      idBytes: Buffer.from('a'),
      idStart: 0,
      idEnd: 1,
      windowStartMs: 60_000,
      lengthIndex: 0,
    };

    expect(() => encode(window as Partial<ClosedWindow> as ClosedWindow)).toThrow(
      /sensor a, window 60000.*TypeError: no/,
    );
  });

  it('leaves a skipped record unfolded in replay', () => {
    const memory = memoryAfter([]);
    const entry = { version: 1, sequence: 1, offset: 0, message: '', decided_ms: 5 } as const;

    applyJournalEntry(memory, { ...entry, kind: 'skip' }, ignored);

    expect([memory.position, memory.failuresMs]).toEqual([1, [5]]);
  });
});
