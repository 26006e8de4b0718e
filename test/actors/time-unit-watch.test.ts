import { expect, it } from 'vitest';

import { TimeUnitWatch } from '../../src/actors/time-unit-watch.ts';
import { parseConfig } from '../../src/config/config.ts';
import { createMetrics, type Metrics } from '../../src/metrics/pipeline-metrics.ts';
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
  readonly metrics: Metrics;
} {
  const lines: LoggedLine[] = [];
  const clock = new ManualClock();
  clock.advance(nowMs - clock.nowMs());
  const metrics = createMetrics();
  const { semantics } = parseConfig(env, { cores: 2 });
  return {
    lines,
    clock,
    metrics,
    watch: new TimeUnitWatch({ clock, logger: keepingLogger(lines), metrics, semantics }, shard),
  };
}

it('names seconds that are read as milliseconds, once an hour, with the cure', () => {
  const { clock, lines, watch } = watching();

  for (const advanceMs of [1_000, 1_000, hourMs]) {
    watch.look(nowMs / 1_000 - 60, NaN);
    clock.advance(advanceMs);
  }
  watch.look(nowMs / 1_000, NaN);

  expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
  expect(lines[0]?.fields).toMatchObject({ ...shard, likelyUnit: 's' });
  expect(lines[0]?.message).toMatch(
    /likely in s, but are read as ms: .* 1970-01-21; .*time_unit: s/,
  );
});

it.each([
  ['us', 1_000],
  ['ns', 1_000_000],
])('names %s that are refused as far ahead, and counts the warning', async (unit, perMs) => {
  const { lines, metrics, watch } = watching();

  watch.look(nowMs, nowMs + hourMs);
  watch.look(nowMs, nowMs * perMs);

  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(`likely in ${unit}, .*dead letters .*time_unit: ${unit}`),
  ]);
  const { values } = await metrics.timeUnitWarnings.get();
  expect(values.filter(({ value }) => value > 0)).toMatchObject([{ labels: { unit }, value: 1 }]);
});

it.each([nowMs, nowMs - 20 * 366 * 24 * hourMs, 60_000, 0, -Infinity])(
  'says nothing of an event time of %d ms',
  (sourceMaxMs) => {
    const { lines, watch } = watching();

    watch.look(sourceMaxMs, NaN);

    expect(lines).toEqual([]);
  },
);

it('leaves a declared unit to the reader, which refuses what does not fit', () => {
  const { lines, watch } = watching({ INPUT_SCHEMA: '{id: d, time: t, value: v}' });

  watch.look(nowMs / 1_000, NaN);

  expect(lines).toEqual([]);
});

it('a reading ahead of its record is told apart: another unit, or a record without a time', () => {
  expect(aheadReason(nowMs * 1_000, nowMs, 1_000).message).toMatch(/time_unit: us$/);
  expect(aheadReason(nowMs, -1, 1_000).message).toMatch(/timestamp is none: .*LogAppendTime/);
  expect(aheadReason(nowMs + hourMs, nowMs, 1_000).message).toMatch(/at most 1000 is allowed$/);
});
