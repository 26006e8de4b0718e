// A rule between settings, as data.
import type { SettingName, SettingValues } from './settings.ts';

export interface Relation {
  /** The settings involved; the rule is checked only if each of them is valid. */
  readonly names: readonly SettingName[];
  readonly holds: (values: SettingValues) => boolean;
  readonly problem: (values: SettingValues) => string;
}

/** Returns those of `names` that are set. */
export function setAmong(
  values: SettingValues,
  names: readonly SettingName[],
): readonly SettingName[] {
  return names.filter((name) => values[name] !== undefined);
}
