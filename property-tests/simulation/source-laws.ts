// Laws of rekeyed shards, whose watermark follows the sources: no forward is overtaken by the
// watermark, no sensor has two owners, and nobody is held up for ever.
import { historySemantics, startMs, type HistoryPlan, type HistoryResult } from './history.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import { simulatedTopics } from './simulated-process.ts';
import type { StoredRecord } from './simulated-records.ts';

/** A source committed another event time. */
export interface ClockChange {
  readonly source: number;
  readonly atMs: number;
  readonly clockMs: number | null;
  readonly idle: boolean;
}

/** Watches what the sources commit, beside whoever watches already. */
export function watchClocks(broker: SimulatedBroker, scheduler: Scheduler): readonly ClockChange[] {
  const changes: ClockChange[] = [];
  const { onCommit } = broker;
  broker.onCommit = (place, commit) => {
    onCommit(place, commit);
    if (place.topic !== simulatedTopics.input) return;
    const { sourceMaxMs, sourceIdle } = JSON.parse(commit.metadata) as Metadata;
    const source = place.partition;
    const last = changes.findLast((change) => change.source === source);
    if (last !== undefined && last.clockMs === sourceMaxMs && last.idle === sourceIdle) return;
    changes.push({ source, atMs: scheduler.nowMs, clockMs: sourceMaxMs, idle: sourceIdle });
  };
  return changes;
}

interface Metadata {
  readonly sourceMaxMs: number | null;
  readonly sourceIdle: boolean;
}

/** Returns everything that does not hold; empty when all is well. */
export function sourceLaws(plan: HistoryPlan, result: HistoryResult): string[] {
  const { watermarkDelayMs: delayMs } = historySemantics(plan);
  return [
    ...twoOwners(result),
    ...clocksBack(result),
    ...(isQuiet(plan) ? [...overtaken({ ...result, delayMs }), ...heldUp(plan, result)] : []),
  ];
}

/** Nothing fails, so that a source that says nothing has nothing to say. */
function isQuiet(plan: HistoryPlan): boolean {
  const faults = [plan.callFaults, plan.diskFaults, plan.silence, plan.traps];
  const none = faults.every((chance) => chance === 0) && plan.doom === undefined;
  return none && plan.events.length + plan.crashes.length + (plan.denials?.length ?? 0) === 0;
}

function twoOwners({ broker }: HistoryResult): string[] {
  const owners = new Map<string, number>();
  const { rekeyed } = simulatedTopics;
  return [...Array(broker.countOf(rekeyed)).keys()].flatMap((partition) =>
    (broker.partitions.get(`${rekeyed}/${partition}`) ?? []).flatMap(({ key }) => {
      const sensorId = text(key);
      const owner = owners.get(sensorId) ?? partition;
      owners.set(sensorId, owner);
      return owner === partition
        ? []
        : [`${sensorId} lies in ${rekeyed}/${owner} and ${partition}`];
    }),
  );
}

/** The event time of a source never decreases, also when its partition changes owners. */
function clocksBack({ clocks }: HistoryResult): string[] {
  const reached = new Map<number, number>();
  return clocks.flatMap(({ source, clockMs }) => {
    const before = reached.get(source) ?? -Infinity;
    reached.set(source, clockMs ?? -Infinity);
    return (clockMs ?? -Infinity) < before ? [`source ${source}: ${clockMs} after ${before}`] : [];
  });
}

/** A source that was quiet for longer may count as idle, which a later forward of its cannot undo. */
const certainlyCountsMs = 3_000;
/** A mark or a forward follows what was read of the sources within this time. */
const certainlySeenMs = 1_500;

/**
 * Where a record or a mark moves the watermark to what the sources have reached, no later record of
 * the partition was forwarded by a source that had not reached it yet.
 */
function overtaken({
  broker,
  clocks,
  delayMs,
}: HistoryResult & { readonly delayMs: number }): string[] {
  const { journal, rekeyed } = simulatedTopics;
  return [...Array(broker.countOf(rekeyed)).keys()].flatMap((partition) => {
    const records = broker.partitions.get(`${rekeyed}/${partition}`) ?? [];
    const byRecords = records.map(({ offset, timestampMs, ...record }) => ({
      before: offset + 1,
      atMs: timestampMs,
      toMs: forwardOf(record).clockMs,
    }));
    const byMarks = broker.recordsIn(journal).flatMap(({ key, value, timestampMs }) => {
      const entry = JSON.parse(text(value)) as Entry;
      if (text(key) !== `group/${rekeyed}/${partition}` || entry.kind !== 'idle') return [];
      return [{ before: entry.offset, atMs: timestampMs, toMs: entry.watermark_ms + delayMs }];
    });
    return [...byRecords, ...byMarks].flatMap(({ before, atMs, toMs }) =>
      records
        .filter((later) => later.offset >= before)
        .flatMap((later) => {
          const { source } = forwardOf(later);
          const own = clocks.filter((change) => change.source === source);
          const lookedMs = atMs - certainlySeenMs;
          const then = own.findLast((change) => change.atMs < lookedMs);
          const spoke = then !== undefined && atMs - then.atMs < certainlyCountsMs;
          const isBetween = (change: ClockChange): boolean =>
            spoke && change.atMs >= then.atMs && change.atMs < atMs;
          const counts = spoke && !own.some((change) => isBetween(change) && change.idle);
          const reached = own.find((change) => (change.clockMs ?? -Infinity) >= toMs);
          if (!counts || toMs < 0 || reached === undefined) return [];
          if (later.timestampMs > reached.atMs) return [];
          return [
            `${rekeyed}/${partition}: the watermark passes ${later.offset} of source ${source}`,
          ];
        }),
    );
  });
}

interface Entry {
  readonly kind: string;
  readonly offset: number;
  readonly watermark_ms: number;
}

function forwardOf({ headers }: Pick<StoredRecord, 'headers'>): {
  source: number;
  clockMs: number;
} {
  const header = (name: string): string =>
    text(headers.find(({ key }) => key === `rekey.${name}`)?.value ?? null);
  return {
    source: Number(header('partition')),
    clockMs: Number(header('source').split('/')[2]),
  };
}

/** Idle timeout, rounds of questions, commits, and a start with a group that settles. */
const heldMsMax = 25_000;

/** While the input goes on, the rows of forwarded readings come soon after their windows have ended. */
function heldUp({ odd }: HistoryPlan, { broker }: HistoryResult): string[] {
  return broker.recordsIn(simulatedTopics.output).flatMap(({ timestampMs, value }) => {
    const row = JSON.parse(text(value)) as Row;
    const isForwarded = row.lineage.topic === simulatedTopics.rekeyed;
    if (!isForwarded || (odd !== undefined && row.sensor_id === 'odd')) return [];
    const { last_offset: last } = row.lineage;
    // A late reading may be folded into a window that ended before it came.
    const [reading] = broker.recordsOf(row.lineage, last, last + 1);
    const heldMs = timestampMs - Math.max(reading?.timestampMs ?? startMs, row.window_end);
    return heldMs <= heldMsMax
      ? []
      : [`${row.sensor_id} ${row.window_end} came ${heldMs} ms later`];
  });
}

interface Row {
  readonly sensor_id: string;
  readonly window_end: number;
  readonly lineage: {
    readonly topic: string;
    readonly partition: number;
    readonly last_offset: number;
  };
}

const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();
