// JSON numbers straight from bytes, correctly rounded: the same double as JSON.parse, bit for bit.
// A decimal w · 10^q is w, normalised to 64 bits, times 5^q to 128 bits: the first 54 bits of the
// product round to the double. Source: D. Lemire, Number Parsing at a Gigabyte per Second,
// Software: Practice and Experience 51 (2021) 1700; that the product always decides: N. Mushtak, D.
// Lemire, Fast Number Parsing Without Fallback, SPE 53 (2023) 1467.
import { powersOfFive } from './layout';

const powerMin: i32 = -342;
const powerMax: i32 = 308;

const digitsMax: i32 = 19; // of which 64 bits hold any

/** The number that the last successful `scanNumber` found. */
export let scannedNumber: f64 = 0;

/** Its digits where it is written as an integer of up to 19 of them. */
export let scannedInteger: u64 = 0;
export let isScannedNegative: bool = false;
/** Digits of an integer, 0 where it is written with a point or an exponent. */
export let integerDigits: i32 = 0;

/**
 * Returns the position after the JSON number that begins at `start`; 0 where none begins there, or
 * where it is not sure of the double: subnormal ones, infinite ones, and one in 10^19 of those with
 * more than 19 digits. A byte that no number contains must follow.
 */
export function scanNumber(start: usize): usize {
  let at = start;
  let byte: u32 = load<u8>(at);
  const negative = byte == 0x2d;
  if (negative) byte = load<u8>((at += 1));
  let digit = byte - 0x30;
  if (digit > 9) return 0;
  let w: u64 = 0;
  let digits: i32 = 0;
  let q: i32 = 0;
  if (digit == 0) {
    byte = load<u8>((at += 1));
    if (byte - 0x30 <= 9) return 0;
  } else {
    if (areDigits(load<u64>(at))) {
      w = eightDigits(load<u64>(at));
      digits = 8;
      byte = load<u8>((at += 8));
      digit = byte - 0x30;
    }
    while (digit <= 9) {
      if (digits < digitsMax) w = w * 10 + digit;
      else q += 1;
      digits += 1;
      byte = load<u8>((at += 1));
      digit = byte - 0x30;
    }
  }
  const whole = at;
  integerDigits = max(digits, 1);
  scannedInteger = w;
  isScannedNegative = negative;
  if (byte == 0x2e) {
    byte = load<u8>((at += 1));
    digit = byte - 0x30;
    if (digit > 9) return 0;
    while (w != 0 && digits + 8 <= digitsMax && areDigits(load<u64>(at))) {
      w = w * 100_000_000 + eightDigits(load<u64>(at));
      q -= 8;
      digits += 8;
      byte = load<u8>((at += 8));
      digit = byte - 0x30;
    }
    while (digit <= 9) {
      if (digits < digitsMax) {
        w = w * 10 + digit;
        q -= 1;
      }
      if (w != 0) digits += 1;
      byte = load<u8>((at += 1));
      digit = byte - 0x30;
    }
  }
  if ((byte | 0x20) == 0x65) {
    byte = load<u8>((at += 1));
    const falling = byte == 0x2d;
    if (falling || byte == 0x2b) byte = load<u8>((at += 1));
    digit = byte - 0x30;
    if (digit > 9) return 0;
    let exponent: i32 = 0;
    do {
      // Beyond 10^8 the exact exponent does not matter: it is out of range.
      if (exponent < 100_000_000) exponent = exponent * 10 + digit;
      byte = load<u8>((at += 1));
      digit = byte - 0x30;
    } while (digit <= 9);
    q += falling ? -exponent : exponent;
  }
  if (at != whole) integerDigits = 0;
  const magnitude = nearest(w, q);
  // The exact number lies between w and w + 1.
  if (digits > digitsMax && magnitude != nearest(w + 1, q)) return 0;
  if (isNaN(magnitude)) return 0;
  scannedNumber = negative ? -magnitude : magnitude;
  return at;
}

/** Whether all eight bytes are digits. */
function areDigits(bytes: u64): bool {
  const tens: u64 = 0xf0f0f0f0f0f0f0f0;
  const carried = (bytes + 0x0606060606060606) & tens;
  return ((bytes & tens) | (carried >> 4)) == 0x3333333333333333;
}

/**
 * The number that eight digits are, the first in the lowest byte. Source: Lemire (2021), section 7.
 */
function eightDigits(bytes: u64): u64 {
  const byte: u64 = 0x000000ff000000ff;
  const digits = bytes - 0x3030303030303030;
  const pairs = digits * 10 + (digits >> 8);
  const even = (pairs & byte) * 0x000f424000000064;
  const odd = ((pairs >> 16) & byte) * 0x0000271000000001;
  return (even + odd) >> 32;
}

/** Returns the double nearest to w · 10^q, ties to even; NaN where that is no normal double. */
function nearest(w: u64, q: i32): f64 {
  if (w == 0) return 0;
  if (q < powerMin || q > powerMax) return NaN;
  const leading = clz(w);
  const normal = w << leading;
  const power = powersOfFive + ((<usize>(q - powerMin)) << 4);
  let high = highProduct(normal, load<u64>(power));
  let low = normal * load<u64>(power);
  if ((high & 0x1ff) == 0x1ff) {
    // The bits to be rounded depend on a carry from the power's second word.
    const carried = highProduct(normal, load<u64>(power, 8));
    low += carried;
    if (low < carried) high += 1;
  }
  const upper = high >> 63;
  let mantissa = high >> (upper + 9);
  let exponent = ((217706 * q) >> 16) + 63 + <i32>(upper - leading) + 1023;
  const isTie = low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1;
  if (isTie && mantissa << (upper + 9) == high) mantissa &= ~(<u64>1);
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  if (mantissa >= 1 << 53) {
    mantissa = 1 << 52;
    exponent += 1;
  }
  if (exponent <= 0 || exponent >= 0x7ff) return NaN;
  return reinterpret<f64>((mantissa & ((1 << 52) - 1)) | ((<u64>exponent) << 52));
}

/** Returns the upper 64 bits of a · b. */
export function highProduct(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const other = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (other >> 32);
}
