// JSON numbers straight from bytes, correctly rounded: the same double as JSON.parse, bit for bit,
// without a string. Ordinary doubles are written with 16 or 17 digits, so the long case must be
// fast too.
//
//   ≤ 18 digits:  M = a · 10^n + b, exact as the unevaluated sum high + low of two doubles
//   low = 0 and |exponent| ≤ 22:  one rounding of high ·/÷ 10^|exponent|               (Clinger, 1990)
//   |exponent| ≤ 200:             double-double, accepted only where its error cannot change the rounding (Ziv, 1991)
//   anything else, ~2^-45 of the long ones included:  Number(text)

/**
 * The number found by the last successful `scanNumber`. A slot, because a returned double may be
 * boxed.
 */
export const scannedNumber: Float64Array = new Float64Array(1);

const text = new TextDecoder('latin1');
const exactPowerMax = 22; // 10^22 is the last power of ten that a double holds exactly
const powerMax = 200;
const splitter = 134_217_729; // 2^27 + 1, Veltkamp's constant

/**
 * 10^i = powerHigh + powerLow up to 2^-106 relative; powerTop + powerBottom = powerHigh, 26 bits
 * each.
 */
const powerHigh = new Float64Array(powerMax + 1);
const powerLow = new Float64Array(powerMax + 1);
const powerTop = new Float64Array(powerMax + 1);
const powerBottom = new Float64Array(powerMax + 1);
for (let i = 0; i <= powerMax; i += 1) {
  const power = 10n ** BigInt(i);
  const high = Number(power);
  const spread = splitter * high;
  powerHigh[i] = high;
  powerLow[i] = Number(power - BigInt(high));
  powerTop[i] = spread - (spread - high);
  powerBottom[i] = high - (spread - (spread - high));
}

/**
 * Returns the position after the JSON number that begins at `start`, its value in
 * `scannedNumber[0]`; -1 where no JSON number begins there. The caller guarantees that a byte which
 * no number contains follows in `bytes` (the scanner's closing brace), so that no length is checked
 * per digit. What may follow a number is the caller's business. Error bound: none, the result is
 * the double nearest to the text, ties to even. Source: W. D. Clinger, How to Read Floating Point
 * Numbers Accurately (1990); T. J. Dekker (1971) for the products.
 */
export function scanNumber(bytes: Uint8Array, start: number): number {
  // hot path
  let at = start;
  let byte = bytes[at] as number;
  if (byte === minus) byte = bytes[(at += 1)] as number;
  if (byte < zero || byte > nine) return -1;
  let first = 0; // the first 9 significant digits
  let second = 0; // the next 9
  let digits = 0;
  if (byte === zero) {
    byte = bytes[(at += 1)] as number;
    if (byte >= zero && byte <= nine) return -1;
  } else {
    do {
      if (digits < 9) first = (first * 10 + (byte - zero)) | 0;
      else if (digits < 18) second = (second * 10 + (byte - zero)) | 0;
      digits += 1;
      byte = bytes[(at += 1)] as number;
    } while (byte >= zero && byte <= nine);
  }
  let exponent = 0;
  if (byte === point) {
    const fraction = at + 1;
    byte = bytes[(at += 1)] as number;
    if (byte < zero || byte > nine) return -1;
    do {
      if (digits < 9) first = (first * 10 + (byte - zero)) | 0;
      else if (digits < 18) second = (second * 10 + (byte - zero)) | 0;
      if (digits !== 0 || byte !== zero) digits += 1;
      byte = bytes[(at += 1)] as number;
    } while (byte >= zero && byte <= nine);
    exponent = fraction - at;
  }
  if ((byte | 0x20) === letterE) {
    const end = exponentEnd(bytes, at + 1);
    if (end < 0) return -1;
    exponent += exponentValue(bytes, at + 1, end);
    at = end;
  }
  if (digits > 18) convertText(bytes, start, at);
  else if (!convert(first, second, digits, exponent)) convertText(bytes, start, at);
  else if (bytes[start] === minus) scannedNumber[0] = -(scannedNumber[0] as number);
  return at;
}

