// Which of the readings folded are flagged, and against what: by a baseline for each sensor.
import { adaptiveVerdicts, cumulativeVerdicts, type Verdict } from './baseline-oracle.ts';
import { robustVerdicts } from './robust-oracle.ts';
import type { OracleReading, OracleSettings } from './oracle.ts';

/** A reading that is an anomaly, or at which an alarm is raised, with what it was held against. */
export interface ExpectedAnomaly extends Omit<Verdict, 'anomaly'> {
  readonly partition: number;
  readonly offset: number;
  readonly sensor_id: string;
  readonly timestamp: number;
  readonly value: number;
}

/** Returns the verdict on each reading, by its offset. */
export function verdictsOf(
  accepted: readonly (OracleReading & { readonly resets: number })[],
  settings: OracleSettings,
): ReadonlyMap<number, Verdict> {
  const verdicts = new Map<number, Verdict>();
  const baselineOf = (reading: (typeof accepted)[number]): string =>
    `${reading.resets} ${reading.sensorId}`;
  for (const ofSensor of grouped(accepted, baselineOf).values()) {
    const values = ofSensor.map((reading) => reading.value);
    const judged =
      settings.baseline === 'cumulative'
        ? cumulativeVerdicts(values, settings)
        : settings.baseline === 'robust'
          ? robustVerdicts(ofSensor, settings)
          : adaptiveVerdicts(values, settings);
    ofSensor.forEach((reading, index) => {
      const verdict = judged[index];
      if (verdict !== undefined) verdicts.set(reading.offset, verdict);
    });
  }
  return verdicts;
}

/** Returns what must be told of the readings of `partition`. */
export function anomaliesOf(
  partition: number,
  accepted: readonly OracleReading[],
  verdicts: ReadonlyMap<number, Verdict>,
): ExpectedAnomaly[] {
  return accepted.flatMap(({ offset, sensorId: sensor_id, timestampMs: timestamp, value }) => {
    const verdict = verdicts.get(offset);
    if (verdict === undefined || !(verdict.anomaly || verdict.alarm)) return [];
    const { anomaly: _anomaly, ...why } = verdict;
    return [{ partition, offset, sensor_id, timestamp, value: value + 0, ...why }];
  });
}

/** Returns the items in their order, by key in the order of the keys' first items. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
