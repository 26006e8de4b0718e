// Quarantines as people see them: the page, GET /sensors/{id}.
import type { QuarantineView } from './protocol.ts';
import type { Quarantine, ShardMemory } from './shard-memory.ts';

/** Returns why the sensor is set aside, as the API spells it. */
export function quarantineView(sensorId: string, quarantine: Quarantine): QuarantineView {
  const { cause, message, offset, decidedMs } = quarantine;
  return { sensor_id: sensorId, cause, message, offset, decided_ms: decidedMs };
}

/** Returns the first `limit` quarantines of a shard, oldest first. */
export function quarantineViews(
  memory: ShardMemory | undefined,
  limit: number,
): readonly QuarantineView[] {
  const views: QuarantineView[] = [];
  for (const [sensorId, quarantine] of memory?.quarantines ?? []) {
    if (views.length === limit) break;
    views.push(quarantineView(sensorId, quarantine));
  }
  return views;
}
