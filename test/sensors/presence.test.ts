// When a sensor counts as offline, online, stuck or moving, by hand.
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import { foldAll, foldOne, foldOutput } from '../../property-tests/models/run-fold.ts';
import {
  createShardState,
  restoreShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';
import { decodeState } from '../../src/sensors/snapshot-format.ts';

const own = { watermark: 'own' } as const;
const minute = 60_000;

let nextOffset = 0;
function reading(timestampMs: number, sensorId: string, value: number = 1): OracleReading {
  nextOffset += 1;
  return { offset: nextOffset, recordTimestampMs: timestampMs, sensorId, timestampMs, value };
}

const fresh = (changes: Partial<Semantics>): ShardState =>
  createShardState({ ...defaultSemantics, watermarkDelayMs: 0, ...changes }, own);

/** Returns what is told once the watermark has passed `watermarkMs`. */
function toldAt(state: ShardState, watermarkMs: number): readonly string[] {
  const output = foldOutput();
  state.advanceWatermark(watermarkMs, output);
  return output.events.map(({ kind, sensor_id, timestamp }) => `${kind} ${sensor_id} ${timestamp}`);
}

describe('a silent sensor', () => {
  it('is offline once the watermark is SILENT_AFTER past its last reading, and told once', () => {
    const state = fresh({ silentAfterMs: 2 * minute });
    foldAll(state, [reading(0, 'a'), reading(minute, 'b')]);

    expect(toldAt(state, 2 * minute - 1)).toEqual([]);
    expect(toldAt(state, 2 * minute)).toEqual([`offline a ${2 * minute}`]);
    expect(toldAt(state, 9 * minute)).toEqual([`offline b ${3 * minute}`]);
    expect(toldAt(state, 99 * minute)).toEqual([]);
  });

  it('is told by the readings of others, and is online at its next one', () => {
    const state = fresh({ silentAfterMs: 2 * minute });
    const output = foldAll(state, [reading(0, 'a'), reading(5 * minute, 'b')]);
    expect(output.events).toMatchObject([
      { kind: 'offline', sensor_id: 'a', since: 0, silent_after: 2 * minute, value: null },
    ]);

    foldOne(state, reading(6 * minute, 'a', 7), output);

    expect(output.events.slice(1)).toMatchObject([
      { kind: 'online', sensor_id: 'a', timestamp: 6 * minute, since: 0, value: 7 },
    ]);
    expect(state.inspect('a')?.presence).toMatchObject({ heard: 6 * minute, offline: false });
  });

  it('stays offline for a reading that is as old as the silence', () => {
    const day = 1_440 * minute;
    const state = fresh({ silentAfterMs: 2 * minute, windowMs: day });
    const output = foldAll(state, [reading(0, 'a'), reading(10 * minute, 'b')]);

    foldOne(state, reading(minute, 'a'), output);
    foldOne(state, reading(9 * minute, 'a'), output);

    expect(output.events.map(({ kind, timestamp }) => [kind, timestamp])).toEqual([
      ['offline', 2 * minute],
      ['online', 9 * minute],
    ]);
  });

  it('is not told while it is quarantined', () => {
    const state = fresh({ silentAfterMs: 2 * minute });
    foldAll(state, [reading(0, 'a')]);
    state.quarantine('a');
    expect(toldAt(state, 9 * minute)).toEqual([]);

    state.release('a');

    expect(toldAt(state, 10 * minute)).toEqual([]);
    expect(toldAt(state, 11 * minute)).toEqual([`offline a ${11 * minute}`]);
  });

  it('is told offline before it is forgotten', () => {
    const state = fresh({ silentAfterMs: 90 * minute, sensorTtlMs: 10 * minute });
    foldAll(state, [reading(0, 'a')]);

    expect(toldAt(state, 80 * minute)).toEqual([]);
    expect(state.sensorCount).toBe(1);
    expect(toldAt(state, 99 * minute)).toEqual([`offline a ${90 * minute}`]);
    expect(state.sensorCount).toBe(0);
  });

  it('goes by its own rhythm with auto: five usual gaps, which one outage does not stretch', () => {
    const state = fresh({ silentAfterMs: 'auto', windowMs: 1_000 });
    const hourly = Array.from({ length: 21 }, (_, index) => reading(index * 60 * minute, 'a'));
    foldAll(state, hourly.slice(0, 20));
    expect(state.inspect('a')?.presence?.silent_after).toBeNull();

    foldAll(state, hourly.slice(20));
    // The usual gap has decayed by an eightieth since the gap before.
    expect(state.inspect('a')?.presence?.silent_after).toBe(5 * 60 * minute * (79 / 80));
    const output = foldAll(state, [reading(1_000 * 60 * minute, 'a')]);

    expect(output.events.map(({ kind }) => kind)).toEqual(['offline', 'online']);
    expect(state.inspect('a')?.presence?.silent_after).toBe(4 * 5 * 60 * minute * (79 / 80));
  });

  it('is told at the next multiple of an eighth of SILENT_AFTER, restored or not', () => {
    const semantics = { ...defaultSemantics, watermarkDelayMs: 0, silentAfterMs: 2 * minute };
    const state = createShardState(semantics, own);
    foldAll(state, [reading(1_000, 'a')]);
    expect([...toldAt(state, 120_000), ...toldAt(state, 122_000)]).toEqual([]);
    const restored = restoreShardState(state.snapshot(), semantics, own);

    for (const each of [state, restored]) {
      expect(toldAt(each, 134_999)).toEqual([]);
      expect(toldAt(each, 135_000)).toEqual(['offline a 121000']);
    }
  });

  it('is told with 10,000 others at most; the rest follows as the watermark moves, restored or not', () => {
    const semantics = { ...defaultSemantics, watermarkDelayMs: 0, silentAfterMs: 2 * minute };
    const state = createShardState(semantics, own);
    foldAll(
      state,
      Array.from({ length: 10_003 }, (_, index) => reading(0, `s${index}`)),
    );
    expect(toldAt(state, 9 * minute)).toHaveLength(10_000);
    const restored = restoreShardState(state.snapshot(), semantics, own);

    expect(state.earliestEventMs).toBe(9 * minute);
    for (const each of [state, restored]) {
      expect(toldAt(each, 9 * minute + 1)).toHaveLength(3);
      expect(each.earliestEventMs).toBe(Infinity);
    }
  });
});

describe('a stuck sensor', () => {
  const kinds = (values: readonly number[], stuckAfter = 3): readonly string[] =>
    foldAll(
      fresh({ stuckAfter }),
      values.map((value, index) => reading(index * 1_000, 'a', value)),
    ).events.map(({ kind, since, readings }) => `${kind} ${since} ${readings ?? ''}`);

  it('is told at its STUCK_AFTER-th equal reading, and when it moves again', () => {
    expect(kinds([1, 2, 2, 2, 2, 2, 3, 3])).toEqual(['stuck 1000 3', 'moving 1000 5']);
  });

  it('has moved before: a setpoint that never changed is none', () => {
    expect(kinds([1, 1, 1, 1, 1, 1])).toEqual([]);
    expect(kinds([0, -0, 0, -0, 1])).toEqual([]);
  });
});

it('without SILENT_AFTER and STUCK_AFTER nothing is kept of it', () => {
  const state = fresh({});
  foldAll(state, [reading(0, 'a')]);

  expect(decodeState(state.snapshot())).toMatchObject({ presenceNextMs: undefined });
  expect(decodeState(state.snapshot()).presence).toHaveLength(0);
  expect(state.inspect('a')).not.toHaveProperty('presence');
  expect(state.earliestEventMs).toBe(Infinity);
});
