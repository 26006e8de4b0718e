// The former settings of a shard, as its metadata keeps them: those that differ, since two whole
// fingerprints would not fit.
import {
  differingSettings,
  fingerprintSettings,
  semanticsFingerprint,
} from '../sensors/fingerprint.ts';
import type { Semantics } from '../sensors/semantics.ts';

/** Returns the settings of `former` that differ from those of `now`, as `NAME=value` texts. */
export function formerSettings(former: Semantics, now: Semantics): string {
  const before = fingerprintSettings(semanticsFingerprint(former).text);
  const after = fingerprintSettings(semanticsFingerprint(now).text);
  return differingSettings(before, after)
    .map((name) => `${name}=${before.get(name) ?? ''}`)
    .join(' ');
}
