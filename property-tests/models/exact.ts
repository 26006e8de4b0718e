// Exact arithmetic on doubles: every finite double is an integer multiple of 2^-1074, so sums of
// them are BigInts.

/** Doubles as integers count units of 2^-1074. */
export const unitBits = 1074n;

/** Returns `x` as a count of 2^-1074, exactly. */
export function toUnits(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return bits >> 63n === 1n ? -magnitude : magnitude;
}

/**
 * Returns the double nearest to numerator / denominator within 2^-52 relative, the denominator
 * positive.
 */
export function toDouble(numerator: bigint, denominator: bigint): number {
  if (numerator === 0n) return 0;
  const sign = numerator < 0n ? -1 : 1;
  const n = numerator < 0n ? -numerator : numerator;
  const shift = BigInt(bitLength(denominator) - bitLength(n) + 64);
  const quotient = shift >= 0n ? (n << shift) / denominator : n / (denominator << -shift);
  // 2^-shift may itself be below the least double; two halves stay in range.
  const half = Number(shift / 2n);
  return sign * Number(quotient) * 2 ** -half * 2 ** -(Number(shift) - half);
}

export interface ExactMoments {
  /** The exact mean and sum of squared deviations, each rounded once to a double. */
  readonly mean: number;
  readonly m2: number;
  /** |computed mean − exact mean| and |computed m2 − exact m2|. */
  errorOf(computed: { readonly mean: number; readonly m2: number }): {
    readonly mean: number;
    readonly m2: number;
  };
}

/** Returns mean and sum of squared deviations of `values` without any rounding before the end. */
export function exactMoments(values: readonly number[]): ExactMoments {
  const n = BigInt(values.length);
  const units = values.map(toUnits);
  const sum = units.reduce((a, b) => a + b, 0n);
  const squares = units.reduce((a, b) => a + b * b, 0n);
  const one = 1n << unitBits;
  const m2Numerator = n * squares - sum * sum;
  return {
    mean: toDouble(sum, n * one),
    m2: toDouble(m2Numerator, n * one * one),
    errorOf: (computed) => ({
      mean: Math.abs(toDouble(toUnits(computed.mean) * n - sum, n * one)),
      m2: Math.abs(toDouble(toUnits(computed.m2) * n * one - m2Numerator, n * one * one)),
    }),
  };
}

function bitLength(x: bigint): number {
  return x.toString(16).length * 4;
}
