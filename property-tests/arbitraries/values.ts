// Values sensors send: calm ones, and doubles chosen to hurt (still decodable: |x| ≤ 1e150).
import fc from 'fast-check';

const extremes = [
  0, -0, 5e-324, -5e-324, 2.3e-308, 1e-160, 1e150, -1e150, 9.9e149, 1e9, 0.1, -273.15,
];

/** A reading's value; one in a few is extreme. */
export function sensorValue(): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 6, arbitrary: calmValue() },
    { weight: 2, arbitrary: fc.integer({ min: 199, max: 201 }).map((tenths) => tenths / 10) },
    { weight: 1, arbitrary: fc.double({ min: -1e150, max: 1e150, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom(...extremes) },
  );
}

/** A temperature-like value. */
export function calmValue(): fc.Arbitrary<number> {
  return fc.double({ min: -50, max: 150, noNaN: true });
}

/**
 * A value whose square and its sums neither overflow nor vanish, so that relative error bounds
 * apply.
 */
export function moderateValue(): fc.Arbitrary<number> {
  return fc
    .tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: -40, max: 40 }))
    .map(([x, exponent]) => (Math.abs(x) < 1e-9 ? 0 : x) * 2 ** exponent);
}
