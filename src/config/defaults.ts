// Defaults that depend on other settings or on the machine. All others are in the table of
// settings.
import { join } from 'node:path';

import { settings, type SettingValues } from './settings.ts';

export interface Machine {
  readonly cores: number;
  /** Reads the file that INPUT_SCHEMA names; from the disk where left out. */
  readonly readText?: (path: string) => string;
}

type Following =
  | 'ANOMALY_EVENTS'
  | 'ANOMALY_TOPIC'
  | 'SIMULATED_SENSORS'
  | 'SNAPSHOT_DIR'
  | 'SNAPSHOT_STORE'
  | 'WORKERS';

/** The values of all settings, with every default filled in. */
export type FilledValues = Omit<SettingValues, Following> & {
  readonly [K in Following]: NonNullable<SettingValues[K]>;
};

const workersDefaultMax = 4;
const simulatedSensorsDefault = 10;

/** Returns `values` with the dependent defaults filled in. */
export function fillDefaults(values: SettingValues, { cores }: Machine): FilledValues {
  const embedded = values.KAFKA_BROKERS === undefined;
  // Simulated sensors must not mix with real ones, and a declared shape means that there are some.
  const isFed = values.MQTT_URL !== undefined || values.HTTP_WRITE_TOKEN !== undefined;
  const simulated = embedded && values.INPUT_SCHEMA === undefined && !isFed;
  return {
    ...values,
    ANOMALY_EVENTS: values.ANOMALY_EVENTS ?? (values.BASELINE === 'cumulative' ? 'all' : 'alarms'),
    ANOMALY_TOPIC: anomalyTopicOf(values),
    SIMULATED_SENSORS: values.SIMULATED_SENSORS ?? (simulated ? simulatedSensorsDefault : 0),
    SNAPSHOT_DIR: values.SNAPSHOT_DIR ?? join(values.DATA_DIR, 'snapshots'),
    SNAPSHOT_STORE: values.SNAPSHOT_STORE ?? (embedded ? 'file' : 'kafka'),
    WORKERS: values.WORKERS ?? Math.max(1, Math.min(workersDefaultMax, cores - 1)),
  };
}

/**
 * Returns the topic of flagged readings. When ANOMALY_TOPIC is unset it follows OUTPUT_TOPIC, so
 * that a new output topic never mixes with the anomalies of the old one.
 */
export function anomalyTopicOf(
  values: Pick<SettingValues, 'ANOMALY_TOPIC' | 'OUTPUT_TOPIC'>,
): string {
  const { ANOMALY_TOPIC: named, OUTPUT_TOPIC: output } = values;
  if (named !== undefined) return named;
  return output === settings.OUTPUT_TOPIC.unset ? 'sensor_anomalies' : `${output}.anomalies`;
}
