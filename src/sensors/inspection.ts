// One sensor's live state as plain data, for people and the HTTP API. Reads the columns, changes
// nothing.
import { inspectAlarms, type AlarmsInspection } from './alarm-inspection.ts';
import type { Baseline, BaselineSummary } from './baseline.ts';
import type { DayProfile } from './day-profile.ts';
import {
  paneAnomalies,
  paneCount,
  paneM2,
  paneMax,
  paneMean,
  paneMin,
  paneWindowEnd,
} from './pane.ts';
import type { Presence } from './presence.ts';
import { presenceDoubles, presenceSlot } from './presence-slot.ts';
import { lifecycleTable, type ShardColumns } from './shard-columns.ts';

export interface OpenWindowInspection {
  readonly window_start: number;
  readonly window_end: number;
  readonly count: number;
  readonly avg_value: number;
  readonly min_value: number;
  readonly max_value: number;
  readonly std_dev: number;
  readonly anomaly_count: number;
}

export interface PresenceInspection {
  /** Event time of the last reading, ms; null before the first. */
  readonly heard: number | null;
  readonly offline: boolean;
  /** After how much silence it is offline, ms; null where it never is, or its rhythm is unknown. */
  readonly silent_after: number | null;
  /** The last readings that are equal; null for a sensor that has never moved. */
  readonly equal_readings: number | null;
}

export interface LearnedInspection {
  readonly readings: number;
  /** Readings that a sensor needs before its readings are judged in full. */
  readonly readings_needed: number;
  /** Left out where the method learns no profile of the day. */
  readonly day_profile?: DayProfile;
}

export interface SensorInspection {
  readonly sensor_id: string;
  readonly lifecycle: string;
  readonly baseline: BaselineSummary;
  readonly learned: LearnedInspection;
  /** In window order. */
  readonly open_windows: readonly OpenWindowInspection[];
  /** Left out where SILENT_AFTER and STUCK_AFTER are unset. */
  readonly presence?: PresenceInspection;
  /** Left out where ALARM_RESOLVE_AFTER is unset. */
  readonly alarms?: AlarmsInspection;
}

/** Returns the sensor's state, or undefined when the shard has never given it a slot. */
export function inspectSensor(
  columns: ShardColumns,
  sensorId: string,
  windowMs: number,
  presence: Presence | undefined,
): SensorInspection | undefined {
  const id = new TextEncoder().encode(sensorId);
  const slot = columns.table.find(id, 0, id.length);
  if (slot < 0) return undefined;
  const { panes } = columns;
  const openWindows: OpenWindowInspection[] = [];
  for (let pane = panes.head(slot); pane >= 0; pane = panes.nextOfSensor(pane)) {
    openWindows.push(inspectPane(panes.columns, pane * panes.stride, windowMs));
  }
  return {
    sensor_id: sensorId,
    lifecycle: lifecycleTable.states[columns.lifecycle[slot] ?? 0] ?? '',
    baseline: columns.baseline.summarize(slot),
    learned: inspectLearned(columns.baseline, slot),
    open_windows: openWindows.sort((a, b) => a.window_start - b.window_start),
    ...(presence === undefined ? {} : { presence: inspectPresence(columns, slot, presence) }),
    ...(columns.alarms.length === 0 ? {} : { alarms: inspectAlarms(columns.alarms, slot) }),
  };
}

function inspectLearned(baseline: Baseline, slot: number): LearnedInspection {
  const profile = baseline.dayProfile?.(slot);
  return {
    readings: baseline.readingCount(slot),
    readings_needed: baseline.warmReadings,
    ...(profile === undefined ? {} : { day_profile: profile }),
  };
}

function inspectPresence(
  columns: ShardColumns,
  slot: number,
  presence: Presence,
): PresenceInspection {
  const base = slot * presenceDoubles;
  const at = (column: number): number => columns.presence[base + column] ?? 0;
  const limitMs = presence.limitOf(columns.presence, base);
  const run = at(presenceSlot.run);
  return {
    heard: run === 0 ? null : at(presenceSlot.heardMs),
    offline: at(presenceSlot.offline) !== 0,
    silent_after: limitMs === Infinity ? null : limitMs,
    equal_readings: run > 0 ? run : null,
  };
}

function inspectPane(panes: Float64Array, base: number, windowMs: number): OpenWindowInspection {
  const at = (column: number): number => panes[base + column] ?? 0;
  return {
    window_start: at(paneWindowEnd) - windowMs,
    window_end: at(paneWindowEnd),
    count: at(paneCount),
    avg_value: at(paneMean),
    min_value: at(paneMin),
    max_value: at(paneMax),
    std_dev: Math.sqrt(at(paneM2) / at(paneCount)),
    anomaly_count: at(paneAnomalies),
  };
}
