// All sensors and open panes of one shard, and the way into and out of a snapshot. The fold works
// on these columns in place; nothing else holds a reference to them.
import { assert, CorruptSnapshotError } from '../errors.ts';
import { alarmDoubles, watchesAlarms } from './alarm-slot.ts';
import { addressOf, heapColumns, type ColumnMemory } from './column-memory.ts';
import { place } from './row-kernel.ts';
import { keepRows } from './kept-slots.ts';
import type { Baseline } from './baseline.ts';
import { createBaseline, type CreateBaseline } from './create-baseline.ts';
import { selectFeatures } from './features.ts';
import type { HashKey } from './id-hash.ts';
import { LargerWindows } from './larger-windows.ts';
import {
  compileLifecycle,
  lifecycleIndex,
  sensorLifecycle,
  type LifecycleTable,
} from './lifecycle.ts';
import { paneLayout } from './pane-layout.ts';
import { paneSections, restorePanes } from './pane-parts.ts';
import { PanePool } from './pane.ts';
import { presenceDoubles, watchesPresence } from './presence-slot.ts';
import type { Semantics } from './semantics.ts';
import type { SnapshotParts, SnapshotSections } from './snapshot-format.ts';
import { IdTable } from './table.ts';

export const lifecycleTable: LifecycleTable = compileLifecycle(sensorLifecycle);
assert(lifecycleTable.initial === 0, 'a column of zeros must be one of initial states');

type PartNames = Exclude<
  keyof SnapshotParts,
  'fingerprint' | 'watermarkMode' | 'watermarkMs' | 'maxEventTimeMs' | 'presenceNextMs'
>;
type ColumnParts = Pick<SnapshotParts, PartNames>;
type ColumnSections = Omit<Pick<SnapshotSections, PartNames>, 'windowsFromMs'>;

const slotsMin = 64;
/** Columns that go on on the heap once they have outgrown their place in a kernel's memory. */
const outgrowing = [place.arena, place.panes, place.links] as const;
const eventCount = lifecycleTable.events.length;
const windowsClosed = lifecycleIndex(lifecycleTable.events, 'windowsClosed');

export class ShardColumns {
  readonly table: IdTable;
  readonly baseline: Baseline;
  /** Of base windows. */
  readonly panes: PanePool;
  readonly larger: LargerWindows;
  /** By slot: the state of the sensor's lifecycle. */
  lifecycle: Uint8Array;
  /**
   * By slot: the end of the base window whose close left none open, ms, or the watermark at which a
   * quarantine ended if that was later; 0 before the first. undefined where sensors are never
   * forgotten.
   */
  lastEndsMs: Float64Array | undefined;
  /** By slot, as in presence-slot.ts; empty where nobody asks for the presence of sensors. */
  presence: Float64Array;
  /**
   * By slot, as in alarm-slot.ts; empty where alarms have no life. No kernel reads it, so it lies
   * on the heap and grows by itself: the other columns of a kernel never do.
   */
  alarms: Float64Array;
  /** Slots that `alarms` has room for; Infinity where alarms have no life. */
  private alarmSlots: number;

  /** @throws ConfigError when a feature is unknown. */
  constructor(
    semantics: Semantics,
    newBaseline: CreateBaseline = createBaseline,
    memory: ColumnMemory = heapColumns,
    hashKey?: HashKey,
  ) {
    const layout = paneLayout(selectFeatures(semantics.features));
    const slotsMax = Math.max(slotsMin, semantics.sensorsMax);
    this.table = new IdTable(semantics.sensorsMax, memory, hashKey);
    this.panes = new PanePool(layout, slotsMax, memory);
    this.larger = new LargerWindows(semantics.windows, semantics.windowMs, layout);
    this.baseline = newBaseline(semantics);
    this.lifecycle = memory.uint8(slotsMin, slotsMax);
    this.lastEndsMs =
      semantics.sensorTtlMs === Infinity ? undefined : memory.float64(slotsMin, slotsMax);
    this.presence = watchesPresence(semantics)
      ? memory.float64(slotsMin * presenceDoubles, slotsMax * presenceDoubles)
      : new Float64Array(0);
    this.alarms = new Float64Array(watchesAlarms(semantics) ? slotsMin * alarmDoubles : 0);
    this.alarmSlots = watchesAlarms(semantics) ? slotsMin : Infinity;
    const { stride } = this.baseline;
    this.baseline.columns = memory.float64(slotsMin * stride, slotsMax * stride);
    this.panes.reserve(this.lifecycle.length);
    this.larger.reserve(this.lifecycle.length);
  }

