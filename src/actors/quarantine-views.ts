// Quarantines as people see them: the page, GET /sensors/{id}.
import type { QuarantineView } from './protocol.ts';
import type { Quarantine, ShardMemory } from './shard-memory.ts';

/** Returns why the sensor is set aside, as the API spells it; nothing of one that is not. */
export function quarantineOf(
  memory: ShardMemory,
  sensorId: string,
): { readonly quarantine?: QuarantineView } {
  const quarantine = memory.quarantines.get(sensorId);
  return quarantine === undefined ? {} : { quarantine: quarantineView(sensorId, quarantine) };
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

function quarantineView(sensorId: string, quarantine: Quarantine): QuarantineView {
  const { cause, message, offset, decidedMs } = quarantine;
  return { sensor_id: sensorId, cause, message, offset, decided_ms: decidedMs };
}
