// A commit that is out in part, as the next owner of its shard meets it. Outputs are a pure
// function of log and journal: folding from the committed position to the commit's cut gives all of
// its outputs again, and those that are visible are left out. The next commit holds the rest.
//
//   S ──── muted ──── C (position) ──── the first n of each kind left out ──── cut ──── live
import { ConfigError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import type { JournaledFoldParts } from './journaled-fold.ts';
import type { Outbox } from './outbox.ts';
import type { PartialCommit } from './position-metadata.ts';
import type { Recovered } from './recovery.ts';
import type { ShardMemory } from './shard-memory.ts';

export interface UntilLiveParts {
  readonly shard: TopicPartition;
  /** Muted. */
  readonly outbox: Outbox;
  /** Called where outputs count from. */
  live(): void;
}

/** Returns how far a recovered memory is folded before its shard is live. */
export function foldUntilLive(
  { committedOffset, memory, metadata }: Recovered,
  { shard, outbox, live }: UntilLiveParts,
): Pick<JournaledFoldParts, 'committed' | 'end' | 'onEnd'> {
  const { journal, partial } = metadata;
  if (partial === undefined) return { end: committedOffset, onEnd: live };
  return {
    committed: {
      offset: committedOffset,
      sequence: journal.sequence,
      onReached: () => outbox.resume(partial),
    },
    end: partial.offset,
    onEnd: () => {
      assertSameCut(shard, partial, memory, outbox);
      live();
    },
  };
}

/** @throws ConfigError where other outputs would be left out than those that are visible. */
function assertSameCut(
  { topic, partition }: TopicPartition,
  partial: PartialCommit,
  { journalSequence, sourceMaxMs, state }: ShardMemory,
  { stillOut }: Outbox,
): void {
  const { rows, others, anomalyEvents } = stillOut;
  const same =
    rows + others + anomalyEvents === 0 &&
    journalSequence === partial.sequence &&
    state.watermarkMs === (partial.watermarkMs ?? -Infinity) &&
    sourceMaxMs === (partial.sourceMaxMs ?? -Infinity);
  if (same) return;
  throw new ConfigError(
    `a commit of ${topic}/${partition} is out in part, up to offset ${partial.offset}, and folding its records ` +
      'again gave something else: this program computes something else than the one that began it, or records ' +
      'were compacted meanwhile. Go on with that program, or start with a new GROUP_ID and OUTPUT_TOPIC',
    { topic, partition, offset: partial.offset, rows, others, anomalyEvents },
  );
}
