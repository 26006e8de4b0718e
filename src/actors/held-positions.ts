// The newest position of each shard that this thread has seen acknowledged. A group coordinator
// that serves before it has read its whole log answers with older ones (Kafka 4.1.1, restarted on
// a busy machine: two minutes older). Going on from there would write the rows since then again.
import { UnavailableError } from '../errors.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { TopicPartition } from '../records/record.ts';

export class HeldPositions {
  readonly #offsets: Map<string, number> = new Map();

  /** Notes that a commit up to `nextOffset` was acknowledged. */
  acknowledged(shard: TopicPartition, nextOffset: number): void {
    const key = partitionKey(shard);
    this.#offsets.set(key, Math.max(nextOffset, this.#offsets.get(key) ?? 0));
  }

  /**
   * Checks the position that Kafka answers for the shard.
   * @throws UnavailableError when it is older than one that was acknowledged: ask again.
   */
  assertReached({ topic, partition }: TopicPartition, answered: number): void {
    const acknowledged = this.#offsets.get(partitionKey({ topic, partition })) ?? 0;
    if (answered >= acknowledged) return;
    throw new UnavailableError(
      `Kafka answers position ${answered} for ${topic}/${partition}, but has acknowledged ${acknowledged}: its group ` +
        'coordinator has lost commits. Going on from there would write rows twice, so the shard waits. Restart the ' +
        'broker that coordinates the group: it then reads its log again',
      { topic, partition, answered, acknowledged },
    );
  }
}
