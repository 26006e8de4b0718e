// Lists the sensors of a shard for people: searched, filtered, sorted, one page at a time. Reads
// the columns and changes nothing. A page is what follows a place in the order, so a cursor stays
// valid while sensors come and go.
import { inspectAlarms, type AlarmsInspection } from './alarm-inspection.ts';
import { alarmCauses, alarmDoubles, alarmSlot, stateOf } from './alarm-slot.ts';
import { lifecycleIndex } from './lifecycle.ts';
import { compareNaturally } from './natural-order.ts';
import { paneAlarms, paneAnomalies } from './pane.ts';
import { lifecycleTable, type ShardColumns } from './shard-columns.ts';

/** Sensors with an open alarm: any, or one that somebody knows of, or nobody, or under a mute. */
const alarmFilters = ['open_alarm', 'unacknowledged', 'acknowledged', 'muted'] as const;
type AlarmFilter = (typeof alarmFilters)[number];
export const sensorFilters = ['alarmed', 'silent', 'quarantined', ...alarmFilters] as const;
export type SensorFilter = (typeof sensorFilters)[number];
export const sensorSorts = ['id', 'anomalies', 'mean', 'std_dev', 'readings'] as const;
export type SensorSort = (typeof sensorSorts)[number];

/** Where a sensor stands in the order. */
export interface ListPlace {
  /** The value sorted by; 0 when sorting by id. */
  readonly value: number;
  readonly id: string;
}

export interface SensorQuery {
  /** Part of the id, in any case; empty finds all. */
  readonly search: string;
  readonly filter: SensorFilter | null;
  readonly sort: SensorSort;
  readonly order: 'ascending' | 'descending';
  /** The page begins behind this place; null for the first page. */
  readonly after: ListPlace | null;
  readonly limit: number;
}

export interface ListedSensor {
  readonly sensor_id: string;
  readonly lifecycle: string;
  /**
   * It raised an alarm and still rests from it, or has an alarm in an open window. Under a baseline
   * that raises no alarms: an anomaly in an open window.
   */
  readonly alarmed: boolean;
  /** Flagged readings in its open windows. */
  readonly anomalies: number;
  readonly mean: number;
  readonly std_dev: number;
  /** The weight of its baseline, in readings. */
  readonly readings: number;
  /** Of the filters of alarms alone. */
  readonly alarms?: AlarmsInspection;
}

/** Returns the comparison of two sensors in the order of `query`: by value, then by id. */
export function sensorOrder({
  sort,
  order,
}: Pick<SensorQuery, 'sort' | 'order'>): (a: ListedSensor, b: ListedSensor) => number {
  const sign = order === 'ascending' ? 1 : -1;
  return (a, b) => sign * comparePlaces(listPlace(a, sort), listPlace(b, sort));
}

/** Returns the sensor's place, which a cursor names. */
export function listPlace(sensor: ListedSensor, sort: SensorSort): ListPlace {
  return { value: sort === 'id' ? 0 : sensor[sort], id: sensor.sensor_id };
}

function comparePlaces(a: ListPlace, b: ListPlace): number {
  return a.value - b.value || compareNaturally(a.id, b.id);
}

const idle = lifecycleIndex(lifecycleTable.states, 'idle');
const quarantined = lifecycleIndex(lifecycleTable.states, 'quarantined');
/** Sensors looked at in one step: some 2 ms, in which the thread folds nothing. */
const stepSensors = 5_000;
/** Sensors kept beyond a page before the least of them are dropped; sorting each alone is slow. */
const spareSensors = 2_000;

/** One search through a shard, in steps between which the thread may fold. */
export class SensorScan {
  /** Sensors that match, seen so far. */
  matching: number = 0;
  private readonly columns: ShardColumns;
  private readonly query: SensorQuery;
  private readonly wanted: string;
  private readonly compare: (a: ListedSensor, b: ListedSensor) => number;
  private readonly sign: number;
  private found: ListedSensor[] = [];
  /** The last sensor of a full page: nothing behind it is kept. */
  private last: ListPlace | undefined;
  private slot: number = 0;

  constructor(columns: ShardColumns, query: SensorQuery) {
    this.columns = columns;
    this.query = query;
    this.wanted = query.search.toLowerCase();
    this.compare = sensorOrder(query);
    this.sign = query.order === 'ascending' ? 1 : -1;
  }

  /**
   * Looks at the next sensors; returns false once it has seen all. Sensors forgotten between two
   * steps move others to lower slots; those are missing from this answer and in the next.
   */
  step(): boolean {
    const { columns } = this;
    const end = Math.min(this.slot + stepSensors, columns.table.count);
    const ids = idsOf(columns, this.slot, end);
    for (let slot = this.slot; slot < end; slot += 1) this.look(slot, ids[slot - this.slot] ?? '');
    this.slot = Math.max(this.slot, end);
    return this.slot < columns.table.count;
  }

