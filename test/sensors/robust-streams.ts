// The streams of the robust baseline's known answers: one reading in five minutes from a Monday on,
// a 31-bit linear congruential generator behind the noise, an event in each.

export interface TimedValue {
  readonly timestampMs: number;
  readonly value: number;
}

const startMs = Date.UTC(2024, 0, 1);
export const readingsPerDay = 288;

/** Returns uniform numbers in [0, 1) of the generator that starts at 12,345. */
function generator(): () => number {
  // The product exceeds 2^53, so the generator runs on integers.
  let state = 12_345n;
  return () => {
    state = (1_103_515_245n * state + 12_345n) % 2n ** 31n;
    return Number(state) / 2 ** 31;
  };
}

/** Returns `count` readings of `value`, which is given the index and noise of variance 1/4. */
export function robustStream(
  count: number,
  value: (index: number, noise: number) => number,
): TimedValue[] {
  const uniform = generator();
  return Array.from({ length: count }, (_, index) => ({
    timestampMs: startMs + index * 300_000,
    value: value(index, uniform() + uniform() + uniform() - 1.5),
  }));
}

/** A wave of one day between −5 and 5, of straight lines: the same doubles everywhere. */
export function dailyWave(index: number): number {
  const part = (index % readingsPerDay) / readingsPerDay;
  return part < 0.5 ? 20 * part - 5 : 15 - 20 * part;
}

/** By what happens in it. */
export const robustStreams = {
  spike: robustStream(1_400, (index, noise) => noise + (index === 1_200 ? 6 : 0)),
  shift: robustStream(2_400, (index, noise) => noise + (index >= 2_000 ? 1.5 : 0)),
  rougher: robustStream(2_400, (index, noise) => noise * (index >= 2_000 ? 1.4 : 0.7)),
  stuck: robustStream(2_400, (index, noise) => (index >= 2_000 && index < 2_200 ? 0.25 : noise)),
  /** A ripple of the sensor's own size, but smooth. */
  context: robustStream(2_400, (index, noise) =>
    index >= 2_000 && index < 2_200 ? dailyWave(16 * index) / 6 : noise,
  ),
  missingDay: robustStream(20 * readingsPerDay, (index, noise) =>
    index >= 15 * readingsPerDay && index < 16 * readingsPerDay ? noise : noise + dailyWave(index),
  ),
} as const;
