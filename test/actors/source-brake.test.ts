// How long a source far ahead waits for the slowest one.
import { expect, it } from 'vitest';

import { ManualClock } from '../supervisor/manual-clock.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { brakeMsMax, SourceBrake } from '../../src/actors/source-brake.ts';
import type { SourcesView } from '../../src/actors/source-progress.ts';
import { createMetrics, type Metrics } from '../../src/metrics/pipeline-metrics.ts';
import {
  recoverySemantics,
  recoverySettings,
} from '../../property-tests/simulation/recovery-world.ts';
import { simulatedTopics as topics } from '../../property-tests/simulation/simulated-process.ts';
import { unwatchedSources } from '../../property-tests/simulation/unwatched-sources.ts';

const boundMs = recoverySettings.openWindowsMax * recoverySemantics.windowMs;

interface Braked {
  readonly clock: ManualClock;
  readonly lines: LoggedLine[];
  readonly metrics: Metrics;
  /** Event time of the slowest source, ms. */
  leastMs: number;
  /** Looks four times a second for `ms`; returns for how long the source waited, ms. */
  waits(sourceMaxMs: () => number, ms: number): number;
}

function braked(): Braked {
  const clock = new ManualClock();
  const lines: LoggedLine[] = [];
  const metrics = createMetrics();
  const world: Braked = {
    ...{ clock, lines, metrics },
    leastMs: clock.nowMs() - 2 * boundMs,
    waits(sourceMaxMs, ms) {
      let waitedMs = 0;
      for (let passedMs = 0; passedMs < ms; passedMs += 250) {
        if (brake.look(sourceMaxMs())) waitedMs += 250;
        clock.advance(250);
      }
      return waitedMs;
    },
  };
  const view = (): SourcesView => ({ leastMs: world.leastMs, slowest: 3, allIdle: false });
  const brake = new SourceBrake(
    {
      ...{ clock, metrics, topics, semantics: recoverySemantics, settings: recoverySettings },
      logger: keepingLogger(lines),
      sources: {
        ...unwatchedSources,
        get view() {
          return view();
        },
      },
    },
    { topic: topics.input, partition: 0 },
  );
  return world;
}

it('a source far ahead waits until the slowest has come near', () => {
  const world = braked();
  const { clock, waits } = world;
  const sourceMaxMs = clock.nowMs();

  expect(waits(() => sourceMaxMs, 10_000)).toBe(10_000);
  world.leastMs = sourceMaxMs - boundMs;
  expect(waits(() => sourceMaxMs, 10_000)).toBe(0);
});

it('it waits for ten minutes at most, says for whom, and goes on until it is no longer ahead', async () => {
  const world = braked();
  const { clock, lines, metrics, waits } = world;

  expect(brakeMsMax).toBeLessThanOrEqual(600_000);
  expect(waits(() => clock.nowMs(), 3_600_000)).toBe(brakeMsMax);
  expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'warn a source waits for a slower one',
    'warn a source waited in vain for a slower one and goes on',
  ]);
  expect(lines[1]?.fields).toMatchObject({ partition: 0, slowest: `${topics.input}/3` });
  expect((await metrics.sourceWaitsGivenUp.get()).values[0]?.value).toBe(1);
  expect((await metrics.sourceWaitSeconds.get()).values).toEqual([]);

  world.leastMs = clock.nowMs();
  waits(() => clock.nowMs(), 250);
  world.leastMs -= 2 * boundMs;
  expect(waits(() => clock.nowMs(), 10_000)).toBe(10_000);
});

it('one reading a year ahead does not hold its own source back from the present', () => {
  const world = braked();
  const { clock, waits } = world;
  world.leastMs = clock.nowMs() - boundMs + 60_000;

  expect(waits(() => clock.nowMs() + 365 * 86_400_000, 30_000)).toBe(0);
});
