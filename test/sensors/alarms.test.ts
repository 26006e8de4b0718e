// When an alarm opens, is told again and is resolved, by hand.
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import {
  foldAll,
  foldOne,
  foldOutput,
  type FoldOutput,
} from '../../property-tests/models/run-fold.ts';
import {
  createShardState,
  restoreShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';
import { decodeState } from '../../src/sensors/snapshot-format.ts';

const own = { watermark: 'own' } as const;
const minute = 60_000;
const semantics: Semantics = {
  ...defaultSemantics,
  baseline: 'cumulative',
  watermarkDelayMs: 0,
  alarmResolveAfterMs: 8 * minute,
};
const decided = { decidedMs: 99, message: '' };

let offset = 0;
function reading(timestampMs: number, sensorId: string, value: number): OracleReading {
  offset += 1;
  return { offset, recordTimestampMs: timestampMs, sensorId, timestampMs, value };
}

/** A sensor that has alternated between 9 and 11 up to the end of the minute 0. */
function steady(changes: Partial<Semantics> = {}): ShardState {
  const state = createShardState({ ...semantics, ...changes }, own);
  foldAll(
    state,
    Array.from({ length: 60 }, (_, index) => reading(1_000 * index, 'a', 10 + (-1) ** index)),
  );
  return state;
}

const told = ({ alarms }: FoldOutput): readonly string[] =>
  alarms.map(({ kind, timestamp }) => `${kind.slice(6)} ${timestamp / minute}`);

describe('an alarm', () => {
  it('opens at the first flagged reading, stays open with others and is resolved after quiet', () => {
    const output = foldAll(steady(), [
      reading(minute, 'a', 15),
      reading(3 * minute, 'a', 15),
      reading(11 * minute - 1, 'a', 10),
      reading(11 * minute, 'b', 10),
    ]);

    expect(told(output)).toEqual(['opened 1', 'resolved 11']);
    expect(new Set(output.alarms.map(({ alarm_id }) => alarm_id))).toEqual(new Set(['60000-1']));
  });

  it('is told again at a reading twice as severe, which takes an acknowledgement back', () => {
    const state = steady();
    const output = foldAll(state, [reading(minute, 'a', 15)]);
    state.commandAlarms('a', { name: 'acknowledge', ...decided }, output);
    foldOne(state, reading(2 * minute, 'a', 17), output);
    foldOne(state, reading(3 * minute, 'a', 30), output);

    expect(output.alarms.map(({ kind, acknowledged }) => [kind, acknowledged])).toEqual([
      ['alarm_opened', false],
      ['alarm_acknowledged', true],
      ['alarm_escalated', false],
    ]);
    expect(state.commandAlarms('a', { name: 'acknowledge', ...decided }, output)).toBe(true);
    expect(state.commandAlarms('a', { name: 'acknowledge', ...decided }, output)).toBe(false);
  });

  it('heeds the direction and the sensitivity of its sensor', () => {
    const state = steady();
    const output = foldOutput();
    const tuned = { name: 'tune', sensitivity: 0.5, direction: 'low', ...decided } as const;
    expect(state.commandAlarms('a', tuned, output)).toBe(true);
    expect(state.commandAlarms('a', tuned, output)).toBe(false);

    foldOne(state, reading(minute, 'a', 100), output);
    foldOne(state, reading(minute, 'a', 0), output);
    expect(told(output)).toEqual([]);
    foldOne(state, reading(minute, 'a', -900), output);

    expect(told(output)).toEqual(['opened 1']);
  });

  it('says until when its sensor is muted, and opens and ends all the same', () => {
    const state = steady();
    const output = foldOutput();
    state.commandAlarms('a', { name: 'mute', untilMs: 5, ...decided }, output);
    foldOne(state, reading(minute, 'a', 15), output);
    state.commandAlarms('a', { name: 'mute', untilMs: 0, ...decided }, output);
    foldOne(state, reading(99 * minute, 'b', 15), output);

    expect(output.alarms.map(({ kind, muted_until }) => [kind, muted_until])).toEqual([
      ['alarm_opened', 5],
      ['alarm_muted', null],
      ['alarm_resolved', null],
    ]);
  });

  it('is of silence from offline to online, and of equal readings from stuck to moving', () => {
    const state = steady({ silentAfterMs: minute, stuckAfter: 3 });
    const readings = [10, 10, 10, 12].map((value, at) => reading(minute + at, 'a', value));
    const output = foldAll(state, [...readings, reading(4 * minute, 'a', 10)]);

    expect(output.alarms.map(({ kind, cause }) => [kind, cause])).toEqual([
      ['alarm_opened', 'stuck'],
      ['alarm_resolved', 'stuck'],
      ['alarm_opened', 'silent'],
      ['alarm_resolved', 'silent'],
    ]);
  });

  it('ends when its sensor is forgotten', () => {
    const state = steady({ silentAfterMs: minute, sensorTtlMs: 10 * minute });
    const output = foldAll(state, [reading(99 * minute, 'b', 1)]);

    expect(told(output)).toEqual(['opened 1.9833333333333334', 'resolved 99']);
    expect(state.inspect('a')).toBeUndefined();
  });
});

it('without ALARM_RESOLVE_AFTER there are no alarms, and no column', () => {
  const state = steady({ alarmResolveAfterMs: Infinity });

  expect(told(foldAll(state, [reading(minute, 'a', 99)]))).toEqual([]);
  expect(state.commandAlarms('a', { name: 'acknowledge', ...decided }, foldOutput())).toBe(false);
  expect(decodeState(state.snapshot()).alarms).toBeUndefined();
});

it('the next event is due when the alarm is resolved', () => {
  const state = steady();
  expect(state.earliestEventMs).toBe(Infinity);

  foldAll(state, [reading(minute, 'a', 15)]);

  expect(state.earliestEventMs).toBe(9 * minute);
  expect(restoreShardState(state.snapshot(), semantics, own).earliestEventMs).toBe(9 * minute);
});
