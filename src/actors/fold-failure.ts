// The recovery from a fold that threw. A fold is deterministic, so a plain retry would throw again.
// The memory may be half written and is dropped; the shard recovers and folds up to the record at
// fault, its suspect. There the sensor is quarantined. If no sensor can be named, or if that did
// not help, the record alone is skipped. Both decisions are journaled.
import { FoldError, InvariantError, isSensoriumError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { failuresMax, tooManyFailures } from './failures.ts';
import type { Decision } from './journal.ts';
import type { ShardMemory } from './shard-memory.ts';

/** A record whose fold threw. */
export interface Suspect {
  readonly offset: number;
  /** Text of the thrown error, bounded. */
  readonly message: string;
  /** The sensor whose reading was being folded, where a record may hold several. */
  readonly sensorId?: string | undefined;
  /** How often in a row folding has ended at this offset. */
  readonly attempts: number;
}

/** First its sensor is set aside, then the record; what still throws is not the record's. */
const attemptsMax = 3;
const messageCharactersMax = 200;

/** Returns what the owner of a session must hear of `error`, which was thrown at `offset`. */
export function foldFailure(
  error: unknown,
  at: TopicPartition & {
    readonly offset: number;
    /** `decision`: no record was being folded, so none can be at fault. */
    readonly phase: 'replay' | 'fold' | 'decision';
    readonly sensorId?: string | undefined;
  },
): unknown {
  if (isSensoriumError(error) && error.directive !== 'crash') return error;
  const { topic, partition, offset, phase, sensorId } = at;
  const reason = messageOf(error);
  const details = { topic, partition, offset, reason, sensorId };
  const where = `offset ${offset} of ${topic}/${partition}`;
  switch (phase) {
    case 'fold':
      return new FoldError(`folding ${where} threw ${reason}`, details, error);
    case 'replay':
      // Its outputs are committed: to set the sensor aside from here on would compute something
      // else.
      return new InvariantError(
        `replaying ${where} threw ${reason}, and did not when it was folded first: this program computes something ` +
          'else than the one that committed it; go back to that one',
        details,
        error,
      );
    case 'decision':
      return new InvariantError(
        `a decision before ${where} threw ${reason}: no record is at fault, so none can be set aside`,
        details,
        error,
      );
    default:
      return phase satisfies never;
  }
}

/**
 * Returns the suspect that `failure` leaves; undefined where setting sensor and record aside did
 * not help.
 */
export function suspectAfter(before: Suspect | undefined, failure: FoldError): Suspect | undefined {
  const offset = Number(failure.details['offset']);
  const message = String(failure.details['reason']);
  const named = failure.details['sensorId'];
  const sensorId = typeof named === 'string' ? named : undefined;
  // Another sensor of the same record is a fault of its own.
  const isAgain = before?.offset === offset && before.sensorId === sensorId;
  const attempts = isAgain ? before.attempts + 1 : 1;
  return attempts >= attemptsMax ? undefined : { offset, message, attempts, sensorId };
}

/**
 * Returns what to journal at the suspect: the quarantine of its sensor, or where that is unknown or
 * set aside already, that the record is skipped; undefined where its quarantine is journaled
 * already and nothing has thrown since, as after a commit whose response was lost. @throws
 * InvariantError where so much failed lately that no sensor can be at fault.
 */
export function decisionOn(
  suspect: Suspect,
  sensorId: string | undefined,
  memory: ShardMemory,
  nowMs: number,
): Decision | undefined {
  const { attempts, message, offset } = suspect;
  const setAside = sensorId === undefined ? undefined : memory.quarantines.get(sensorId);
  if (setAside?.offset === offset && attempts === 1) return undefined;
  if (tooManyFailures(memory, nowMs)) {
    throw new InvariantError(
      `folding offset ${offset} (sensor ${sensorId ?? 'unknown'}) threw ${message}, and this shard has set aside ` +
        `${failuresMax} sensors or records within the hour: the fault is not theirs but the program's`,
      { offset, sensorId },
    );
  }
  if (sensorId === undefined || setAside !== undefined) {
    return { kind: 'skip', message, decided_ms: nowMs };
  }
  const cause = 'fold_failed';
  return { kind: 'quarantine', sensor_id: sensorId, cause, message, decided_ms: nowMs };
}

/** Returns why the suspect itself is a dead letter. */
export function foldFailedReason({ message }: Pick<Suspect, 'message'>): DeadLetterReason {
  return { code: 'fold_failed', message: `folding it threw ${message}` };
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, messageCharactersMax);
}
