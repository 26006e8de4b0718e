// Carries a shard's state over to other semantic settings, as migration-plan.ts says. Pure: makes
// one snapshot of another, at one cut.
//
//   baselines, lifecycles, event time ── stay
//   panes ── their base columns stay; columns of accumulators that are new are unknown
//   larger panes ── stay by length; a new length opens no window that had begun
import { assert, ConfigError } from '../errors.ts';
import { createBaseline } from './create-baseline.ts';
import { selectFeatures } from './features.ts';
import { semanticsFingerprint } from './fingerprint.ts';
import { lifecycleIndex } from './lifecycle.ts';
import { planMigration, sameWindow } from './migration-plan.ts';
import { paneBaseStride, paneLayout, unknown, type PaneLayout } from './pane-layout.ts';
import { Presence } from './presence.ts';
import { alarmDoubles, watchesAlarms } from './alarm-slot.ts';
import { presenceDoubles, watchesPresence } from './presence-slot.ts';
import type { Semantics } from './semantics.ts';
import { lifecycleTable } from './shard-columns.ts';
import { decodeState, encodeState, type SnapshotParts } from './snapshot-format.ts';
import { windowStartMs } from './window.ts';

export interface Migration {
  readonly from: Semantics;
  readonly to: Semantics;
}

const steady = lifecycleIndex(lifecycleTable.states, 'steady');
const warming = lifecycleIndex(lifecycleTable.states, 'warming');

/**
 * Returns the state in `bytes`, which `from` computed, as `to` goes on with it, behind `headBytes`
 * zeros.
 * @throws CorruptSnapshotError when the bytes are not a whole snapshot.
 * @throws ConfigError when the change is impossible, or there are more sensors than `to` allows.
 */
export function migrateState(bytes: Uint8Array, change: Migration, headBytes = 0): Uint8Array {
  const parts = decodeState(bytes);
  const { from, to } = change;
  assert(
    parts.fingerprint === semanticsFingerprint(from).text,
    'a state is migrated from the settings that computed it',
  );
  const [problem] = planMigration(from, to).filter(({ outcome }) => outcome === 'impossible');
  if (problem !== undefined) throw new ConfigError(`${problem.setting}: ${problem.says}`);
  const sensors = parts.idLengths.length;
  if (sensors > to.sensorsMax) {
    throw new ConfigError(
      `SENSORS_MAX is ${to.sensorsMax}, but a partition has ${sensors} sensors`,
    );
  }
  return encodeState(
    {
      ...parts,
      fingerprint: semanticsFingerprint(to).text,
      ...migratePanes(parts, change),
      ...migrateBaselines(parts, change),
      ...migratePresence(parts, change),
      lastEndsMs: lastEnds(parts, to),
      alarms: watchesAlarms(to)
        ? (parts.alarms ?? new Float64Array(sensors * alarmDoubles))
        : undefined,
    },
    headBytes,
  );
}

type PaneParts = Pick<
  SnapshotParts,
  'paneStride' | 'panes' | 'largerLengths' | 'largerSlots' | 'largerPanes' | 'windowsFromMs'
>;

function migratePanes(parts: SnapshotParts, { from, to }: Migration): PaneParts {
  const before = paneLayout(selectFeatures(from.features));
  const after = paneLayout(selectFeatures(to.features));
  const kept = to.windows.map((window) => sameWindow(from.windows, window));
  // Panes lie length by length, each in the order it closes.
  const order = kept.flatMap((length) =>
    length < 0 ? [] : indicesOf(parts.largerLengths, length),
  );
  const lengthOf = new Map(kept.map((length, index) => [length, index]));
  const fromMs = to.windows.map(({ hopMs }, index) => {
    const length = kept[index] ?? -1;
    if (length >= 0) return parts.windowsFromMs?.[length] ?? -Infinity;
    return firstWholeStartMs(parts.watermarkMs, hopMs, to.windowMs);
  });
  const isInForce = to.windows.some(
    ({ sizeMs }, index) => parts.watermarkMs < (fromMs[index] ?? 0) + sizeMs,
  );
  const all = Array.from(parts.paneSlots, (_, pane) => pane);
  return {
    paneStride: after.stride,
    panes: movedPanes(parts.panes, all, before, after),
    largerLengths: Uint32Array.from(
      order,
      (pane) => lengthOf.get(parts.largerLengths[pane] ?? -1) ?? 0,
    ),
    largerSlots: Uint32Array.from(order, (pane) => parts.largerSlots[pane] ?? 0),
    largerPanes: movedPanes(parts.largerPanes, order, before, after),
    windowsFromMs:
      isInForce && fromMs.some((ms) => ms > -Infinity) ? Float64Array.from(fromMs) : undefined,
  };
}

