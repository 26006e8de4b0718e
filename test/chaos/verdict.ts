// The end of a chaos run: what lies in the topics and in Redis against what a sequential model says, and against what was
// seen on the way.
import { setTimeout as sleep } from 'node:timers/promises';

import { semantics, expectLastRows } from '../integration/pipeline.ts';
import { eventually } from '../integration/program.ts';
import {
  outcomeDifferences,
  readOutcome,
  type Outcome,
  type TestTopics,
} from '../integration/topics.ts';
import type { ActualRow, LoggedRecord } from '../../property-tests/models/pipeline-oracle.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import type { RowsWatcher, StoreWatcher } from './watchers.ts';

export interface Evidence {
  readonly log: EventLog;
  readonly topics: TestTopics;
  readonly featureStore: FeatureStore;
  readonly rows: RowsWatcher;
  readonly store: StoreWatcher;
  /** Records of the input that were deleted from it, by partition. */
  readonly trimmed: ReadonlyMap<number, readonly LoggedRecord[]>;
  readonly output: () => string;
}

export interface Judgement {
  readonly problems: readonly string[];
  readonly counts: {
    readonly rows: number;
    readonly deadLetters: number;
    readonly forwards: number;
  };
}

/** For the last windows to close, and for each time everything is read and modelled again. */
const settleMsMax = 600_000;
const shownMax = 20;

/** Returns in what the run was not as it must be, once the last windows have closed; waits for them, bounded. */
export async function judge(evidence: Evidence): Promise<Judgement> {
  const { log, topics, featureStore, rows, store, trimmed } = evidence;
  let outcome: Outcome | undefined;
  const problems: string[] = [];
  try {
    await eventually(
      async () => {
        const startedMs = Date.now();
        outcome = await readOutcome(log, topics, semantics, trimmed);
        const differences = outcomeDifferences(outcome);
        if (differences.length === 0) return;
        // The program that is waited for needs the processor too.
        await sleep(Date.now() - startedMs);
        throw new Error(listed('difference', differences));
      },
      { timeoutMs: settleMsMax, onTimeout: evidence.output },
    );
    if (outcome !== undefined) {
      await expectLastRows(featureStore, outcome);
      await eventually(async () => expectAllSeen(rows.rows, outcome), { timeoutMs: 30_000 });
    }
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  problems.push(...rows.problems, ...store.problems);
  problems.push(...uncommittedSeen(outcome, store.seen));
  return {
    problems,
    counts: {
      rows: outcome?.rows.length ?? 0,
      deadLetters: outcome?.deadLetters.length ?? 0,
      forwards: outcome?.forwards.length ?? 0,
    },
  };
}

/** The watching consumer must have seen exactly what lies there: no row came and went. */
function expectAllSeen(seen: readonly ActualRow[], outcome: Outcome | undefined): void {
  const textOf = (row: ActualRow): string => JSON.stringify(row);
  const left = new Set(outcome?.rows.map(textOf));
  const vanished = seen.map(textOf).filter((row) => !left.delete(row));
  if (vanished.length > 0) throw new Error(listed('row seen and not there', vanished));
  if (left.size > 0) throw new Error(listed('row there and not seen', [...left]));
}

function uncommittedSeen(
  outcome: Outcome | undefined,
  seen: ReadonlySet<string>,
): readonly string[] {
  if (outcome === undefined) return [];
  const committed = new Set(outcome.rows.map((row) => `${row.sensor_id} ${row.window_end}`));
  const uncommitted = [...seen].filter((each) => !committed.has(each));
  return uncommitted.length === 0
    ? []
    : [listed('row in Redis that was never committed', uncommitted)];
}

function listed(what: string, items: readonly string[]): string {
  return `${items.length} × ${what}:\n${items.slice(0, shownMax).join('\n')}`;
}
