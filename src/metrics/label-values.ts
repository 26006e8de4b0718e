// The possible values of counter labels, so that each series starts at 0. A series born with its
// first event shows no increase, because `increase(x[5m])` compares two samples; an alert would
// miss the first burst. Partitions are not listed: only gauges have them as labels.
import { directives } from '../errors.ts';
import { alarmKinds } from '../sensors/alarm-change.ts';
import { presenceKinds } from '../sensors/presence-change.ts';
import { deadLetterCodes } from '../sensors/reading.ts';

/** Errors that a shard cannot recover from by itself. */
export const shardFailureCodes = ['CONFIG', 'INVARIANT'] as const;

/** Journaled decisions except idle marks, which have their own counter. */
export const journaledDecisions = [
  'quarantine',
  'release',
  'reset',
  'acknowledge',
  'mute',
  'tune',
  'skip',
  'gap',
  'schema',
] as const;

/** Units in which a timestamp that was read as ms may make sense. */
export const likelyUnits = ['s', 'us', 'ns'] as const;

/** Outcomes of asking the registry for a schema; failed: it did not answer, and is asked again. */
export const schemaLookupResults = ['loaded', 'unknown', 'failed'] as const;

/** Kinds of events in the anomaly topic. */
export const eventKinds = [...presenceKinds, ...alarmKinds] as const;

/** Why a commit was lost. */
export const lostCommits = ['timeout', 'fenced', 'unknown', 'refused', 'released', 'bug'] as const;

/** Whether a rebalance gave a partition to a worker or took it. */
export const moveDirections = ['assigned', 'revoked'] as const;

/** Outcome of writing a feature row to the feature store. */
export const projectionResults = ['written', 'skipped', 'refused', 'bad'] as const;

/** Kinds of audit findings; `left_out` counts those beyond the reporting limit. */
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

/** Where alarms are delivered. */
export const alarmTargets = ['alertmanager', 'webhook'] as const;

/** Why a request with readings was answered with 429. */
export const turnedAwayCauses = ['rate', 'behind', 'pending'] as const;

export type AlarmTargetName = (typeof alarmTargets)[number];
export type TurnedAwayCause = (typeof turnedAwayCauses)[number];
export type JournaledDecision = (typeof journaledDecisions)[number];
export type LostCommit = (typeof lostCommits)[number];
export type ProjectionResult = (typeof projectionResults)[number];
export type AuditFinding = (typeof auditFindings)[number];

export { deadLetterCodes, directives };
