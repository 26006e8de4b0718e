// Every setting. `parseConfig`, `--help` and docs/configuration.md all come from this one table, so none of them can
// disagree with another.
import { processSettings, type ProcessValues } from './config-process.ts';
import { semanticsSettings, type SemanticsValues } from './config-semantics.ts';
import type { Setting } from './config-setting.ts';

export type SettingValues = ProcessValues & SemanticsValues;
export type SettingName = keyof SettingValues;

/** The settings, in the order they are shown. */
export const settings: { readonly [K in SettingName]: Setting<SettingValues[K]> } = {
  ...processSettings,
  ...semanticsSettings,
};

/** The names of all settings, in the order they are shown. */
export const settingNames: readonly SettingName[] = Object.keys(settings).filter(isSettingName);

/** Returns whether `value` names a setting. */
export function isSettingName(value: string): value is SettingName {
  return Object.hasOwn(settings, value);
}
