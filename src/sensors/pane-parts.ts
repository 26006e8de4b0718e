// Open panes into a snapshot and out of it: pool by pool, in window order, then in the order they
// were opened, which is the order they close in.
import { CorruptSnapshotError } from '../errors.ts';
import { paneCount, paneFirstOffset, paneWindowEnd, type PanePool } from './pane.ts';
import { madeOf, type MadeSection } from './snapshot-format.ts';

export interface PaneParts {
  /** Of each pane: which of the pools holds it; ascending. */
  readonly pools: Uint32Array;
  /** Of each pane: its sensor's slot. */
  readonly slots: Uint32Array;
  /** The panes' columns, back to back. */
  readonly panes: Float64Array;
}

/** The same, made where a snapshot is written. */
export interface PaneSections {
  readonly pools: MadeSection;
  readonly slots: MadeSection;
  readonly panes: MadeSection;
}

/**
 * Returns the open panes of `pools`, which have one layout, to be copied before the next reading.
 */
export function paneSections(pools: readonly PanePool[]): PaneSections {
  const stride = pools[0]?.stride ?? 0;
  const count = pools.reduce((sum, { openCount }) => sum + openCount, 0);
  let order: Uint32Array | undefined;
  /** Calls `copy` for the panes of each pool: numbers `from` to `to` of `order`. */
  const copyPools = (
    copy: (pool: PanePool, index: number, from: number, to: number) => void,
  ): void => {
    let from = 0;
    pools.forEach((pool, index) => {
      copy(pool, index, from, from + pool.openCount);
      from += pool.openCount;
    });
  };
  return {
    pools: madeOf(Uint32Array, count, (target) => {
      copyPools((_, index, from, to) => target.fill(index, from, to));
    }),
    slots: madeOf(Uint32Array, count, (target) => {
      const panes = (order ??= orderOf(pools, count));
      copyPools((pool, _, from, to) => {
        for (let at = from; at < to; at += 1) target[at] = pool.slotOf(panes[at] ?? 0);
      });
    }),
    panes: madeOf(Float64Array, count * stride, (target) => {
      const panes = (order ??= orderOf(pools, count));
      copyPools(({ columns }, _, from, to) => {
        for (let at = from; at < to; at += 1) {
          copyPane(columns, (panes[at] ?? 0) * stride, target, at * stride, stride);
        }
      });
    }),
  };
}

/** Returns the panes, pool by pool in the order they close in. */
function orderOf(pools: readonly PanePool[], count: number): Uint32Array {
  const order = new Uint32Array(count);
  let at = 0;
  for (const pool of pools) {
    for (const first of pool.windows.firstPanes()) {
      for (let pane = first; pane >= 0; pane = pool.nextOfWindow(pane)) {
        order[at] = pane;
        at += 1;
      }
    }
  }
  return order;
}

/**
 * A loop: for a dozen doubles a view and a native copy cost several times as much, and there are
 * millions.
 */
function copyPane(
  from: Float64Array,
  fromAt: number,
  to: Float64Array,
  toAt: number,
  stride: number,
): void {
  for (let index = 0; index < stride; index += 1) to[toAt + index] = from[fromAt + index] ?? 0;
}

/**
 * Opens the panes of a snapshot in `pools`, still empty, for `sensorCount` sensors.
 * @throws CorruptSnapshotError when the parts contradict each other.
 */
export function restorePanes(
  pools: readonly PanePool[],
  parts: PaneParts,
  sensorCount: number,
): void {
  let [earlierPool, earlierEndMs] = [0, -Infinity];
  parts.slots.forEach((slot, index) => {
    const poolIndex = parts.pools[index] ?? 0;
    const pool = pools[poolIndex];
    if (pool === undefined) throw corrupt('a window has a length that is not declared');
    const from = index * pool.stride;
    const endMs = parts.panes[from + paneWindowEnd] ?? NaN;
    if (poolIndex > earlierPool) earlierEndMs = -Infinity;
    if (slot >= sensorCount) throw corrupt('a pane belongs to no sensor');
    if (!Number.isFinite(endMs) || endMs < earlierEndMs || poolIndex < earlierPool) {
      throw corrupt('windows are out of order');
    }
    if (!((parts.panes[from + paneCount] ?? 0) > 0)) throw corrupt('a pane holds no reading');
    const pane = pool.open(slot, endMs, parts.panes[from + paneFirstOffset] ?? 0);
    copyPane(parts.panes, from, pool.columns, pane * pool.stride, pool.stride);
    [earlierPool, earlierEndMs] = [poolIndex, endMs];
  });
}

function corrupt(otherwise: string): CorruptSnapshotError {
  return new CorruptSnapshotError(`shard snapshot: ${otherwise}`);
}
