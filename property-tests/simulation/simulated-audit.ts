// Audits of a simulated history: of what it left behind, or beside it while it runs, with calls that take their time.
import { Audit, type AuditOptions } from '../../src/past/audit.ts';
import { feastView } from '../../src/codecs/feast.ts';
import { encodeFeatureRowJson } from '../../src/codecs/feature-row.ts';
import type { Finding } from '../../src/past/finding.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { historySemantics, type HistoryPlan, type HistoryWorld } from './history.ts';
import { replayContextOf } from './left-behind.ts';
import { simulatedFeatureTopics, simulatedTopics } from './simulated-process.ts';
import { storeKey } from './simulated-feature-store.ts';

/** Returns the topics of rows of windows that are larger than the base. */
export function largerTopics(plan: HistoryPlan): readonly string[] {
  const [, ...larger] = simulatedFeatureTopics(historySemantics(plan));
  return larger.map(({ topic }) => topic);
}

/** Returns an audit of the history's group that has yet to be opened. */
export function auditOf(
  plan: HistoryPlan,
  world: Pick<HistoryWorld, 'broker' | 'disk'>,
  options: Pick<AuditOptions, 'store' | 'projectionGroupId' | 'reach'> & {
    readonly travel?: () => Promise<void>;
  },
): Audit {
  const semantics = historySemantics(plan);
  return new Audit({
    ...options,
    context: replayContextOf(world, semantics, plan.partitions, options.travel),
    featureTopics: [simulatedTopics.output, ...largerTopics(plan)],
    sampled: () => true,
    encodeFeatureRow: (window, shard) =>
      encodeFeatureRowJson(window, { ...shard, features: defaultFeatures }),
  });
}

/** Returns a store of which an audit may only read. */
export function readOnlyStore(read: FeatureStore['read']): FeatureStore {
  return {
    upsert: () => Promise.reject(new Error('an audit must only read')),
    read,
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** An audit that goes on beside a history. */
export interface AuditBeside {
  /** Opens it, and does a round every interval until the faults are long over. */
  begin(world: HistoryWorld): Promise<void>;
  /** One more round after everything has ended. */
  end(): Promise<void>;
  readonly findings: readonly Finding[];
  readonly windows: number;
  readonly rounds: number;
  /** Rows of all topics as the audit began to be primed, and when it was. */
  readonly rowsBefore: readonly [least: number, most: number];
  /** How many shards had committed nothing when it was primed. */
  readonly shardsLater: number;
}

/** Returns an audit with a round every `intervalMs`; each of its calls takes up to `travelMs`. */
export function auditBeside(
  plan: HistoryPlan,
  { intervalMs, travelMs }: { readonly intervalMs: number; readonly travelMs: number },
): AuditBeside {
  const findings: Finding[] = [];
  let rowsBefore: [number, number] = [0, 0];
  let [windows, rounds, shardsLater, isOver] = [0, 0, 0, false];
  let audit: Audit | undefined;
  const round = async (): Promise<void> => {
    if (audit === undefined) throw new Error('the audit has begun');
    const done = await audit.round();
    findings.push(...done.findings);
    windows += done.windows;
    rounds += 1;
  };
  return {
    async begin(world) {
      const { scheduler, broker, store, faultsEndMs } = world;
      const sleep = (ms: number): Promise<void> =>
        isOver ? Promise.resolve() : new Promise((resolve) => scheduler.after(ms, resolve));
      const travel = (): Promise<void> => sleep(scheduler.random() * travelMs);
      audit = auditOf(plan, world, {
        travel,
        reach: 'newest',
        projectionGroupId: 'group-projection',
        store: readOnlyStore(async (sensorIds, view = feastView) => {
          await travel();
          return sensorIds.map((id) => {
            const row = store.rows.get(storeKey(view, id));
            return row && { eventTimeMs: row.window_end, values: row.features };
          });
        }),
      });
      const least = rowsOfAll(plan, broker);
      await audit.open();
      await audit.prime();
      // A commit that is out in part when the audit begins is passed over, with rows that come later.
      const isWhole = plan.commitBytesMax === undefined;
      rowsBefore = [least, isWhole ? rowsOfAll(plan, broker) : Infinity];
      shardsLater = 2 * plan.partitions - audit.shards.length;
      while (scheduler.nowMs < faultsEndMs + 30_000) {
        await sleep(intervalMs);
        await round();
      }
      isOver = true;
    },
    end: round,
    findings,
    get windows() {
      return windows;
    },
    get rounds() {
      return rounds;
    },
    get rowsBefore() {
      return rowsBefore;
    },
    get shardsLater() {
      return shardsLater;
    },
  };
}

/** Returns how many rows the topics of feature rows hold. */
export function rowsOfAll(plan: HistoryPlan, broker: HistoryWorld['broker']): number {
  const topics = [simulatedTopics.output, ...largerTopics(plan)];
  return [...broker.partitions]
    .filter(([partition]) => topics.some((topic) => partition.startsWith(`${topic}/`)))
    .reduce((sum, [, records]) => sum + records.length, 0);
}
