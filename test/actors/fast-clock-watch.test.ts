import { expect, it } from 'vitest';

import { FastClockWatch } from '../../src/actors/fast-clock-watch.ts';
import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import { FastClocks } from '../../src/sensors/fast-clocks.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { ManualClock } from '../supervisor/manual-clock.ts';

const minuteMs = 60_000;

function watching(): {
  readonly lines: LoggedLine[];
  readonly clock: ManualClock;
  readonly watch: FastClockWatch;
  readonly metrics: ReturnType<typeof createMetrics>;
  see(sensorId: string, leadMs: number): void;
} {
  const lines: LoggedLine[] = [];
  const clock = new ManualClock();
  const metrics = createMetrics();
  const parts = { clock, logger: keepingLogger(lines), metrics };
  const watch = new FastClockWatch(parts, { topic: 'raw_readings', partition: 3 });
  const clocks = new FastClocks();
  return {
    lines,
    clock,
    watch,
    metrics,
    see(sensorId, leadMs) {
      const id = Buffer.from(`"${sensorId}"`);
      clocks.readings += 1;
      clocks.note(id, 1, id.length - 1, leadMs);
      // The buffer of a fetch is used again before the next look.
      id.fill(0);
      watch.look(clocks);
    },
  };
}

it('names a sensor once an hour, with its lead and its shard', () => {
  const { clock, lines, see } = watching();

  for (let minute = 0; minute < 120; minute += 1) {
    see('boiler', 200_000);
    clock.advance(minuteMs);
  }

  expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
  expect(lines[0]?.fields).toEqual({
    topic: 'raw_readings',
    partition: 3,
    sensorId: 'boiler',
    leadMs: 200_000,
  });
});

it('names a bounded number of sensors an hour, and counts the readings of all', async () => {
  const { clock, lines, metrics, see } = watching();

  for (let sensor = 0; sensor < 1_000; sensor += 1) see(`s${sensor}`, 6_000 + sensor);
  const inFirstHour = lines.length;
  clock.advance(61 * minuteMs);
  see('s999', 9_000);

  expect(inFirstHour).toBe(256);
  expect(lines.length).toBe(257);
  expect((await metrics.fastClockReadings.get()).values[0]?.value).toBe(1_001);
});

it('shows the sensor that leads most, until it was not seen for ten minutes', () => {
  const { clock, see, watch } = watching();

  expect(watch.view).toBeNull();
  see('a', 7_000);
  see('b', 90_000);
  see('c', 8_000);
  expect(watch.view).toEqual({ sensorId: 'b', leadMs: 90_000 });

  clock.advance(11 * minuteMs);
  expect(watch.view).toBeNull();
  see('a', 7_000);
  expect(watch.view).toEqual({ sensorId: 'a', leadMs: 7_000 });
});

it('keeps the eight sensors that lead most between two looks', () => {
  const clocks = new FastClocks();

  for (let sensor = 0; sensor < 100; sensor += 1) {
    const id = Buffer.from(`s${sensor}`);
    clocks.note(id, 0, id.length, 1_000 * ((sensor * 37) % 100));
    clocks.note(id, 0, id.length, 10);
  }

  const { leaders } = clocks.take();
  expect(leaders.map(({ leadMs }) => leadMs)).toEqual(
    [99, 98, 97, 96, 95, 94, 93, 92].map((seconds) => 1_000 * seconds),
  );
  expect(clocks.take().leaders).toEqual([]);
});