  /** Tells a kernel where the columns lie; returns false where some are out of its reach by now. */
  describe(places: Uint32Array): boolean {
    this.table.describe(places);
    this.panes.describe(places);
    places[place.lifecycle] = addressOf(this.lifecycle);
    places[place.baselines] = addressOf(this.baseline.columns);
    places[place.presence] = addressOf(this.presence);
    for (const column of outgrowing) if (places[column] === 0) return false;
    return true;
  }

  /**
   * Returns the slot of the id, giving it one if it is new; −1 when it is new and all slots are
   * given.
   */
  slotOf(idBytes: Uint8Array, idStart: number, idEnd: number): number {
    // hot path
    const slot = this.table.slotOf(idBytes, idStart, idEnd);
    if (slot >= this.lifecycle.length) this.reserve(2 * this.lifecycle.length);
    if (slot >= this.alarmSlots) this.reserveAlarms(2 * this.alarmSlots);
    return slot;
  }

  /** Applies an event of the lifecycle to the sensor of `slot`. */
  apply(slot: number, event: number): void {
    // hot path
    const states = this.lifecycle;
    const state = states[slot] ?? 0;
    const next = lifecycleTable.next[state * eventCount + event] ?? 0;
    if (next !== state) states[slot] = next;
  }

  /** Notes that the sensor's last open base window closed; it ended at `endMs`. */
  lastWindowClosed(slot: number, endMs: number): void {
    this.apply(slot, windowsClosed);
    if (this.lastEndsMs !== undefined) this.lastEndsMs[slot] = endMs;
  }

  /** Returns whether the sensor has an open window of any length. */
  hasOpenWindow(slot: number): boolean {
    if (this.panes.head(slot) >= 0) return true;
    for (const { panes } of this.larger.lengths) if (panes.head(slot) >= 0) return true;
    return false;
  }

  /**
   * Keeps only the sensors at the slots `kept`, ascending; the new slot of each is its index there.
   */
  keep(kept: Int32Array): void {
    const sensors = this.table.count;
    this.table.keep(kept);
    this.panes.keep(kept, sensors);
    for (const { panes } of this.larger.lengths) panes.keep(kept, sensors);
    keepRows(this.lifecycle, 1, kept, sensors);
    keepRows(this.baseline.columns, this.baseline.stride, kept, sensors);
    if (this.lastEndsMs !== undefined) keepRows(this.lastEndsMs, 1, kept, sensors);
    if (this.presence.length > 0) keepRows(this.presence, presenceDoubles, kept, sensors);
    if (this.alarms.length > 0) keepRows(this.alarms, alarmDoubles, kept, sensors);
  }

  /** Returns the id of `slot` as text. */
  sensorId(slot: number): string {
    const { arena } = this.table;
    const id = arena.subarray(this.table.idStart(slot), this.table.idStart(slot + 1));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(id);
  }

  /**
   * Returns the columns as sections of a snapshot: live views, to be copied before the next
   * reading.
   */
  sections(): ColumnSections {
    const { table, baseline } = this;
    const sensors = table.count;
    const base = paneSections([this.panes]);
    const larger = paneSections(this.larger.pools);
    return {
      baselineStride: baseline.stride,
      paneStride: this.panes.stride,
      idLengths: table.idLengths(),
      ids: table.arena.subarray(0, table.idStart(sensors)),
      lifecycle: this.lifecycle.subarray(0, sensors),
      baselines: baseline.columns.subarray(0, sensors * baseline.stride),
      lastEndsMs: this.lastEndsMs?.subarray(0, sensors),
      presence: this.presence.subarray(0, sensors * presenceDoubles),
      alarms: this.alarms.length > 0 ? this.alarms.subarray(0, sensors * alarmDoubles) : undefined,
      paneSlots: base.slots,
      panes: base.panes,
      largerLengths: larger.pools,
      largerSlots: larger.slots,
      largerPanes: larger.panes,
    };
  }

