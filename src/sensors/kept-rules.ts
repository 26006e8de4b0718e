// A group keeps the rules it began with. Where a later version has another default for a setting
// that changes results, a group without the setting goes on as it began, and a new group
// begins with the new default. Pure.
import { fingerprintSettings, semanticsFingerprint } from './fingerprint.ts';
import type { Semantics } from './semantics.ts';

export interface KeptRule {
  /** The setting's name, as in the environment and in the fingerprint. */
  readonly setting: string;
  /** The value that a fingerprint without the setting stands for: it is older than the setting. */
  readonly legacy: string;
  /**
   * Returns `semantics` with the setting at `value`, as a fingerprint has it; unchanged where it is
   * no value of it.
   */
  apply(semantics: Semantics, value: string): Semantics;
}

/** The settings whose default has changed. */
export const keptRules: readonly KeptRule[] = [
  {
    setting: 'FAST_CLOCKS',
    legacy: 'lead',
    apply: (semantics, value) =>
      value === 'lead' || value === 'hold' ? { ...semantics, fastClocks: value } : semantics,
  },
];

export interface Began {
  /** The fingerprint that the group has committed; undefined for a new group. */
  readonly committed: string | undefined;
  /**
   * Whether the user has set the setting: what is set is never replaced, and where it differs the
   * start is refused.
   */
  isSet(setting: string): boolean;
}

export interface Kept {
  readonly semantics: Semantics;
  /** One line a rule that differs from the default, for people. */
  readonly lines: readonly string[];
}

/**
 * Returns `semantics` with the rules that the group began with wherever the user has not set them.
 */
export function keepRules(
  semantics: Semantics,
  { committed, isSet }: Began,
  rules: readonly KeptRule[] = keptRules,
): Kept {
  if (committed === undefined) return { semantics, lines: [] };
  const began = fingerprintSettings(committed);
  const lines: string[] = [];
  let kept = semantics;
  for (const { setting, legacy, apply } of rules) {
    const value = began.get(setting) ?? legacy;
    const now = fingerprintSettings(semanticsFingerprint(kept).text).get(setting) ?? legacy;
    if (value === now || isSet(setting)) continue;
    const applied = apply(kept, value);
    if (applied === kept) continue;
    kept = applied;
    lines.push(
      `${setting}=${value} is kept, because this group began with it; a new group has ${setting}=${now}`,
    );
  }
  return { semantics: kept, lines };
}
