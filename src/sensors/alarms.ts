// The life of alarms. A flagged reading whose severity reaches the sensor's line is loud. The first
// loud one opens an alarm, each further one keeps it open, and one twice as severe as what was told
// last tells it again. The alarm is resolved once the watermark is ALARM_RESOLVE_AFTER past the
// last loud one, rounded up to an eighth of that time: a pure function of log and journal.
//
//   none ──loud, offline, stuck──▶ open ──acknowledge──▶ acknowledged ──quiet, online, moving──▶ none
//                                   ▲ └──quiet, online, moving──▶ none    │
//                                   └────────── twice as severe ──────────┘
import type { AlarmChange, AlarmChanges, AlarmKind, AlarmReason } from './alarm-change.ts';
import {
  alarmCauses,
  alarmDirections,
  alarmDoubles,
  alarmSlot,
  alarmStates,
  causeAt,
  causeSlot,
  channelOf,
  readingChannels,
  type AlarmCause,
} from './alarm-slot.ts';
import type { AnomalousReading } from './anomalous-reading.ts';
import { adaptiveRules } from './baseline-adaptive.ts';
import type { PresenceChange, PresenceKind } from './presence-change.ts';
import type { AlarmChannel } from './robust-slot.ts';
import type { Semantics } from './semantics.ts';
import type { ShardColumns } from './shard-columns.ts';
import { windowStartMs } from './window.ts';

const { channel, count, direction, loudMs, mutedUntilMs, peak, sensitivity, told } = alarmSlot;
const { acknowledged, none, open } = alarmStates;

/** The severity from which on a reading is loud, at a sensitivity of 1. */
const loudFrom = adaptiveRules.alarmScore;
/** How many times as severe as what was told last a reading must be to be told again. */
const escalation = 2;
const roundsPerQuiet = 8;
/** Alarms resolved in one look: the rest follow as the watermark moves on. */
const changesPerLook = 10_000;
/** Rules whose alarms have no direction. */
const undirected: ReadonlySet<AlarmChannel> = new Set(['stuck', 'context']);
const endOf: Partial<Record<PresenceKind, AlarmCause>> = { online: 'silent', moving: 'stuck' };
const beginOf: Partial<Record<PresenceKind, AlarmCause>> = { offline: 'silent', stuck: 'stuck' };

type Told = Pick<AlarmChange, 'timestampMs' | 'offset' | 'reason'>;

export class Alarms {
  /** The watermark, ms, from which on an alarm may be resolved; Infinity: none is open. */
  nextMs: number = Infinity;
  private readonly columns: ShardColumns;
  private readonly quietMs: number;
  private readonly roundMs: number;
  /** Severity per standard deviation, where the method has no score of its own. */
  private readonly perDeviation: number | undefined;

  constructor(columns: ShardColumns, semantics: Semantics) {
    const { alarmResolveAfterMs, anomalyThreshold, baseline } = semantics;
    this.columns = columns;
    this.quietMs = alarmResolveAfterMs;
    this.roundMs = Math.max(1, Math.floor(alarmResolveAfterMs / roundsPerQuiet));
    this.perDeviation = baseline === 'cumulative' ? loudFrom / anomalyThreshold : undefined;
  }

  /** Goes on from the columns of a snapshot. */
  goOn(): void {
    this.nextMs = Infinity;
    for (let slot = 0; slot < this.columns.table.count; slot += 1) this.await(slot);
  }

  /** Learns of a flagged reading while the watermark is `watermarkMs`. */
  hear(slot: number, reading: AnomalousReading, watermarkMs: number, changes: AlarmChanges): void {
    const { alarms } = this.columns;
    const base = slot * alarmDoubles;
    const severity = this.severityOf(reading);
    if (!isLoud(alarms, base, severity, reading)) return;
    const { offset, timestampMs } = reading;
    const at: Told = { timestampMs, offset, reason: { by: 'reading', reading } };
    const state = causeAt(base, 'reading') + causeSlot.state;
    const isNew = alarms[state] === none;
    const before = isNew ? timestampMs : (alarms[base + loudMs] ?? 0);
    // A reading behind the watermark is quiet from there on: its alarm stays for the whole time.
    alarms[base + loudMs] = Math.max(before, timestampMs, watermarkMs);
    alarms[base + peak] = isNew ? severity : Math.max(severity, alarms[base + peak] ?? 0);
    if (isNew) {
      const rule = readingChannels.indexOf(reading.channel ?? 'reading');
      alarms[base + channel] = Math.max(rule, 0);
      alarms[base + told] = severity;
      this.open(slot, 'reading', at, changes);
    } else if (severity / escalation >= (alarms[base + told] ?? 0)) {
      alarms[base + told] = severity;
      alarms[state] = open;
      this.tell('alarm_escalated', slot, 'reading', at, changes);
    }
    this.await(slot);
  }

