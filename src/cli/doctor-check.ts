// The result of one check of `doctor`.

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** The cure; absent if the check passed. */
  readonly cure?: string;
}

/** Returns a check that passed. */
export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found };
}

/** Returns a check that found a risk. */
export function warn(name: string, found: string, cure: string): Check {
  return { name, status: 'warn', found, cure };
}

/** Returns a check that found something that will not work. */
export function fail(name: string, found: string, cure: string): Check {
  return { name, status: 'fail', found, cure };
}

const skewMsMax = 1_000;
const skewMsFailed = 30_000;

/** Returns the comparison of this machine's clock with another; `skewMs` > 0 when it is ahead. */
export function clockCheck(name: string, skewMs: number): Check {
  const found = `${(Math.abs(skewMs) / 1_000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead'}`;
  if (Math.abs(skewMs) <= skewMsMax) return ok(name, 'the clocks agree');
  const cure = 'synchronise the clocks (NTP): idle marks and MAX_AHEAD_MS compare them';
  const check = Math.abs(skewMs) > skewMsFailed ? fail : warn;
  return check(name, `this machine is ${found}`, cure);
}
