// Settings of the fold, and the same as the semantics the code under test takes.
import fc from 'fast-check';

import type { Semantics } from '../../src/sensors/shard-state.ts';

export const defaultSemantics: Semantics = {
  windowMs: 60_000,
  watermarkDelayMs: 5_000,
  maxAheadMs: 300_000,
  fastClocks: 'hold',
  baseline: 'adaptive',
  baselineHalfLife: 4_000,
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  alarmRest: 'calm',
  sensorsMax: 1_000_000,
  sensorTtlMs: Infinity,
  silentAfterMs: Infinity,
  stuckAfter: Infinity,
  alarmResolveAfterMs: Infinity,
  inputKeying: 'auto',
  windows: [],
  features: ['count', 'avg_value', 'min_value', 'max_value', 'std_dev', 'anomaly_count'],
};

/** Larger windows of some base: none, tumbling ones, hopping ones, several of one length. */
export function largerWindows(windowMs: number): fc.Arbitrary<Semantics['windows']> {
  const window = (size: number, hop: number): Semantics['windows'][number] => ({
    name: `${size}/${hop}`,
    sizeMs: size * windowMs,
    hopMs: hop * windowMs,
  });
  return fc.constantFrom(
    [],
    [window(5, 5)],
    [window(2, 1), window(6, 2), window(6, 6)],
    [window(4, 2), window(8, 1), window(60, 60)],
  );
}

/** Semantics of every kind: odd window lengths, no delay, few sensors, short memories, forgotten sensors. */
export function semantics(): fc.Arbitrary<Semantics> {
  return fc
    .record({
      windowMs: fc.constantFrom(10, 1_000, 60_000, 7, 86_400_000),
      watermarkDelayMs: fc.constantFrom(0, 1, 500, 5_000, 120_000),
      maxAheadMs: fc.constantFrom(0, 1_000, 300_000),
      fastClocks: fc.constantFrom('hold' as const, 'lead' as const),
      baseline: fc.constantFrom('adaptive' as const, 'cumulative' as const, 'robust' as const),
      baselineHalfLife: fc.constantFrom(10, 100, 4_000),
      anomalyThreshold: fc.constantFrom(0.5, 2.5),
      anomalyWarmup: fc.constantFrom(0, 2, 5),
      alarmRest: fc.constantFrom('calm' as const, 'fixed' as const),
      sensorsMax: fc.constantFrom(1, 3, 1_000),
      ttlWindows: fc.constantFrom(Infinity, Infinity, 0.1, 1, 3, 20),
      silentWindows: fc.constantFrom(Infinity, Infinity, 'auto' as const, 0.1, 1, 3),
      stuckAfter: fc.constantFrom(Infinity, Infinity, 2, 5),
      quietWindows: fc.constantFrom(Infinity, Infinity, 0.1, 1, 3),
    })
    .chain(({ ttlWindows, silentWindows, quietWindows, ...some }) =>
      largerWindows(some.windowMs).map((windows) => ({
        ...defaultSemantics,
        ...some,
        windows,
        silentAfterMs:
          typeof silentWindows === 'number' && silentWindows < Infinity
            ? Math.ceil(silentWindows * some.windowMs)
            : silentWindows,
        alarmResolveAfterMs:
          quietWindows === Infinity ? Infinity : Math.ceil(quietWindows * some.windowMs),
        sensorTtlMs: ttlWindows === Infinity ? Infinity : Math.ceil(ttlWindows * some.windowMs),
      })),
    );
}
