// The answer's columns as rows: one for each entity asked for, in that order.
import type { EntityValue, FeatureStatus, FeatureValue, WireColumn } from './wire.ts';

export interface OnlineRow<Values = Readonly<Record<string, FeatureValue>>> {
  readonly entity: Readonly<Record<string, EntityValue>>;
  /** Whether the store holds anything of this entity in a view that was asked for. */
  readonly found: boolean;
  /** Event time of its stalest feature, ms since epoch; undefined where nothing is stored. */
  readonly eventTimeMs: number | undefined;
  /** How long ago that was, ms, by this machine's clock; undefined where nothing is stored. */
  readonly ageMs: number | undefined;
  /** null where the store holds no value. */
  readonly features: Values;
  readonly statuses: Readonly<Record<string, FeatureStatus>>;
}

/** Returns row i for the i-th of `entities`; the entities' own columns are left out of its features. */
export function rowsOf(
  columns: readonly WireColumn[],
  entities: readonly Readonly<Record<string, EntityValue>>[],
  nowMs: number,
): readonly OnlineRow[] {
  const joinKeys = new Set(Object.keys(entities[0] ?? {}));
  const features = columns.filter(({ name }) => !joinKeys.has(name));
  return entities.map((entity, row) => {
    const values: Record<string, FeatureValue> = {};
    const statuses: Record<string, FeatureStatus> = {};
    let eventTimeMs: number | undefined;
    for (const column of features) {
      values[column.name] = column.values[row] ?? null;
      statuses[column.name] = column.statuses[row] ?? 'INVALID';
      const timeMs = column.eventTimesMs[row];
      if (timeMs !== undefined) eventTimeMs = Math.min(eventTimeMs ?? Infinity, timeMs);
    }
    return {
      entity,
      found: eventTimeMs !== undefined,
      eventTimeMs,
      ageMs: eventTimeMs === undefined ? undefined : nowMs - eventTimeMs,
      features: values,
      statuses,
    };
  });
}
