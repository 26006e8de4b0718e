import { describe, expect, it } from 'vitest';

import { InvariantError } from '../../../src/errors.ts';
import { nameFetchFailures, parseFetchResponse } from '../../../src/log/kafka/fetch-response.ts';
import { SeamBatch } from '../../../src/log/kafka/fetch-seam.ts';
import { createErrorFromCode } from '../../../src/log/kafka/internals.ts';
import { missingRightOf } from '../../../src/log/kafka/missing-right.ts';

const responseOf = (...codes: readonly number[]): Parameters<typeof parseFetchResponse>[0] => ({
  responses: codes.map((errorCode, partition) => ({
    topicName: 't',
    partitions: [
      { partition, errorCode: 0 },
      { partition: partition + 10, errorCode },
    ],
  })),
});

describe('a fetch response', () => {
  // Codes of the Kafka protocol (org.apache.kafka.common.protocol.Errors).
  it.each([
    [1, 'OFFSET_OUT_OF_RANGE'],
    [2, 'CORRUPT_MESSAGE'],
    [6, 'NOT_LEADER_FOR_PARTITION'],
    [29, 'TOPIC_AUTHORIZATION_FAILED'],
    [-1, 'UNKNOWN'],
  ])('with error %i (%s) of one partition is delivered as a whole', async (code) => {
    const response = responseOf(0, code);

    expect(await parseFetchResponse(response)).toBe(response);
  });
});

describe('a partition of a fetch response', () => {
  const partitionOf = (messages: Uint8Array, failure?: Error): SeamBatch =>
    new SeamBatch('t', '7', {
      partition: 2,
      ...(failure === undefined ? {} : { failure }),
      highWatermark: '9',
      lastStableOffset: '9',
      abortedTransactions: [],
      messages,
    });

  it('that has an error is told so, with the right that is missing', async () => {
    const response = responseOf(29);
    class Broker {
      readonly connectionPool = { host: 'kafka', port: 9092, sasl: { username: 'u' } };
      fetch(_request: object): Promise<typeof response> {
        return Promise.resolve(response);
      }
    }
    nameFetchFailures(Broker, createErrorFromCode);

    await new Broker().fetch({});

    const [well, denied] = response.responses[0]?.partitions ?? [];
    expect(well).not.toHaveProperty('failure');
    expect(missingRightOf(denied?.failure)).toMatchObject({
      operation: 'Read',
      resource: 'topic',
      name: 't',
    });
  });

  it('says what failed of it, and has no batches then', () => {
    const away = createErrorFromCode(1);

    const { failure, batches, fetchedOffset } = partitionOf(new Uint8Array(0), away);

    expect([failure, batches, fetchedOffset]).toEqual([away, [], '7']);
  });

  it('holds a corrupt batch as its own failure, and throws nothing at the others', () => {
    const corrupt = Buffer.alloc(70);
    corrupt.writeInt32BE(58, 8);
    corrupt.writeInt8(2, 16);

    const { failure, batches } = partitionOf(corrupt);

    expect(failure).toBeInstanceOf(InvariantError);
    expect(failure?.message).toMatch(/CRC/);
    expect(batches).toEqual([]);
  });
});
