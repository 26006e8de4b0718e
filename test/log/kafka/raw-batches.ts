// Writes record batches as they are, the way a producer of another make would have: compressed, or
// odd on purpose.
import { createClient } from '../../../src/log/kafka/client.ts';
import { Connections } from '../../../src/log/kafka/connections.ts';
import { produceOne } from '../../../src/log/kafka/produce.ts';
import { kafkaOptions } from './kafka-harness.ts';

/** Writes each batch of one record to partition 0 of its topic, one after another. */
export async function sendRawBatches(
  brokers: string,
  batches: readonly { readonly topic: string; readonly batch: Uint8Array }[],
): Promise<void> {
  const connections = new Connections(
    createClient(kafkaOptions({ brokers: brokers.split(','), clientId: 'raw-batches' })),
  );
  try {
    for (const { topic, batch } of batches) {
      const place = { topic, partition: 0 };
      const raw = {
        count: 1,
        bytes: batch.length,
        write: (into: Buffer, at: number): void => void into.set(batch, at),
      };
      const producer = { id: -1n, epoch: -1, sequence: -1, transactional: false };
      const leader = await connections.leaderOf(place);
      const offset = await produceOne(leader, null, { ...place, batch: raw, producer });
      if (offset === undefined) throw new Error(`${topic} takes no batch of ${batch.length} bytes`);
    }
  } finally {
    await connections.close();
  }
}
