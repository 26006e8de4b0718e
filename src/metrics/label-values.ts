// The values that labels of counters can take, and the start of each series at 0. A series that is
// born with its first event shows no increase: `increase(x[5m])` compares two samples, and an alert
// on the first burst would stay silent. Partitions are not listed: only gauges carry them.
import type { Counter } from 'prom-client';

import { directives } from '../errors.ts';
import { deadLetterCodes } from '../sensors/reading.ts';

/** Errors that a shard cannot recover from by itself. */
export const shardFailureCodes = ['CONFIG', 'INVARIANT'] as const;

/** Journaled decisions, without idle marks, which have a counter of their own. */
export const journaledDecisions = ['quarantine', 'release', 'reset', 'skip', 'gap'] as const;

/** Why a commit was lost. */
export const lostCommits = ['timeout', 'fenced', 'unknown', 'refused', 'released', 'bug'] as const;

/** What became of a feature row that was offered to the feature store. */
export const projectionResults = ['written', 'skipped', 'refused', 'bad'] as const;

/** Kinds of audit findings; `left_out` counts those beyond the most that are reported. */
export const auditFindings = [
  'mismatch',
  'missing',
  'doubled',
  'extra',
  'unreadable',
  'store_mismatch',
  'store_older',
  'store_newer',
  'snapshot_mismatch',
  'left_out',
] as const;

export type JournaledDecision = (typeof journaledDecisions)[number];
export type LostCommit = (typeof lostCommits)[number];
export type ProjectionResult = (typeof projectionResults)[number];
export type AuditFinding = (typeof auditFindings)[number];

export { deadLetterCodes, directives };

/** Starts one series at 0 for each value of the counter's label. */
export function startAtZero<Label extends string>(
  counter: Counter<Label>,
  label: Label,
  values: readonly string[],
): void {
  for (const value of values) counter.labels({ [label]: value } as Record<Label, string>).inc(0);
}