  /** Learns that the presence of the sensor changed. */
  presenceChanged(slot: number, presence: PresenceChange, changes: AlarmChanges): void {
    const { kind, timestampMs, offset } = presence;
    const at: Told = { timestampMs, offset, reason: { by: 'presence', presence } };
    const [begins, ends] = [beginOf[kind], endOf[kind]];
    if (begins !== undefined) this.open(slot, begins, at, changes);
    if (ends !== undefined) this.resolve(slot, ends, at, changes);
  }

  /** Resolves the alarms whose quiet time has passed at `watermarkMs`, in slot order. */
  look(watermarkMs: number, changes: AlarmChanges): void {
    if (watermarkMs < this.nextMs) return;
    const { quietMs } = this;
    const { alarms, table } = this.columns;
    this.nextMs = Infinity;
    let resolved = 0;
    for (let slot = 0; slot < table.count; slot += 1) {
      if (this.dueMs(slot) > watermarkMs || resolved === changesPerLook) {
        this.await(slot);
        continue;
      }
      const sinceMs = alarms[slot * alarmDoubles + loudMs] ?? 0;
      const reason: AlarmReason = { by: 'quiet', sinceMs, quietMs };
      const at = { timestampMs: sinceMs + quietMs, offset: undefined, reason };
      this.resolve(slot, 'reading', at, changes);
      resolved += 1;
    }
  }

  /** Resolves every alarm of a sensor that is about to be forgotten at `watermarkMs`. */
  forget(slot: number, watermarkMs: number, changes: AlarmChanges): void {
    const reason = { by: 'forgetting' } as const;
    const at = { timestampMs: watermarkMs, offset: undefined, reason };
    for (const cause of alarmCauses) this.resolve(slot, cause, at, changes);
  }

  /** Tells of `kind` for an open alarm, as it is in the columns by now. */
  tell(kind: AlarmKind, slot: number, cause: AlarmCause, at: Told, changes: AlarmChanges): void {
    const { alarms, table } = this.columns;
    const base = slot * alarmDoubles;
    const of = causeAt(base, cause);
    const isReading = cause === 'reading';
    const untilMs = alarms[base + mutedUntilMs] ?? 0;
    changes.alarmChanged?.({
      kind,
      idBytes: table.arena,
      idStart: table.idStart(slot),
      idEnd: table.idStart(slot + 1),
      cause,
      channel: channelOf(alarms, base, cause),
      openedMs: alarms[of + causeSlot.openedMs] ?? 0,
      number: alarms[of + causeSlot.number] ?? 0,
      score: isReading ? alarms[base + peak] : undefined,
      acknowledged: alarms[of + causeSlot.state] === acknowledged,
      mutedUntilMs: untilMs === 0 ? undefined : untilMs,
      ...at,
    });
  }

  private open(slot: number, cause: AlarmCause, at: Told, changes: AlarmChanges): void {
    const { alarms } = this.columns;
    const base = slot * alarmDoubles;
    const of = causeAt(base, cause);
    const number = (alarms[base + count] ?? 0) + 1;
    alarms[base + count] = number;
    alarms[of + causeSlot.state] = open;
    alarms[of + causeSlot.openedMs] = at.timestampMs;
    alarms[of + causeSlot.number] = number;
    this.tell('alarm_opened', slot, cause, at, changes);
  }

  private resolve(slot: number, cause: AlarmCause, at: Told, changes: AlarmChanges): void {
    const { alarms } = this.columns;
    const state = causeAt(slot * alarmDoubles, cause) + causeSlot.state;
    if (alarms[state] === none) return;
    this.tell('alarm_resolved', slot, cause, at, changes);
    alarms[state] = none;
  }

  /** Has `look` come back when the sensor's alarm may be resolved. */
  private await(slot: number): void {
    this.nextMs = Math.min(this.nextMs, this.dueMs(slot));
  }

  /** Returns the least watermark at which the sensor's alarm is resolved; Infinity without one. */
  private dueMs(slot: number): number {
    const { alarms } = this.columns;
    const base = slot * alarmDoubles;
    if (alarms[causeAt(base, 'reading') + causeSlot.state] === none) return Infinity;
    const quietFromMs = (alarms[base + loudMs] ?? 0) + this.quietMs;
    return windowStartMs(quietFromMs + this.roundMs - 1, this.roundMs);
  }

  /** Returns the alarm score; without one, that of a deviation at the threshold is `loudFrom`. */
  private severityOf({ score, judgement }: AnomalousReading): number {
    if (this.perDeviation === undefined) return score;
    return Math.min(this.perDeviation * Math.abs(judgement.z), Number.MAX_VALUE);
  }
}

function isLoud(
  alarms: Float64Array,
  base: number,
  severity: number,
  { channel: rule, judgement }: AnomalousReading,
): boolean {
  const line = loudFrom / ((alarms[base + sensitivity] ?? 0) || 1);
  if (severity < line) return false;
  const wanted = alarmDirections[alarms[base + direction] ?? 0];
  if (wanted === 'both' || (rule !== undefined && undirected.has(rule))) return true;
  return wanted === 'high' ? judgement.z > 0 : judgement.z < 0;
}
