// A fold that throws: a baseline that learns a trap and then throws, half way through the fold, as a bug in one would.
import type { Baseline } from '../../src/sensors/baseline.ts';
import { createBaseline, type BaselineSettings } from '../../src/sensors/create-baseline.ts';

/** No reading of a history but a trap reaches it. */
export const trapMin = 1_000;

/** Returns the baseline that the settings name, which throws at every trap; no kernel learns in its place. */
export function createTrappedBaseline(settings: BaselineSettings): Baseline {
  const baseline = createBaseline(settings);
  const observe = baseline.observe.bind(baseline);
  return Object.assign(baseline, {
    kernel: undefined,
    observe: (slot: number, x: number, timestampMs: number) => {
      const flags = observe(slot, x, timestampMs);
      if (x >= trapMin) throw new RangeError(`trapped by ${x}`);
      return flags;
    },
  });
}
