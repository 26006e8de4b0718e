import { expect, test } from 'vitest';

import { createErrorFromCode } from '../../../src/log/kafka/internals.ts';
import { describeTopic } from '../../../src/log/kafka/topic-admin.ts';

type Connections = Parameters<typeof describeTopic>[0];

const topicAuthorizationFailed = 29;

test('a topic whose settings may not be read is described without them, and with the reason', async () => {
  const broker = {
    metadata: () =>
      Promise.resolve({
        topicMetadata: [{ topic: 'in', partitionMetadata: [{ partitionId: 0, replicas: [1] }] }],
      }),
    describeConfigs: () => Promise.reject(createErrorFromCode(topicAuthorizationFailed)),
  };
  const connections = {
    anyBroker: () => Promise.resolve(broker),
    recover: () => Promise.resolve(),
  } as unknown as Connections;

  const description = await describeTopic(connections, 'in');

  expect(description).toMatchObject({ topic: 'in', partitions: 1, replicationFactor: 1 });
  expect(description?.config).toEqual({});
  expect(description?.configUnknown).toMatch(/^Reading the settings of in /);
});