  /** Returns the page: the first matching sensors behind the query's place, in order. */
  page(): readonly ListedSensor[] {
    this.cut();
    return this.found;
  }

  private look(slot: number, id: string): void {
    if (this.wanted !== '' && !id.toLowerCase().includes(this.wanted)) return;
    if (!this.passes(slot)) return;
    this.matching += 1;
    const { after, limit, sort } = this.query;
    const place = { value: sort === 'id' ? 0 : this.valueOf(slot, sort), id };
    if (after !== null && this.sign * comparePlaces(place, after) <= 0) return;
    if (this.last !== undefined && this.sign * comparePlaces(place, this.last) >= 0) return;
    this.found.push(this.listed(slot, id));
    if (this.found.length >= limit + spareSensors) this.cut();
  }

  private passes(slot: number): boolean {
    const { filter } = this.query;
    if (filter === null) return true;
    if (filter === 'alarmed') return this.isAlarmed(slot);
    if (isOfAlarms(filter)) return this.hasAlarm(slot, filter);
    return this.columns.lifecycle[slot] === (filter === 'silent' ? idle : quarantined);
  }

  private hasAlarm(slot: number, filter: AlarmFilter): boolean {
    const { alarms } = this.columns;
    if (alarms.length === 0) return false;
    const base = slot * alarmDoubles;
    // A mute stays in its slot when its time has passed: the core has no clock to see that.
    if (filter === 'muted' && alarms[base + alarmSlot.mutedUntilMs] === 0) return false;
    return alarmCauses.some((cause) => {
      const state = stateOf(alarms, base, cause);
      if (filter === 'unacknowledged') return state === 'open';
      return filter === 'acknowledged' ? state === 'acknowledged' : state !== 'none';
    });
  }

  private cut(): void {
    const { limit, sort } = this.query;
    this.found = this.found.sort(this.compare).slice(0, limit);
    const last = this.found[limit - 1];
    if (last !== undefined) this.last = listPlace(last, sort);
  }

  private valueOf(slot: number, sort: Exclude<SensorSort, 'id'>): number {
    if (sort === 'anomalies') return this.openSum(slot, paneAnomalies);
    const { mean, std_dev, n: readings } = this.columns.baseline.summarize(slot);
    return { mean, std_dev, readings }[sort];
  }

  private isAlarmed(slot: number): boolean {
    const restLeft = this.columns.baseline.restLeft(slot);
    if (restLeft === undefined) return this.openSum(slot, paneAnomalies) > 0;
    return restLeft > 0 || this.openSum(slot, paneAlarms) > 0;
  }

  /** Returns the sum of a column over the sensor's open windows. */
  private openSum(slot: number, column: number): number {
    const { panes } = this.columns;
    let sum = 0;
    for (let pane = panes.head(slot); pane >= 0; pane = panes.nextOfSensor(pane)) {
      sum += panes.columns[pane * panes.stride + column] ?? 0;
    }
    return sum;
  }

  private listed(slot: number, id: string): ListedSensor {
    const { filter } = this.query;
    const { mean, std_dev, n: readings } = this.columns.baseline.summarize(slot);
    return {
      sensor_id: id,
      lifecycle: lifecycleTable.states[this.columns.lifecycle[slot] ?? 0] ?? '',
      alarmed: this.isAlarmed(slot),
      anomalies: this.openSum(slot, paneAnomalies),
      ...{ mean, std_dev, readings },
      ...(isOfAlarms(filter) ? { alarms: inspectAlarms(this.columns.alarms, slot) } : {}),
    };
  }
}

function isOfAlarms(filter: SensorFilter | null): filter is AlarmFilter {
  return alarmFilters.some((name) => name === filter);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Returns the ids of the slots from `from` to `end`: one decoding for all where they are ASCII. */
function idsOf({ table }: ShardColumns, from: number, end: number): readonly string[] {
  if (from >= end) return [];
  const start = table.idStart(from);
  const bytes = table.arena.subarray(start, table.idStart(end));
  const text = decoder.decode(bytes);
  const isAscii = text.length === bytes.length;
  return Array.from({ length: end - from }, (_, index) => {
    const idStart = table.idStart(from + index) - start;
    const idEnd = table.idStart(from + index + 1) - start;
    return isAscii ? text.slice(idStart, idEnd) : decoder.decode(bytes.subarray(idStart, idEnd));
  });
}
