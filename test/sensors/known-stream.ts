// The generator behind the adaptive baseline's published answers: a 31-bit linear congruential
// generator, with a spike at 250 and a level shift from 320 on.

/** Returns `count` values: 20 + u₁ + u₂ + u₃ − 1.5, + 6 at index 250, + 4 from index 320. */
export function knownStream(count: number): number[] {
  // The product exceeds 2^53, so the generator runs on integers.
  let state = 12_345n;
  const uniform = (): number => {
    state = (1_103_515_245n * state + 12_345n) % 2n ** 31n;
    return Number(state) / 2 ** 31;
  };
  return Array.from({ length: count }, (_, index) => {
    const noise = uniform() + uniform() + uniform() - 1.5;
    return 20 + noise + (index === 250 ? 6 : 0) + (index >= 320 ? 4 : 0);
  });
}