/**
 * Returns the least start, ms, of a window without a part that has closed at the watermark: none
 * of the base windows in it is missing then.
 */
function firstWholeStartMs(watermarkMs: number, hopMs: number, windowMs: number): number {
  return watermarkMs === -Infinity
    ? -Infinity
    : windowStartMs(watermarkMs - windowMs, hopMs) + hopMs;
}

function indicesOf(lengths: Uint32Array, wanted: number): readonly number[] {
  const found: number[] = [];
  lengths.forEach((length, index) => {
    if (length === wanted) found.push(index);
  });
  return found;
}

/** Returns the panes `order` of `panes` in another layout, back to back. */
function movedPanes(
  panes: Float64Array,
  order: readonly number[],
  before: PaneLayout,
  after: PaneLayout,
): Float64Array {
  const moved = new Float64Array(order.length * after.stride);
  order.forEach((pane, index) => {
    const [source, target] = [pane * before.stride, index * after.stride];
    moved.set(panes.subarray(source, source + paneBaseStride), target);
    for (const { accumulator, start } of after.extras) {
      const known = before.starts.get(accumulator);
      if (known === undefined) {
        moved[target + start] = unknown;
        continue;
      }
      const first = source + known;
      moved.set(panes.subarray(first, first + accumulator.columns.length), target + start);
    }
  });
  return moved;
}

function migrateBaselines(
  parts: SnapshotParts,
  { from, to }: Migration,
): Pick<SnapshotParts, 'baselineStride' | 'baselines' | 'lifecycle'> {
  const baseline = createBaseline(to);
  const sensors = parts.idLengths.length;
  const isKept = from.baseline === to.baseline;
  baseline.columns = isKept ? parts.baselines : new Float64Array(sensors * baseline.stride);
  return {
    baselineStride: baseline.stride,
    baselines: baseline.columns,
    lifecycle: parts.lifecycle.map((state, slot) =>
      state === steady && baseline.readingCount(slot) < baseline.warmReadings ? warming : state,
    ),
  };
}

function migratePresence(
  parts: SnapshotParts,
  { from, to }: Migration,
): Pick<SnapshotParts, 'presence' | 'presenceNextMs'> {
  if (!watchesPresence(to)) return { presence: new Float64Array(0), presenceNextMs: undefined };
  const sensors = parts.idLengths.length;
  const presence = watchesPresence(from)
    ? parts.presence
    : new Float64Array(sensors * presenceDoubles);
  const isSame = from.silentAfterMs === to.silentAfterMs && watchesPresence(from);
  return {
    presence,
    presenceNextMs: isSame ? parts.presenceNextMs : new Presence(to, undefined).nextMs,
  };
}

/** Sensors of a state that forgot none count as quiet from the watermark on. */
function lastEnds(parts: SnapshotParts, { sensorTtlMs }: Semantics): Float64Array | undefined {
  if (sensorTtlMs === Infinity) return undefined;
  const sinceMs = Number.isFinite(parts.watermarkMs) ? parts.watermarkMs : 0;
  return parts.lastEndsMs ?? new Float64Array(parts.idLengths.length).fill(sinceMs);
}
