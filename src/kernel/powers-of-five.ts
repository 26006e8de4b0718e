// The powers of five that decimal numbers are multiplied by on their way to doubles
// (assembly/number.ts).

export const powerMin = -342;
export const powerMax = 308;
const bits = 128n;
const word = (1n << 64n) - 1n;

/**
 * Returns the first 128 bits of 5^q for q = powerMin … powerMax, as two words each, the high one
 * first: cut off for q ≥ 0, rounded up for q < 0. Source: D. Lemire, Software: Practice and
 * Experience 51 (2021) 1700, section 5, and the script that its authors publish.
 */
export function powersOfFive(): BigUint64Array {
  const words: bigint[] = [];
  for (let q = powerMin; q <= powerMax; q += 1) {
    const power = q < 0 ? reciprocal(5n ** BigInt(-q), q) : normal(5n ** BigInt(q));
    words.push(power >> 64n, power & word);
  }
  return BigUint64Array.from(words);
}

function normal(power: bigint): bigint {
  const length = bitLength(power);
  return length <= bits ? power << (bits - length) : power >> (length - bits);
}

function reciprocal(power: bigint, q: number): bigint {
  const length = bitLength(power);
  if (q >= -27) return (1n << (length + bits - 1n)) / power + 1n;
  const long = (1n << (2n * length + bits)) / power + 1n;
  return long >> (bitLength(long) - bits);
}

function bitLength(value: bigint): bigint {
  return BigInt(value.toString(2).length);
}
