// An operator's command on one sensor, as a journaled decision, and back.
import type { AlarmCommand, AlarmDecision } from '../sensors/alarm-commands.ts';
import type { SensorInspection } from '../sensors/shard-state.ts';
import type { Decision } from './journal.ts';
import type { SensorCommand } from './protocol.ts';

type OfAlarms = Extract<Decision, { readonly kind: 'acknowledge' | 'mute' | 'tune' }>;

/** Returns what to journal; undefined where the sensor is as asked already. */
export function decisionOf(
  command: SensorCommand,
  sensor: SensorInspection,
  nowMs: number,
): Decision | undefined {
  const { message, sensorId: sensor_id } = command;
  const isQuarantined = sensor.lifecycle === 'quarantined';
  switch (command.name) {
    case 'quarantine':
      if (isQuarantined) return undefined;
      return { kind: command.name, sensor_id, cause: 'operator', message, decided_ms: nowMs };
    case 'release':
      return isQuarantined ? { kind: command.name, sensor_id } : undefined;
    case 'reset':
      return { kind: command.name, sensor_id };
    case 'acknowledge':
    case 'mute':
    case 'tune':
      return changesAlarms(command, sensor)
        ? { ...alarmDecision(command), sensor_id, message, decided_ms: nowMs }
        : undefined;
    default:
      return command satisfies never;
  }
}

/** Returns the command that a journaled decision on alarms is of. */
export function alarmCommandIn(decision: OfAlarms): AlarmCommand & AlarmDecision {
  const { kind: name, message, decided_ms: decidedMs } = decision;
  const by = { message, decidedMs };
  if (name === 'acknowledge') return { name, ...by };
  if (name === 'mute') return { name, untilMs: decision.until_ms, ...by };
  const { sensitivity, direction } = decision;
  return { name, sensitivity: sensitivity ?? undefined, direction: direction ?? undefined, ...by };
}

function alarmDecision(command: AlarmCommand): WithoutPlace<OfAlarms> {
  if (command.name === 'acknowledge') return { kind: command.name };
  if (command.name === 'mute') return { kind: command.name, until_ms: command.untilMs };
  const { sensitivity = null, direction = null } = command;
  return { kind: command.name, sensitivity, direction };
}

type WithoutPlace<T> = T extends unknown ? Omit<T, 'sensor_id' | 'message' | 'decided_ms'> : never;

function changesAlarms(command: AlarmCommand, { alarms }: SensorInspection): boolean {
  if (alarms === undefined) return false;
  if (command.name === 'acknowledge') return alarms.open.some(({ acknowledged }) => !acknowledged);
  if (command.name === 'mute') return (alarms.muted_until ?? 0) !== command.untilMs;
  const { sensitivity = alarms.sensitivity, direction = alarms.direction } = command;
  return sensitivity !== alarms.sensitivity || direction !== alarms.direction;
}
