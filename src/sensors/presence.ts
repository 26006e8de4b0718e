// Presence: which sensors have fallen silent, and which repeat one value. A sensor is offline once
// the watermark is SILENT_AFTER past its last reading, and stuck at its STUCK_AFTER-th equal value.
// Sensors are looked through where the watermark passes a multiple of an eighth of that time: a
// pure function of the log and the journal, so that a replay tells what the owner told.
import type { AlarmChanges } from './alarm-change.ts';
import type { Alarms } from './alarms.ts';
import { lifecycleIndex } from './lifecycle.ts';
import type { PresenceChange, PresenceChangeView, PresenceChanges } from './presence-change.ts';
import {
  leastSilenceMs,
  presenceDoubles,
  presenceRules,
  presenceSlot,
  type PresenceSemantics,
} from './presence-slot.ts';
import { lifecycleTable, type ShardColumns } from './shard-columns.ts';
import { windowStartMs } from './window.ts';

const { gaps, heardMs, offline, run, runSinceMs, usualGapMs, value: lastValue } = presenceSlot;
const { gapDecay, gapGrowth } = presenceRules;
const quarantined = lifecycleIndex(lifecycleTable.states, 'quarantined');

const roundsPerLimit = 8;
/** With `auto`: a sensor has a rhythm from so many gaps on, and is silent after so many of them. */
const rhythmGaps = 20;
const silentGaps = 5;
/** Sensors told offline in one look: the rest follow as the watermark moves on. */
const changesPerLook = 10_000;

type Changes = PresenceChanges & AlarmChanges;

export class Presence {
  /** The watermark, ms, from which on sensors are looked through next; Infinity: never. */
  nextMs: number;
  private readonly silentAfterMs: number | 'auto';
  private readonly watermarkDelayMs: number;
  private readonly windowMs: number;
  private readonly stuckAfter: number;
  private readonly roundMs: number;
  private readonly alarms: Alarms | undefined;

  /** @param alarms learn of each change; undefined where they have no life. */
  constructor(semantics: PresenceSemantics, alarms: Alarms | undefined) {
    this.alarms = alarms;
    const { silentAfterMs, stuckAfter, windowMs } = semantics;
    this.silentAfterMs = silentAfterMs;
    this.stuckAfter = stuckAfter;
    this.watermarkDelayMs = semantics.watermarkDelayMs;
    this.windowMs = windowMs;
    this.roundMs = Math.max(1, Math.floor(leastSilenceMs(semantics) / roundsPerLimit));
    this.nextMs = silentAfterMs === Infinity ? Infinity : -Infinity;
  }

  /**
   * Learns that the sensor of `slot` was heard with `value` as event time was `eventTimeMs`, and
   * tells what that changes. `change` is the view of the reading.
   */
  hear(
    columns: ShardColumns,
    slot: number,
    change: PresenceChangeView,
    watermarkMs: number,
    changes: Changes,
  ): void {
    // hot path
    const { presence } = columns;
    const { eventTimeMs, value = 0 } = change;
    const base = slot * presenceDoubles;
    const isFirst = presence[base + run] === 0;
    const before = presence[base + heardMs] ?? 0;
    const sinceMs = presence[base + runSinceMs] ?? 0;
    const runBefore = presence[base + run] ?? 0;
    const limitMs = this.limitOf(presence, base);
    learnReading(presence, base, { value, eventTimeMs, isFirst });
    if (!isFirst && eventTimeMs > before) {
      // The reading itself may show the silence before it, where no look came between.
      const seenMs = Math.max(watermarkMs, eventTimeMs - this.watermarkDelayMs);
      if (presence[base + offline] === 0 && before + limitMs <= seenMs) {
        presence[base + offline] = 1;
        this.tell(slot, change.offline(before, limitMs), changes);
      }
      if (presence[base + offline] !== 0 && eventTimeMs + limitMs > watermarkMs) {
        presence[base + offline] = 0;
        this.tell(slot, change.online(before, limitMs), changes);
      }
    }
    const runNow = presence[base + run] ?? 0;
    if (runBefore >= this.stuckAfter && runNow === 1) {
      this.tell(slot, change.moving(sinceMs, runBefore), changes);
    }
    if (runNow === this.stuckAfter && runNow > runBefore) {
      this.tell(slot, change.stuck(presence[base + runSinceMs] ?? 0, runNow), changes);
    }
  }

