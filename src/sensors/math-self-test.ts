// A hash over results of the engine's own mathematics. IEEE 754 fixes + − × ÷ and √ to the bit, but
// not the logarithm: where an engine computes it differently, the same log would fold to a
// different state.

/**
 * Returns 8 hex digits that change when Math.log or Math.sqrt returns a different bit for any of
 * 1,000 inputs.
 */
export function mathSelfTest(): string {
  const results = new Float64Array(2);
  const words = new Uint32Array(results.buffer);
  let hash = 0x811c9dc5 | 0;
  let argument = 1e-6;
  for (let round = 0; round < 1000; round += 1) {
    // From 1e-6 to about 1e6 in steps without a pattern in their bits: where the fold takes
    // logarithms.
    argument *= 1.0280001;
    results[0] = Math.log(1 + argument);
    results[1] = Math.sqrt(argument);
    for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
