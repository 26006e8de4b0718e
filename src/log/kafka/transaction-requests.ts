// Two requests of a transaction in versions that kafkajs does not speak: TxnOffsetCommit v3 says
// which member of which generation commits (KIP-447), InitProducerId v3 which producer it goes on
// from (KIP-360).
import type { TopicPartition } from '../../records/record.ts';
import {
  compactLength,
  compactString,
  int16,
  int32,
  int64,
  noTags,
  sendCompact,
} from './compact-protocol.ts';
import { createErrorFromCode, type Broker, type TransactionIdentity } from './internals.ts';
import { withMissingRight, withTopic } from './named-refusals.ts';

const txnOffsetCommit = { apiKey: 28, apiVersion: 3, apiName: 'TxnOffsetCommit' };
const initProducerId = { apiKey: 22, apiVersion: 3, apiName: 'InitProducerId' };

/** As whom a group's offsets are committed. */
export interface Standing {
  readonly memberId: string;
  readonly generationId: number;
}

/** For a group that the writer is no member of: the coordinator checks nothing. */
export const noMember: Standing = { memberId: '', generationId: -1 };

export interface OffsetInTransaction {
  readonly groupId: string;
  readonly place: TopicPartition;
  readonly nextOffset: number;
  readonly metadata: string;
}

/**
 * Makes the offset part of the transaction, as the member of `standing`: refused, with nothing
 * done, where the group has a newer generation or the member is none of it. @throws kafkajs errors,
 * untranslated.
 */
export async function commitOffsetInTransaction(
  coordinator: Broker,
  { transactionalId, producerId, producerEpoch }: TransactionIdentity,
  { memberId, generationId }: Standing,
  { groupId, place, nextOffset, metadata }: OffsetInTransaction,
): Promise<void> {
  const codes = await sendCompact(coordinator, {
    ...txnOffsetCommit,
    // transactional_id group_id producer_id producer_epoch generation_id member_id
    // group_instance_id [topic [partition offset leader_epoch metadata tags] tags] tags
    body: [
      compactString(transactionalId),
      compactString(groupId),
      int64(BigInt(producerId)),
      int16(producerEpoch),
      int32(generationId),
      compactString(memberId),
      compactString(null),
      compactLength(1),
      compactString(place.topic),
      compactLength(1),
      int32(place.partition),
      int64(BigInt(nextOffset)),
      int32(-1),
      compactString(metadata),
      noTags,
      noTags,
      noTags,
    ],
    // throttle_time [topic [partition error_code tags] tags] tags
    read: (reader) => {
      reader.skip(4);
      return reader.array(() => {
        reader.string();
        const partitions = reader.array(() => {
          reader.skip(4);
          const code = reader.int16();
          reader.skipTags();
          return code;
        });
        reader.skipTags();
        return partitions;
      });
    },
  });
  const failed = codes.flat().find((code) => code !== 0);
  if (failed === undefined) return;
  const error = withTopic(createErrorFromCode(failed), place.topic);
  throw withMissingRight(error, coordinator, 'txnOffsetCommit', { groupId, transactionalId });
}

/**
 * Goes on as the producer of `identity`, with the next epoch; refused where another one has
 * initialised the id since.
 * @throws kafkajs errors, untranslated.
 */
export async function continueProducer(
  coordinator: Broker,
  { transactionalId, producerId, producerEpoch }: TransactionIdentity,
  transactionTimeoutMs: number,
): Promise<TransactionIdentity> {
  const answer = await sendCompact(coordinator, {
    ...initProducerId,
    // transactional_id transaction_timeout_ms producer_id producer_epoch tags
    body: [
      compactString(transactionalId),
      int32(transactionTimeoutMs),
      int64(BigInt(producerId)),
      int16(producerEpoch),
      noTags,
    ],
    // throttle_time error_code producer_id producer_epoch tags
    read: (reader) => {
      reader.skip(4);
      return { code: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() };
    },
  });
  if (answer.code !== 0) {
    const error = createErrorFromCode(answer.code);
    throw withMissingRight(error, coordinator, 'initProducerId', { transactionalId });
  }
  const { producerId: id, producerEpoch: epoch } = answer;
  return { transactionalId, producerId: String(id), producerEpoch: epoch };
}
