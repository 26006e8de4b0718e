// The transactional writer of one input partition. Records, position and the check of its epoch are
// one update.
import { FencedError, UnavailableError } from '../../errors.ts';
import type { Commit, CommitResult, PartitionWriter } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { placeAppend, type PreparedAppend } from './append.ts';
import type { Updated } from '../../lmdb/tables.ts';
import type { PlanView } from '../../lmdb/plan-view.ts';
import {
  decodeEpoch,
  encodeEpoch,
  encodePosition,
  groupPartitionKey,
  logTables,
} from './layout.ts';

/** The parts of the log that a writer uses. */
export interface WriterLog {
  prepare(commit: Commit): PreparedAppend;
  update<T>(plan: (view: PlanView) => T): Promise<Updated<T>>;
  /** Called once an update is visible. */
  committed(): void;
}

/** Opens the writer with a new epoch, which fences every earlier one. */
export async function openPartitionWriter(
  log: WriterLog,
  groupId: string,
  partition: TopicPartition,
): Promise<PartitionWriter> {
  const key = groupPartitionKey(groupId, partition);
  const { result: epoch, flushed } = await log.update((view) => {
    const next = decodeEpoch(view.get(logTables.writers, key)) + 1;
    view.put(logTables.writers, key, encodeEpoch(next));
    return next;
  });
  await flushed;
  let closed = false;
  const place = { group: groupId, topic: partition.topic, partition: partition.partition };

  const plan = (view: PlanView, commit: Commit, prepared: PreparedAppend): CommitResult => {
    if (closed) throw new UnavailableError('The partition writer is closed', place);
    const current = decodeEpoch(view.get(logTables.writers, key));
    if (current !== epoch) {
      throw new FencedError(
        `Another writer of ${place.topic}/${place.partition} was opened: epoch ${current}, ours is ${epoch}`,
        { ...place, epoch, current },
      );
    }
    view.put(logTables.positions, key, encodePosition(commit));
    return placeAppend(view, prepared);
  };

  return {
    epoch: String(epoch),
    begin() {
      // Nothing to do: a commit is a single update.
    },
    async commit(commit) {
      const prepared = log.prepare(commit);
      const updated = await log.update((view) => plan(view, commit, prepared));
      log.committed();
      await updated.flushed;
      return updated.result;
    },
    async close() {
      closed = true;
    },
  };
}
