// Every setting. `parseConfig`, `--help` and docs/configuration.md all come from this one table, so none of them can
// disagree with another.
import { processSettings, type ProcessValues } from './process-settings.ts';
import { semanticsSettings, type SemanticsValues } from './semantics-settings.ts';
import type { Setting } from './setting.ts';

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

/**
 * Returns the topic of flagged readings: where ANOMALY_TOPIC is unset it follows OUTPUT_TOPIC, so that a new one of
 * that never mixes with the anomalies of the old.
 */
export function anomalyTopicOf({
  ANOMALY_TOPIC: named,
  OUTPUT_TOPIC: output,
}: SettingValues): string {
  if (named !== undefined) return named;
  return output === settings.OUTPUT_TOPIC.unset ? 'sensor_anomalies' : `${output}.anomalies`;
}
