// All sensors and open panes of one shard, and the way into and out of a snapshot. The fold works
// on these columns in place; nothing else holds a reference to them.
import { CorruptSnapshotError } from '../errors.ts';
import type { Baseline } from './baseline.ts';
import { createBaseline, type BaselineSettings } from './create-baseline.ts';
import { selectFeatures } from './features.ts';
import { compileLifecycle, sensorLifecycle, type LifecycleTable } from './lifecycle.ts';
import { paneLayout } from './pane-layout.ts';
import { PanePool, paneCount, paneFirstOffset, paneWindowEnd } from './pane.ts';
import type { SnapshotParts } from './snapshot-format.ts';
import { IdTable } from './table.ts';

export const lifecycleTable: LifecycleTable = compileLifecycle(sensorLifecycle);

export type ColumnParts = Pick<
  SnapshotParts,
  | 'baselineStride'
  | 'paneStride'
  | 'idLengths'
  | 'ids'
  | 'lifecycle'
  | 'baselines'
  | 'paneSlots'
  | 'panes'
>;

const slotsMin = 64;

export class ShardColumns {
  readonly table: IdTable;
  readonly baseline: Baseline;
  readonly panes: PanePool;
  /** By slot: the state of the sensor's lifecycle. */
  lifecycle: Uint8Array = new Uint8Array(0);

  /** @throws ConfigError when a feature is unknown. */
  constructor(
    settings: BaselineSettings & {
      readonly sensorsMax: number;
      readonly features: readonly string[];
    },
  ) {
    this.table = new IdTable(settings.sensorsMax);
    this.panes = new PanePool(paneLayout(selectFeatures(settings.features)));
    this.baseline = createBaseline(settings);
    this.reserve(slotsMin);
  }

  /**
   * Returns the slot of the id, giving it one if it is new; −1 when it is new and all slots are
   * given.
   */
  slotOf(idBytes: Uint8Array, idStart: number, idEnd: number): number {
    // hot path
    const slot = this.table.slotOf(idBytes, idStart, idEnd);
    if (slot >= this.lifecycle.length) this.reserve(2 * this.lifecycle.length);
    return slot;
  }

  /** Returns the id of `slot` as text. */
  sensorId(slot: number): string {
    const { arena } = this.table;
    const id = arena.subarray(this.table.idStart(slot), this.table.idStart(slot + 1));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(id);
  }

  /**
   * Returns the columns as parts of a snapshot; the large ones are live views, to be copied before
   * the next reading.
   */
  parts(): ColumnParts {
    const { table, baseline } = this;
    const sensors = table.count;
    const { stride: paneStride } = this.panes;
    const open = this.panesInClosingOrder();
    const panes = new Float64Array(open.length * paneStride);
    open.forEach((pane, index) => {
      const from = pane * paneStride;
      panes.set(this.panes.columns.subarray(from, from + paneStride), index * paneStride);
    });
    return {
      baselineStride: baseline.stride,
      paneStride,
      idLengths: Uint32Array.from(
        { length: sensors },
        (_, slot) => table.idStart(slot + 1) - table.idStart(slot),
      ),
      ids: table.arena.subarray(0, table.idStart(sensors)),
      lifecycle: this.lifecycle.subarray(0, sensors),
      baselines: baseline.columns.subarray(0, sensors * baseline.stride),
      paneSlots: Uint32Array.from(open, (pane) => this.panes.slotOf(pane)),
      panes,
    };
  }

  /**
   * Fills these still empty columns from a snapshot's parts, copied.
   * @throws CorruptSnapshotError when the parts contradict each other.
   */
  restore(parts: ColumnParts): void {
    const { baseline, panes } = this;
    const paneStride = panes.stride;
    check(parts.baselineStride === baseline.stride, 'the baseline has another layout');
    check(parts.paneStride === paneStride, 'the panes have another layout');
    this.restoreIds(parts);
    const states = lifecycleTable.states.length;
    check(
      parts.lifecycle.every((state) => state < states),
      'a lifecycle state is unknown',
    );
    this.lifecycle.set(parts.lifecycle);
    baseline.columns.set(parts.baselines);
    let earlierEndMs = -Infinity;
    parts.paneSlots.forEach((slot, index) => {
      const from = index * paneStride;
      const endMs = parts.panes[from + paneWindowEnd] ?? NaN;
      check(slot < this.table.count, 'a pane belongs to no sensor');
      check(Number.isFinite(endMs) && endMs >= earlierEndMs, 'windows are out of order');
      check((parts.panes[from + paneCount] ?? 0) > 0, 'a pane holds no reading');
      const pane = panes.open(slot, endMs, parts.panes[from + paneFirstOffset] ?? 0);
      panes.columns.set(parts.panes.subarray(from, from + paneStride), pane * paneStride);
      earlierEndMs = endMs;
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

  private panesInClosingOrder(): readonly number[] {
    const ordered: number[] = [];
    for (const first of this.panes.windows.firstPanes()) {
      for (let pane = first; pane >= 0; pane = this.panes.nextOfWindow(pane)) ordered.push(pane);
    }
    return ordered;
  }

  private reserve(slots: number): void {
    const states = new Uint8Array(slots).fill(lifecycleTable.initial);
    states.set(this.lifecycle);
    this.lifecycle = states;
    const baselines = new Float64Array(slots * this.baseline.stride);
    baselines.set(this.baseline.columns);
    this.baseline.columns = baselines;
    this.panes.reserve(slots);
  }
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new CorruptSnapshotError(`shard snapshot: ${otherwise}`);
}
