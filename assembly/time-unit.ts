// src/sensors/time-unit.ts for numbers: a time in the declared unit → ms. What it is not sure of is
// NaN, which is no reading, and left to the host.
import { timeUnit } from './layout';
import { integerDigits, isScannedNegative, scannedInteger, scannedNumber } from './number';
import { safeIntegerMax } from './reading';

const seconds: i32 = 1;
const micros: i32 = 2;
const nanos: i32 = 3;

/** Below this adding a half rounds as the host's Math.round does. */
const roundedMax: f64 = 4e15;

export function inMs(time: f64): f64 {
  const unit = load<i32>(timeUnit);
  if (unit == 0) return time;
  if (unit == seconds) {
    const scaled = time * 1e6;
    return scaled >= 1 && scaled < roundedMax ? floor(floor(scaled + 0.5) / 1e3) : NaN;
  }
  if (floor(time) != time) return NaN;
  if (unit == micros) return floor(time / 1e3);
  if (unit != nanos) return NaN;
  if (abs(time) > safeIntegerMax) return floor(time / 1e6);
  const ns = <i64>time;
  return nanosInMs(<u64>abs<i64>(ns), ns < 0);
}

/** Returns the number that was just scanned in ms: nanoseconds by their digits. */
export function scannedMs(): f64 {
  if (load<i32>(timeUnit) != nanos || integerDigits == 0) return inMs(scannedNumber);
  return integerDigits > 19 ? NaN : nanosInMs(scannedInteger, isScannedNegative);
}

function nanosInMs(magnitude: u64, isNegative: bool): f64 {
  if (!isNegative) return <f64>(magnitude / 1_000_000);
  return -(<f64>((magnitude + 999_999) / 1_000_000));
}

/** Whether a time may be in another unit than the declared one: the host looks at it. */
export function isDoubtful(timeMs: f64, recordTimeMs: f64): bool {
  return (timeMs > 0 && timeMs < 1e10) || timeMs > recordTimeMs + 1_000;
}