  /**
   * Fills these still empty columns from a snapshot's parts, copied.
   * @throws CorruptSnapshotError when the parts contradict each other.
   */
  restore(parts: ColumnParts): void {
    const { baseline } = this;
    check(parts.baselineStride === baseline.stride, 'the baseline has another layout');
    check(parts.paneStride === this.panes.stride, 'the panes have another layout');
    this.restoreIds(parts);
    const states = lifecycleTable.states.length;
    check(
      parts.lifecycle.every((state) => state < states),
      'a lifecycle state is unknown',
    );
    this.lifecycle.set(parts.lifecycle);
    baseline.columns.set(parts.baselines);
    const { lastEndsMs } = parts;
    check(
      (lastEndsMs === undefined) === (this.lastEndsMs === undefined),
      'when windows ended last is there exactly where sensors are forgotten',
    );
    check(lastEndsMs?.every(Number.isFinite) !== false, 'the end of a window is not a number');
    if (lastEndsMs !== undefined) this.lastEndsMs?.set(lastEndsMs);
    check(
      this.presence.length > 0 || parts.presence.length === 0,
      'presence is there exactly where it is asked for',
    );
    check(parts.presence.every(Number.isFinite), 'the presence of a sensor is not a number');
    this.presence.set(parts.presence);
    check(
      (parts.alarms === undefined) === (this.alarms.length === 0),
      'alarms are there exactly where they have a life',
    );
    check(parts.alarms?.every(Number.isFinite) !== false, 'an alarm is not a number');
    this.alarms.set(parts.alarms ?? []);
    const sensors = this.table.count;
    const pools = new Uint32Array(parts.paneSlots.length);
    restorePanes([this.panes], { pools, slots: parts.paneSlots, panes: parts.panes }, sensors);
    const { largerLengths, largerSlots: slots, largerPanes: panes } = parts;
    restorePanes(this.larger.pools, { pools: largerLengths, slots, panes }, sensors);
    this.restoreFromMs(parts.windowsFromMs);
    this.larger.noteEarliest();
  }

  private restoreFromMs(windowsFromMs: Float64Array | undefined): void {
    if (windowsFromMs === undefined) return;
    const { lengths } = this.larger;
    check(windowsFromMs.length === lengths.length, 'a length lacks since when it is known');
    lengths.forEach((length, index) => {
      length.fromMs = windowsFromMs[index] ?? NaN;
      check(!Number.isNaN(length.fromMs), 'since when a length is known is not a number');
    });
  }

  private restoreIds(parts: ColumnParts): void {
    let start = 0;
    parts.idLengths.forEach((length, slot) => {
      check(start + length <= parts.ids.length, 'the ids end early');
      const given = this.slotOf(parts.ids, start, start + length);
      check(given === slot, 'an id is there twice, or there are too many');
      start += length;
    });
    check(start === parts.ids.length, 'the ids go on too long');
  }

  private reserve(slots: number): void {
    const states = new Uint8Array(slots);
    states.set(this.lifecycle);
    this.lifecycle = states;
    const baselines = new Float64Array(slots * this.baseline.stride);
    baselines.set(this.baseline.columns);
    this.baseline.columns = baselines;
    if (this.lastEndsMs !== undefined) {
      const lastEndsMs = new Float64Array(slots);
      lastEndsMs.set(this.lastEndsMs);
      this.lastEndsMs = lastEndsMs;
    }
    if (this.presence.length > 0) {
      const presence = new Float64Array(slots * presenceDoubles);
      presence.set(this.presence);
      this.presence = presence;
    }
    this.panes.reserve(slots);
    this.larger.reserve(slots);
  }

  private reserveAlarms(slots: number): void {
    const alarms = new Float64Array(slots * alarmDoubles);
    alarms.set(this.alarms);
    this.alarms = alarms;
    this.alarmSlots = slots;
  }
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new CorruptSnapshotError(`shard snapshot: ${otherwise}`);
}
