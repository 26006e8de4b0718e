// An operator's command on one sensor, as a journaled decision.
import type { SensorInspection } from '../sensors/shard-state.ts';
import type { Decision } from './journal.ts';
import type { SensorCommand } from './protocol.ts';

/** Returns what to journal; undefined where the sensor is as asked already. */
export function decisionOf(
  command: SensorCommand,
  sensor: SensorInspection,
  nowMs: number,
): Decision | undefined {
  const { name: kind, message, sensorId } = command;
  const isQuarantined = sensor.lifecycle === 'quarantined';
  switch (kind) {
    case 'quarantine':
      if (isQuarantined) return undefined;
      return { kind, sensor_id: sensorId, cause: 'operator', message, decided_ms: nowMs };
    case 'release':
      return isQuarantined ? { kind, sensor_id: sensorId } : undefined;
    case 'reset':
      return { kind, sensor_id: sensorId };
    default:
      return kind satisfies never;
  }
}
