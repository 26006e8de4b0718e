// The input offset of a transaction, committed as a member of the group (KIP-447). The
// transactional id fences owners of this version. An owner of the former version writes under
// another id and fences nobody here: the coordinator then refuses a paused owner because the group
// has a newer generation.
//
//   member stays, newer generation ──refused──▶ committed again once it has joined
//   member was dropped, joined again ──▶ was the former id initialised meanwhile?
//                                          ├─ no ──▶ committed
//                                          └─ yes ─▶ FencedError
import { FencedError } from '../../errors.ts';
import type { TopicPartition } from '../../records/record.ts';
import type { Connections } from './connections.ts';
import type { FailureKind } from './failures.ts';
import type { TransactionIdentity } from './internals.ts';
import type { MemberStanding } from './member-standing.ts';
import { definite } from './retry.ts';
import {
  commitOffsetInTransaction,
  continueProducer,
  noMember,
  type Standing,
} from './transaction-requests.ts';
import type { Identities } from './producer-identities.ts';

export interface Membership {
  /** How the member stands since its last join; undefined where it does not hold the partition. */
  standingAt(place: TopicPartition): MemberStanding | undefined;
}

export interface TransactionOffsetParts {
  readonly connections: Connections;
  readonly groupId: string;
  readonly input: TopicPartition;
  readonly identities: Identities;
  readonly transactionTimeoutMs: number;
  /** undefined for a group that this process is no member of. */
  readonly membership: Membership | undefined;
  /** Of the member, as it stood before the identities were opened. */
  readonly interruptions: number | undefined;
  retrying<T>(kinds: ReadonlySet<FailureKind>, attempt: () => Promise<T>): Promise<T>;
  /** @throws what the writer died of. */
  assertAlive(): void;
}

/** A refusal for want of membership did nothing; the next join may cure it. */
const untilJoined: ReadonlySet<FailureKind> = new Set([...definite, 'membership']);

export class TransactionOffset {
  readonly #parts: TransactionOffsetParts;
  #former: TransactionIdentity;
  #interruptions: number | undefined;

  constructor(parts: TransactionOffsetParts) {
    this.#parts = parts;
    this.#former = parts.identities.former;
    this.#interruptions = parts.interruptions;
  }

  /** @throws FencedError, as the cause of kafkajs's or by itself, where another owner took over. */
  async commit(nextOffset: number, metadata: string): Promise<void> {
    const { connections, groupId, input, identities } = this.#parts;
    await this.#parts.retrying(untilJoined, async () => {
      const standing = await this.#standing();
      const coordinator = await connections.coordinatorOf({ group: groupId }, input.topic);
      this.#parts.assertAlive();
      const offset = { groupId, place: input, nextOffset, metadata };
      await commitOffsetInTransaction(coordinator, identities.current, standing, offset);
    });
  }

  async #standing(): Promise<Standing> {
    const { membership, groupId, input } = this.#parts;
    if (membership === undefined) return noMember;
    const standing = membership.standingAt(input);
    if (standing === undefined) {
      const place = `${input.topic}/${input.partition}`;
      throw new FencedError(`The member of ${groupId} no longer holds ${place}`, { ...input });
    }
    if (standing.interruptions !== this.#interruptions) {
      await this.#assertUninterrupted();
      this.#interruptions = standing.interruptions;
    }
    return standing;
  }

  /**
   * An owner of the former version would have initialised the former id; one of this version fences
   * the current id.
   */
  async #assertUninterrupted(): Promise<void> {
    const { connections, input, transactionTimeoutMs } = this.#parts;
    const { transactionalId } = this.#former;
    const of = { transaction: transactionalId };
    const coordinator = await connections.coordinatorOf(of, input.topic);
    this.#parts.assertAlive();
    this.#former = await continueProducer(coordinator, this.#former, transactionTimeoutMs);
  }
}
