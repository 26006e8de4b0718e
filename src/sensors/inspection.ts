// One sensor's live state as plain data, for people and the HTTP API. Reads the columns, changes
// nothing.
import type { BaselineSummary } from './baseline.ts';
import {
  paneAnomalies,
  paneCount,
  paneM2,
  paneMax,
  paneMean,
  paneMin,
  paneWindowEnd,
} from './pane.ts';
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

export interface SensorInspection {
  readonly sensor_id: string;
  readonly lifecycle: string;
  readonly baseline: BaselineSummary;
  /** In window order. */
  readonly open_windows: readonly OpenWindowInspection[];
}

/** Returns the sensor's state, or undefined when the shard has never given it a slot. */
export function inspectSensor(
  columns: ShardColumns,
  sensorId: string,
  windowMs: number,
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
    open_windows: openWindows.sort((a, b) => a.window_start - b.window_start),
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
