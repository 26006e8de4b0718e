// The settings that change results. They are fingerprinted into committed metadata and snapshots: a
// change of one is a new GROUP_ID and OUTPUT_TOPIC, never a silent mix.
import { decimal, oneOf, required, someOf, whole, type Setting } from './setting.ts';
import { windowList } from './window-list.ts';
import { allFeatures, defaultFeatures } from '../sensors/features.ts';
import type { LargerWindow } from '../sensors/larger-window.ts';

export interface SemanticsValues {
  readonly WINDOW_MS: number;
  readonly WATERMARK_DELAY_MS: number;
  readonly MAX_AHEAD_MS: number;
  readonly FAST_CLOCKS: 'hold' | 'lead';
  readonly BASELINE: 'adaptive' | 'cumulative';
  readonly BASELINE_HALF_LIFE: number;
  readonly ANOMALY_THRESHOLD: number;
  readonly ANOMALY_WARMUP: number;
  readonly ALARM_REST: 'calm' | 'fixed';
  readonly INPUT_KEYING: 'auto' | 'rekey';
  readonly SENSORS_MAX: number;
  readonly FEATURES: readonly string[];
  readonly WINDOWS: readonly LargerWindow[];
}

const dayMs = 86_400_000;
const aBillion = 1_000_000_000;

/** Every feature a row can have. */
export const knownFeatures: readonly string[] = allFeatures.map(({ name }) => name);

const defaultFeatureNames: readonly string[] = defaultFeatures.map(({ name }) => name);

/** The settings that change results, in the order they are shown. */
export const semanticsSettings: {
  readonly [K in keyof SemanticsValues]: Setting<SemanticsValues[K]>;
} = {
  WINDOW_MS: required(
    'semantics',
    60_000,
    whole({ min: 10, max: dayMs }),
    'Length of a window, in milliseconds like every setting that ends in _MS.',
  ),
  WATERMARK_DELAY_MS: required(
    'semantics',
    5_000,
    whole({ min: 0, max: dayMs }),
    'Disorder allowed: a window closes when event time is this far past its end.',
  ),
  MAX_AHEAD_MS: required(
    'semantics',
    300_000,
    whole({ min: 0, max: 3_650 * dayMs }),
    'A reading further than this past its record’s Kafka timestamp is a dead letter.',
  ),
  FAST_CLOCKS: required(
    'semantics',
    'hold',
    oneOf(['hold', 'lead']),
    'hold: event time never runs ahead of the records’ Kafka timestamps; lead: of the fastest clock.',
  ),
  BASELINE: required(
    'semantics',
    'adaptive',
    oneOf(['adaptive', 'cumulative']),
    'What a reading is compared with: a baseline that forgets, or all readings of its sensor.',
  ),
  BASELINE_HALF_LIFE: required(
    'semantics',
    4_000,
    whole({ min: 10, max: aBillion }),
    'BASELINE=adaptive: half-life of the baseline, in readings.',
  ),
  ANOMALY_THRESHOLD: required(
    'semantics',
    2.5,
    decimal({ min: 0.1, max: 1_000 }),
    'A reading counts as an anomaly when its |z| is above this.',
  ),
  ANOMALY_WARMUP: required(
    'semantics',
    2,
    whole({ min: 2, max: aBillion }),
    'BASELINE=cumulative: readings of a sensor before any is judged.',
  ),
  ALARM_REST: required(
    'semantics',
    'calm',
    oneOf(['calm', 'fixed']),
    'BASELINE=adaptive: after an alarm a sensor rests 144 readings, a calm one counting four; fixed: 72.',
  ),
  INPUT_KEYING: required(
    'semantics',
    'auto',
    oneOf(['auto', 'rekey']),
    'auto forwards the readings whose key is not their sensor id; rekey forwards all.',
  ),
  SENSORS_MAX: required(
    'semantics',
    1_000_000,
    whole({ min: 1, max: 16_000_000 }),
    'Sensors one shard (partition) takes; readings of further ids are dead letters.',
  ),
  FEATURES: required(
    'semantics',
    defaultFeatureNames,
    someOf(knownFeatures),
    'The features a row has; docs/features.md says what each is and costs.',
  ),
  WINDOWS: windows(
    'Larger windows beside the base ones of WINDOW_MS, each with a topic and a Feast view.',
  ),
};

function windows(meaning: string): Setting<readonly LargerWindow[]> {
  const [schema, expected] = windowList();
  const none = { unset: [], unsetText: '(none)' };
  return { group: 'semantics', ...none, expected, meaning, secret: false, schema };
}
