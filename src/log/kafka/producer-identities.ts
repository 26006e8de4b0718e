// The transactional ids of one input partition. Every opening initialises both forms, which fences
// their owners:
//
//   <group>/<topic>/<partition>   the id this version writes under. The name of a topic holds no
//                                 slash, so no two partitions share it.
//   <group>-<topic>-<partition>   the id of the former version, never written under here. Two
//                                 partitions may share one (group a with topic b-c, group a-b with
//                                 topic c); to fence it hurts owners of that version alone.
import type { TopicPartition } from '../../records/record.ts';
import { UnavailableError } from '../../errors.ts';
import type { Connections } from './connections.ts';
import type { TransactionIdentity } from './internals.ts';
import { harmless, patience, retrying } from './retry.ts';
import { transactionalIdsOf } from './transactional-id.ts';

export interface Identities {
  readonly current: TransactionIdentity;
  readonly former: TransactionIdentity;
}

export interface IdentityOptions {
  readonly connections: Connections;
  readonly groupId: string;
  readonly input: TopicPartition;
  readonly transactionTimeoutMs: number;
}

/**
 * Resolves once every earlier owner of either id is fenced and its transaction settled.
 * @throws UnavailableError when `signal` aborts or the cluster stays silent; ConfigError when it
 * refuses for good.
 */
export async function openIdentities(
  options: IdentityOptions,
  signal: AbortSignal,
): Promise<Identities> {
  const ids = transactionalIdsOf(options.groupId, options.input);
  // Side by side, and both before anybody reads the committed offset: metadata cannot prove which
  // version wrote last.
  const [current, former] = await Promise.all([
    open(ids.current, options, signal),
    open(ids.former, options, signal),
  ]);
  return { current, former };
}

function open(
  transactionalId: string,
  { connections, groupId, input, transactionTimeoutMs }: IdentityOptions,
  signal: AbortSignal,
): Promise<TransactionIdentity> {
  return retrying(
    async () => {
      const coordinator = await connections.coordinatorOf(
        { transaction: transactionalId },
        input.topic,
      );
      // Not sent once given up: it would fence the owner that has taken over since.
      if (signal.aborted) throw new UnavailableError('The opening was given up');
      const { producerId, producerEpoch } = await coordinator.initProducerId({
        transactionalId,
        transactionTimeout: transactionTimeoutMs,
      });
      return { transactionalId, producerId, producerEpoch };
    },
    {
      what: `Opening the writer of ${input.topic}/${input.partition}`,
      details: { topic: input.topic, partition: input.partition, groupId, transactionalId },
      // A producer id that is initialised twice fences only ourselves, who have written nothing
      // yet.
      kinds: harmless,
      ...patience,
      signal,
      onFailure: (error) => connections.recover(error),
    },
  );
}
