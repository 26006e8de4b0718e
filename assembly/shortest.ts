// Doubles as text, as ECMAScript's Number::toString writes them: the shortest digits that read back
// as the same double, of those the nearest. Source: R. Giulietti, The Schubfach way to render
// doubles (2020); ECMA-262, 6.1.6.1.20 Number::toString.
import { powersOfFive, scratch } from './layout';
import { highProduct } from './number';

/** As the exponent is stored: smaller numbers need powers that the table does not have. */
const exponentMin: i32 = 64;
const fractionMask: u64 = 0xfffffffffffff;
const powerMin: i32 = -342;
/** Up to here the table's powers are exact; those above are cut off. */
const exactPowerMax: i32 = 55;
const scratchBytes: usize = 24;

let digits: u64 = 0;
let power: i32 = 0;

/**
 * Writes the number from `start` on and returns the position after it; 0 for one it leaves to the
 * host.
 */
export function writeNumber(start: usize, x: f64): usize {
  const bits = reinterpret<u64>(x);
  const exponent = (<i32>(bits >> 52)) & 0x7ff;
  const fraction = bits & fractionMask;
  let at = start;
  if (bits >> 63) store<u8>(at++, 0x2d);
  if (exponent == 0 && fraction == 0) {
    store<u8>(at, 0x30);
    return at + 1;
  }
  if (exponent < exponentMin || exponent == 0x7ff) return 0;
  shortest(fraction, exponent);
  while (digits % 10 == 0) {
    digits /= 10;
    power += 1;
  }
  return writeDecimal(at);
}

/** Finds digits · 10^power. */
function shortest(fraction: u64, exponent: i32): void {
  const c = (fractionMask + 1) | fraction;
  const q = exponent - 1075;
  if (q <= 0 && q > -53 && (c & (((<u64>1) << -q) - 1)) == 0) {
    digits = c >> -q;
    power = 0;
    return;
  }
  const isEven = (c & 1) == 0;
  const isLowerCloser = fraction == 0;
  const k = (q * 1262611 - (isLowerCloser ? 524031 : 0)) >> 22;
  const h = q + ((-k * 1741647) >> 19) + 1;
  const place = powersOfFive + ((<usize>(-k - powerMin)) << 4);
  const high = load<u64>(place);
  const low = load<u64>(place, 8) + (-k > exactPowerMax ? 1 : 0);
  const lower =
    roundToOdd(high, low, (4 * c - 2 + (isLowerCloser ? 1 : 0)) << h) + (isEven ? 0 : 1);
  const middle = roundToOdd(high, low, (4 * c) << h);
  const upper = roundToOdd(high, low, (4 * c + 2) << h) - (isEven ? 0 : 1);
  const s = middle >> 2;
  if (s >= 10) {
    const short = s / 10;
    const below = lower <= 40 * short;
    const above = 40 * short + 40 <= upper;
    if (below != above) {
      digits = short + (above ? 1 : 0);
      power = k + 1;
      return;
    }
  }
  const below = lower <= 4 * s;
  const above = 4 * s + 4 <= upper;
  const half = 4 * s + 2;
  const isUp = below != above ? above : middle > half || (middle == half && (s & 1) != 0);
  digits = s + (isUp ? 1 : 0);
  power = k;
}

/**
 * Returns the upper 64 bits of (high · 2^64 + low) · c / 2^64, the lowest of them set where
 * anything below it is.
 */
function roundToOdd(high: u64, low: u64, c: u64): u64 {
  const carried = highProduct(low, c);
  const middle = high * c + carried;
  const upper = highProduct(high, c) + (middle < carried ? 1 : 0);
  return upper | (middle > 1 ? 1 : 0);
}

function writeDecimal(start: usize): usize {
  const end = scratch + scratchBytes;
  let first = end;
  let rest = digits;
  do {
    first -= 1;
    store<u8>(first, <u8>(0x30 + (rest % 10)));
    rest /= 10;
  } while (rest != 0);
  const length = <i32>(end - first);
  // The value is 0.digits · 10^point.
  const point = length + power;
  let at = start;
  if (point > 0 && point <= 21) {
    if (power >= 0) return writeZeros(copied(at, first, length), power);
    at = copied(at, first, point);
    store<u8>(at, 0x2e);
    return copied(at + 1, first + <usize>point, length - point);
  }
  if (point > -6 && point <= 0) {
    store<u16>(at, 0x2e30); // 0.
    return copied(writeZeros(at + 2, -point), first, length);
  }
  at = copied(at, first, 1);
  if (length > 1) {
    store<u8>(at, 0x2e);
    at = copied(at + 1, first + 1, length - 1);
  }
  store<u8>(at, 0x65);
  let size = point - 1;
  store<u8>(at, size < 0 ? 0x2d : 0x2b, 1);
  at += 2;
  if (size < 0) size = -size;
  if (size >= 100) {
    store<u8>(at++, <u8>(0x30 + size / 100));
    size %= 100;
    store<u8>(at++, <u8>(0x30 + size / 10));
  } else if (size >= 10) store<u8>(at++, <u8>(0x30 + size / 10));
  store<u8>(at, <u8>(0x30 + (size % 10)));
  return at + 1;
}

function copied(to: usize, from: usize, bytes: i32): usize {
  for (let i: usize = 0; i < <usize>bytes; i += 1) store<u8>(to + i, load<u8>(from + i));
  return to + <usize>bytes;
}

function writeZeros(to: usize, zeros: i32): usize {
  for (let i: usize = 0; i < <usize>zeros; i += 1) store<u8>(to + i, 0x30);
  return to + <usize>zeros;
}