  /** Tells the sensors that are silent at `watermarkMs`, in slot order. */
  look(
    columns: ShardColumns,
    watermarkMs: number,
    change: PresenceChangeView,
    changes: Changes,
  ): void {
    if (watermarkMs < this.nextMs) return;
    this.nextMs = windowStartMs(watermarkMs, this.roundMs) + this.roundMs;
    const { presence, table } = columns;
    let told = 0;
    for (let slot = 0; slot < table.count; slot += 1) {
      if (!this.isAwaited(columns, slot)) continue;
      const base = slot * presenceDoubles;
      const heard = presence[base + heardMs] ?? 0;
      const limitMs = this.limitOf(presence, base);
      if (heard + limitMs > watermarkMs) continue;
      if (told === changesPerLook) {
        this.nextMs = watermarkMs;
        return;
      }
      presence[base + offline] = 1;
      told += 1;
      this.tell(slot, change.ofSlot(table, slot).offline(heard, limitMs), changes);
    }
  }

  private tell(slot: number, change: PresenceChange, changes: Changes): void {
    changes.presenceChanged?.(change);
    this.alarms?.presenceChanged(slot, change, changes);
  }

  /** Returns the least watermark at which a look finds a sensor silent; Infinity: none will. */
  earliestSilenceMs(columns: ShardColumns): number {
    if (this.nextMs === Infinity) return Infinity;
    const { presence, table } = columns;
    let earliestMs = Infinity;
    for (let slot = 0; slot < table.count; slot += 1) {
      if (!this.isAwaited(columns, slot)) continue;
      const base = slot * presenceDoubles;
      const dueMs = (presence[base + heardMs] ?? 0) + this.limitOf(presence, base);
      if (dueMs < earliestMs) earliestMs = dueMs;
    }
    return Math.max(earliestMs, this.nextMs);
  }

  /** Returns whether a look will find the sensor silent one day, if it is not heard again. */
  isAwaited({ lifecycle, presence }: ShardColumns, slot: number): boolean {
    const base = slot * presenceDoubles;
    return (
      presence[base + run] !== 0 &&
      presence[base + offline] === 0 &&
      lifecycle[slot] !== quarantined &&
      this.limitOf(presence, base) !== Infinity
    );
  }

  /** Returns after how much silence a sensor is offline, ms; Infinity: never, or not yet known. */
  limitOf(presence: Float64Array, base: number): number {
    // hot path
    if (this.silentAfterMs !== 'auto') return this.silentAfterMs;
    if ((presence[base + gaps] ?? 0) < rhythmGaps) return Infinity;
    const limitMs = Math.ceil(silentGaps * (presence[base + usualGapMs] ?? 0));
    return limitMs > this.windowMs ? limitMs : this.windowMs;
  }
}

interface HeardReading {
  readonly value: number;
  readonly eventTimeMs: number;
  readonly isFirst: boolean;
}

function learnReading(
  presence: Float64Array,
  base: number,
  { value, eventTimeMs, isFirst }: HeardReading,
): void {
  // hot path
  if (isFirst) {
    presence[base + heardMs] = eventTimeMs;
    presence[base + lastValue] = value;
    presence[base + run] = -1;
    return;
  }
  const gapMs = eventTimeMs - (presence[base + heardMs] ?? 0);
  if (gapMs > 0) {
    presence[base + heardMs] = eventTimeMs;
    presence[base + usualGapMs] = usualGapAfter(presence[base + usualGapMs] ?? 0, gapMs);
    presence[base + gaps] = (presence[base + gaps] ?? 0) + 1;
  }
  const runBefore = presence[base + run] ?? 0;
  if (presence[base + lastValue] === value) {
    if (runBefore > 0) presence[base + run] = runBefore + 1;
    return;
  }
  presence[base + lastValue] = value;
  presence[base + run] = 1;
  presence[base + runSinceMs] = eventTimeMs;
}

/** A greater gap raises the usual one at once, fourfold at most; a shorter one lets it decay. */
function usualGapAfter(usualMs: number, gapMs: number): number {
  // hot path
  if (usualMs === 0) return gapMs;
  if (gapMs <= usualMs) return usualMs - gapMs / gapDecay;
  const most = gapGrowth * usualMs;
  return gapMs < most ? gapMs : most;
}