const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const letterE = 0x65;

function exponentEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  if (bytes[at] === minus || bytes[at] === plus) at += 1;
  const firstDigit = at;
  while ((bytes[at] as number) >= zero && (bytes[at] as number) <= nine) at += 1;
  return at === firstDigit ? -1 : at;
}

function exponentValue(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  const signed = bytes[start] === minus || bytes[start] === plus;
  for (let at = signed ? start + 1 : start; at < end; at += 1) {
    // Beyond 10^8 the exact exponent does not matter here: convert() leaves the number to
    // Number(text).
    if (value < 100_000_000) value = value * 10 + ((bytes[at] as number) - zero);
  }
  return bytes[start] === minus ? -value : value;
}

function convertText(bytes: Uint8Array, start: number, end: number): void {
  scannedNumber[0] = Number(text.decode(bytes.subarray(start, end)));
}

/**
 * Puts first · 10^(digits − 9) + second, times 10^exponent, into the slot; false where it cannot be
 * sure.
 */
function convert(first: number, second: number, digits: number, exponent: number): boolean {
  if (digits === 0) {
    scannedNumber[0] = 0;
    return true;
  }
  // first < 2^30 and 10^n = 5^n · 2^n with 5^n < 2^21, so the product is exact; the sum is, as high
  // + low.
  const shifted = digits <= 9 ? first : first * (powerHigh[digits - 9] as number);
  const high = shifted + second;
  const low = second - (high - shifted);
  if (low === 0 && exponent >= -exactPowerMax && exponent <= exactPowerMax) {
    scannedNumber[0] =
      exponent < 0
        ? high / (powerHigh[-exponent] as number)
        : high * (powerHigh[exponent] as number);
    return true;
  }
  if (exponent < -powerMax || exponent > powerMax) return false;
  return exponent < 0 ? divideByPower(high, low, -exponent) : multiplyByPower(high, low, exponent);
}

/**
 * (high + low) / 10^power. The remainder high − q · 10^power is exact; the correction's error is
 * below 2^-101 |q|: four roundings of terms below 2^-51 |q|, and the power's own 2^-106.
 */
function divideByPower(high: number, low: number, power: number): boolean {
  const divisor = powerHigh[power] as number;
  const quotient = high / divisor;
  const product = quotient * divisor;
  const error = productError(quotient, product, power);
  const rest = high - product - error + (low - quotient * (powerLow[power] as number));
  return roundSum(quotient, rest / divisor);
}

/** (high + low) · 10^power, with the same bound on the correction's error. */
function multiplyByPower(high: number, low: number, power: number): boolean {
  const factor = powerHigh[power] as number;
  const product = high * factor;
  const error = productError(high, product, power);
  return roundSum(product, error + (low * factor + high * (powerLow[power] as number)));
}

/**
 * x · 10^power − product, exactly (Dekker's product; the ranges here exclude overflow and
 * underflow).
 */
function productError(x: number, product: number, power: number): number {
  const spread = splitter * x;
  const top = spread - (spread - x);
  const bottom = x - top;
  const powTop = powerTop[power] as number;
  const powBottom = powerBottom[power] as number;
  return top * powTop - product + top * powBottom + bottom * powTop + bottom * powBottom;
}

/**
 * Puts the double nearest to the true value into the slot, where the true value is main +
 * correction ± 2^-98 |main|: rounding is monotone, so if both ends of that interval round alike, so
 * does the value. Else returns false.
 */
function roundSum(main: number, correction: number): boolean {
  const margin = Math.abs(main) * 2 ** -98;
  const least = main + (correction - margin);
  if (least !== main + (correction + margin)) return false;
  scannedNumber[0] = least;
  return true;
}
