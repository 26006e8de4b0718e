import { expect, it } from 'vitest';

import { TimeUnitWatch } from '../../src/actors/time-unit-watch.ts';
import { parseConfig } from '../../src/config/config.ts';
import { aheadReason } from '../../src/sensors/refusals.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { ManualClock } from '../supervisor/manual-clock.ts';

const shard = { topic: 'raw_readings', partition: 3 };
const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 0, 31);

function watching(env: Record<string, string> = {}): {
  readonly lines: LoggedLine[];
  readonly clock: ManualClock;
  readonly watch: TimeUnitWatch;
} {
  const lines: LoggedLine[] = [];
  const clock = new ManualClock();
  clock.advance(nowMs - clock.nowMs());
  const { semantics } = parseConfig(env, { cores: 2 });
  return {
    lines,
    clock,
    watch: new TimeUnitWatch({ clock, logger: keepingLogger(lines), semantics }, shard),
  };
}

it('names seconds that are read as milliseconds, once an hour, with the cure', () => {
  const { clock, lines, watch } = watching();

  for (const advanceMs of [1_000, 1_000, hourMs]) {
    watch.look(nowMs / 1_000 - 60);
    clock.advance(advanceMs);
  }
  watch.look(nowMs / 1_000);

  expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
  expect(lines[0]?.fields).toMatchObject({ ...shard, likelyUnit: 's' });
  expect(lines[0]?.message).toMatch(
    /likely in s, but are read as ms: .* 1970-01-21; .*time_unit: s/,
  );
});

it.each([nowMs, nowMs - 20 * 366 * 24 * hourMs, 60_000, 0, -Infinity])(
  'says nothing of an event time of %d ms',
  (sourceMaxMs) => {
    const { lines, watch } = watching();

    watch.look(sourceMaxMs);

    expect(lines).toEqual([]);
  },
);

it('leaves a declared unit to the reader, which refuses what does not fit', () => {
  const { lines, watch } = watching({ INPUT_SCHEMA: '{id: d, time: t, value: v}' });

  watch.look(nowMs / 1_000);

  expect(lines).toEqual([]);
});

it('a reading ahead of its record is told apart: another unit, or a record without a time', () => {
  expect(aheadReason(nowMs * 1_000, nowMs, 1_000).message).toMatch(/time_unit: us$/);
  expect(aheadReason(nowMs, -1, 1_000).message).toMatch(/timestamp is none: .*LogAppendTime/);
  expect(aheadReason(nowMs + hourMs, nowMs, 1_000).message).toMatch(/at most 1000 is allowed$/);
});
