// One thing `doctor` has looked at.

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly found: string;
  /** What to do about it; absent where all is well. */
  readonly cure?: string;
}

/** Returns a check that is well. */
export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found };
}

/** Returns a check that found a risk. */
export function warn(name: string, found: string, cure: string): Check {
  return { name, status: 'warn', found, cure };
}

/** Returns a check that found what will not work. */
export function fail(name: string, found: string, cure: string): Check {
  return { name, status: 'fail', found, cure };
}

const skewMsMax = 1_000;
const skewMsFailed = 30_000;

/** Returns the check of this machine's clock against another's. */
export function clockCheck(name: string, skewMs: number): Check {
  const found = `${(Math.abs(skewMs) / 1_000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead'}`;
  if (Math.abs(skewMs) <= skewMsMax) return ok(name, 'the clocks agree');
  const cure = 'synchronise the clocks (NTP): idle marks and MAX_AHEAD_MS compare them';
  const check = Math.abs(skewMs) > skewMsFailed ? fail : warn;
  return check(name, `this machine is ${found}`, cure);
}
