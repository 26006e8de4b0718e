// An operator's decisions on the alarms of one sensor: acknowledge them, mute the sensor, declare
// how it alarms. The shard journals the decision, never this.
import type { AlarmChanges } from './alarm-change.ts';
import type { Alarms } from './alarms.ts';
import {
  alarmCauses,
  alarmDirections,
  alarmDoubles,
  alarmSlot,
  alarmStates,
  causeAt,
  causeSlot,
  stateOf,
  type AlarmCause,
  type AlarmDirection,
} from './alarm-slot.ts';
import { sensorSlot } from './sensor-commands.ts';
import type { ShardColumns } from './shard-columns.ts';

export type AlarmCommand =
  /** Every open alarm of the sensor. */
  | { readonly name: 'acknowledge' }
  /** Until the wall clock is `untilMs`; 0 ends it. Alarms open and resolve all the same. */
  | { readonly name: 'mute'; readonly untilMs: number }
  /** A reading is loud from a score of 3 / sensitivity on; undefined leaves what is declared. */
  | {
      readonly name: 'tune';
      readonly sensitivity: number | undefined;
      readonly direction: AlarmDirection | undefined;
    };

/** When and why it was decided: wall clock, ms. */
export interface AlarmDecision {
  readonly decidedMs: number;
  readonly message: string;
}

/** Applies `command`; returns whether it changed anything of the sensor. */
export function commandAlarms(
  { columns, alarms }: { readonly columns: ShardColumns; readonly alarms: Alarms },
  sensorId: string,
  command: AlarmCommand & AlarmDecision,
  changes: AlarmChanges,
): boolean {
  const slot = sensorSlot(columns, sensorId);
  if (slot < 0) return false;
  const base = slot * alarmDoubles;
  const { decidedMs: timestampMs, message } = command;
  const tell = (kind: 'alarm_acknowledged' | 'alarm_muted', cause: AlarmCause): void => {
    const reason = { by: 'operator', message } as const;
    alarms.tell(kind, slot, cause, { timestampMs, offset: undefined, reason }, changes);
  };
  switch (command.name) {
    case 'acknowledge': {
      const unseen = alarmCauses.filter((cause) => stateOf(columns.alarms, base, cause) === 'open');
      for (const cause of unseen) {
        columns.alarms[causeAt(base, cause) + causeSlot.state] = alarmStates.acknowledged;
        tell('alarm_acknowledged', cause);
      }
      return unseen.length > 0;
    }
    case 'mute': {
      if (columns.alarms[base + alarmSlot.mutedUntilMs] === command.untilMs) return false;
      columns.alarms[base + alarmSlot.mutedUntilMs] = command.untilMs;
      for (const cause of alarmCauses) {
        if (stateOf(columns.alarms, base, cause) !== 'none') tell('alarm_muted', cause);
      }
      return true;
    }
    case 'tune':
      return tune(columns.alarms, base, command);
    default:
      return command satisfies never;
  }
}

function tune(
  alarms: Float64Array,
  base: number,
  { sensitivity, direction }: Extract<AlarmCommand, { readonly name: 'tune' }>,
): boolean {
  const before = alarms.slice(base, base + alarmDoubles);
  if (sensitivity !== undefined) alarms[base + alarmSlot.sensitivity] = sensitivity;
  if (direction !== undefined) {
    alarms[base + alarmSlot.direction] = alarmDirections.indexOf(direction);
  }
  return before.some((value, index) => value !== alarms[base + index]);
}
