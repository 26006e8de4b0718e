// The plan of a migration: for a group that goes on under other semantic settings, it says of each
// setting what is kept, what starts afresh and what is impossible. migrated-state.ts does it.
import { watchesAlarms } from './alarm-slot.ts';
import { selectFeatures } from './features.ts';
import { differingSettings, fingerprintSettings, semanticsFingerprint } from './fingerprint.ts';
import type { LargerWindow } from './larger-window.ts';
import { paneLayout } from './pane-layout.ts';
import { watchesPresence } from './presence-slot.ts';
import type { Semantics } from './semantics.ts';

export interface PlannedChange {
  /** The setting's name, as in the environment and in the fingerprint. */
  readonly setting: string;
  /**
   * `kept`: goes on as it is. `afresh`: begins at the switch. `dropped`: ends at the switch.
   * `impossible`: the state does not mean the same under the new value.
   */
  readonly outcome: 'kept' | 'afresh' | 'dropped' | 'impossible';
  /** For people: names and consequence and, where it is impossible, the cure. */
  readonly says: string;
}

type Change = Omit<PlannedChange, 'setting'>;
type Rule = (from: Semantics, to: Semantics) => readonly Change[];

const kept =
  (says: string): Rule =>
  () => [{ outcome: 'kept', says }];

const judged = kept('baselines stay as they are; readings from the switch on are judged by it');

const timed = kept('event time stays where it is, and closed windows stay closed');

const rules: Readonly<Record<string, Rule>> = {
  FEATURES: features,
  WINDOWS: windows,
  BASELINE: () => [
    { outcome: 'afresh', says: 'every baseline learns anew, and flags nothing while it warms up' },
  ],
  BASELINE_HALF_LIFE: judged,
  ANOMALY_THRESHOLD: judged,
  ANOMALY_WARMUP: judged,
  ALARM_REST: judged,
  WATERMARK_DELAY_MS: timed,
  MAX_AHEAD_MS: timed,
  FAST_CLOCKS: timed,
  SENSORS_MAX: kept('sensors stay; a partition that has more of them refuses'),
  SENSOR_TTL: sensorTtl,
  SILENT_AFTER: presence,
  STUCK_AFTER: presence,
  ALARM_RESOLVE_AFTER: alarms,
};

/**
 * Returns what a migration from `from` to `to` does, in the order of the settings; nothing where
 * they compute the same.
 */
export function planMigration(from: Semantics, to: Semantics): readonly PlannedChange[] {
  const before = fingerprintSettings(semanticsFingerprint(from).text);
  const now = fingerprintSettings(semanticsFingerprint(to).text);
  return differingSettings(before, now).flatMap((setting) =>
    (rules[setting] ?? impossible)(from, to).map((change) => ({ setting, ...change })),
  );
}

/** Returns the larger window of `windows` that is the same as `window`: rows, topic and view. */
export function sameWindow(windows: readonly LargerWindow[], window: LargerWindow): number {
  return windows.findIndex(
    ({ name, sizeMs, hopMs }) =>
      name === window.name && sizeMs === window.sizeMs && hopMs === window.hopMs,
  );
}

function impossible(): readonly Change[] {
  const says = 'open windows do not mean the same; start with a new GROUP_ID and OUTPUT_TOPIC';
  return [{ outcome: 'impossible', says }];
}

function features(from: Semantics, to: Semantics): readonly Change[] {
  const known = paneLayout(selectFeatures(from.features)).starts;
  const added = selectFeatures(to.features.filter((name) => !from.features.includes(name)));
  const fresh = added.filter(({ needs }) => needs.some((need) => !known.has(need)));
  const whole = added.filter((feature) => !fresh.includes(feature));
  const names = (some: typeof added): string => some.map(({ name }) => name).join(', ');
  const stay = to.features.filter((name) => from.features.includes(name));
  return [
    ...listed('kept', stay.join(', '), ''),
    ...listed('kept', names(whole), ': in every row from the switch on'),
    ...listed('afresh', names(fresh), ': absent from rows of windows that are open at the switch'),
    ...listed('dropped', from.features.filter((name) => !stay.includes(name)).join(', '), ''),
  ];
}

function windows(from: Semantics, to: Semantics): readonly Change[] {
  const names = (some: readonly LargerWindow[]): string => some.map(({ name }) => name).join(', ');
  const stay = to.windows.filter((window) => sameWindow(from.windows, window) >= 0);
  const fresh = to.windows.filter((window) => !stay.includes(window));
  const gone = from.windows.filter((window) => sameWindow(to.windows, window) < 0);
  return [
    ...listed('kept', names(stay), ''),
    ...listed('afresh', names(fresh), ': its first windows are those that begin after the switch'),
    ...listed('dropped', names(gone), ': its open windows give no row'),
  ];
}

function listed(outcome: Change['outcome'], names: string, says: string): readonly Change[] {
  return names === '' ? [] : [{ outcome, says: `${names}${says}` }];
}

function alarms(from: Semantics, to: Semantics): readonly Change[] {
  if (!watchesAlarms(to)) return [{ outcome: 'dropped', says: 'open alarms are never resolved' }];
  if (!watchesAlarms(from)) return [{ outcome: 'afresh', says: 'no sensor has an alarm yet' }];
  return [{ outcome: 'kept', says: 'open alarms are resolved after the new time' }];
}

function sensorTtl(from: Semantics, to: Semantics): readonly Change[] {
  if (to.sensorTtlMs === Infinity) return [{ outcome: 'dropped', says: 'no sensor is forgotten' }];
  if (from.sensorTtlMs !== Infinity)
    return kept('since when a sensor is quiet stays known')(from, to);
  return [{ outcome: 'afresh', says: 'a whole SENSOR_TTL begins at the switch for every sensor' }];
}

function presence(from: Semantics, to: Semantics): readonly Change[] {
  if (!watchesPresence(to)) return [{ outcome: 'dropped', says: 'sensors are not watched' }];
  if (watchesPresence(from)) return kept('when each sensor was heard stays known')(from, to);
  return [{ outcome: 'afresh', says: 'a sensor is watched from its next reading on' }];
}
