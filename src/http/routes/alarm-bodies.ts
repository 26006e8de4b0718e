// The bodies of the commands on alarms, and what is wrong with them.
import { lengthMs } from '../../config/window-list.ts';
import { isoMs } from '../../codecs/iso-time.ts';
import type { AlarmCommand } from '../../sensors/alarm-commands.ts';
import { alarmDirections } from '../../sensors/alarm-slot.ts';

export const alarmCommands = ['acknowledge', 'mute', 'unmute', 'tune'] as const;
export type AlarmCommandName = (typeof alarmCommands)[number];

type Fields = Readonly<Record<string, unknown>>;

const sensitivityRange = { min: 0.01, max: 100 } as const;

/** Returns the command that the fields of a body ask for, or what was expected of them. */
export function alarmCommandOf(
  name: AlarmCommandName,
  fields: Fields,
  nowMs: number,
): AlarmCommand | string {
  switch (name) {
    case 'acknowledge':
      return isOnly(fields, []) ? { name } : 'expected no field but reason';
    case 'unmute':
      return isOnly(fields, []) ? { name: 'mute', untilMs: 0 } : 'expected no field but reason';
    case 'mute': {
      const untilMs = isOnly(fields, ['for', 'until']) ? untilOf(fields, nowMs) : undefined;
      return untilMs === undefined
        ? 'expected {"for": "2h"}, or {"until": "…"} with a time to come as ISO 8601 with its zone'
        : { name, untilMs };
    }
    case 'tune':
      return tuneOf(fields);
    default:
      return name satisfies never;
  }
}

function untilOf(fields: Fields, nowMs: number): number | undefined {
  const { for: length, until } = fields;
  if (length !== undefined && until !== undefined) return undefined;
  const ms = typeof length === 'string' ? lengthMs(length) : undefined;
  if (ms !== undefined) return nowMs + ms;
  const untilMs = typeof until === 'string' ? isoMs(until) : NaN;
  return untilMs > nowMs ? untilMs : undefined;
}

function tuneOf(fields: Fields): AlarmCommand | string {
  const { sensitivity, direction } = fields;
  const { min, max } = sensitivityRange;
  const known = alarmDirections.find((one) => one === direction);
  const isKnown = direction === undefined || known !== undefined;
  const isInRange =
    sensitivity === undefined ||
    (typeof sensitivity === 'number' && sensitivity >= min && sensitivity <= max);
  if (!isOnly(fields, ['sensitivity', 'direction']) || !isKnown || !isInRange) {
    const directions = alarmDirections.join(', ');
    return `expected {"sensitivity": …} from ${min} to ${max}, {"direction": …} of ${directions}, or both`;
  }
  return { name: 'tune', sensitivity, direction: known };
}

function isOnly(fields: Fields, allowed: readonly string[]): boolean {
  return Object.keys(fields).every((name) => allowed.includes(name));
}
