import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

import { ConfigError } from '../../../src/errors.ts';
import { translated } from '../../../src/log/kafka/failures.ts';
// Loads kafkajs as the adapter does.
import { createErrorFromCode } from '../../../src/log/kafka/internals.ts';
import { missingRightOf, principalOf } from '../../../src/log/kafka/missing-right.ts';
import { operationNotAttempted } from '../../../src/log/kafka/named-refusals.ts';

const require = createRequire(import.meta.url);

interface Sent {
  readonly response: { readonly parse: (decoded: unknown) => Promise<unknown> };
}
type TestBroker = Record<string, (request: unknown) => Promise<unknown>>;
interface Definition {
  protocol(version: { readonly version: number }): (request: object) => Sent;
}

const topicDenied = 29;
const groupDenied = 30;
const clusterDenied = 31;
const transactionalIdDenied = 53;

/** A broker that answers every request with `decoded`, or fails with that error code. */
function brokerAnswering(answer: { decoded: object } | { code: number }): TestBroker {
  const Broker = require('kafkajs/src/broker') as new (options: object) => TestBroker;
  const send = ({ response }: Sent): Promise<unknown> =>
    'code' in answer
      ? Promise.reject(createErrorFromCode(answer.code))
      : response.parse(answer.decoded);
  const broker = new Broker({
    logger: { namespace: () => ({}) },
    connectionPool: { host: 'kafka', port: 9092, sasl: { username: 'alice' }, send },
  });
  return Object.assign(broker, {
    lookupRequest: (_: number, definition: Definition) => definition.protocol({ version: 1 }),
  });
}

function ask(broker: TestBroker, method: string, request: unknown): Promise<unknown> {
  return broker[method]?.(request) ?? Promise.reject(new Error(`kafkajs has no ${method}`));
}

async function errorOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => expect.unreachable('it was allowed'),
    (error: unknown) => error,
  );
}

const transaction = { transactionalId: 'g-in-0', producerId: '1', producerEpoch: 0 };

test('a refused partition is named, whatever the others of its request were told', async () => {
  const partition = (errorCode: number): object => ({ partition: 0, errorCode });
  const errors = [
    { topic: 'rows', partitionErrors: [partition(operationNotAttempted)] },
    {
      topic: 'letters',
      partitionErrors: [partition(operationNotAttempted), partition(topicDenied)],
    },
  ];
  const broker = brokerAnswering({ decoded: { errors } });
  const topics = ['rows', 'letters'].map((topic) => ({ topic, partitions: [0] }));

  const error = await errorOf(ask(broker, 'addPartitionsToTxn', { ...transaction, topics }));
  const refusal = translated('A commit of in/0', error, {});

  expect(refusal).toBeInstanceOf(ConfigError);
  expect(refusal.message).toBe(
    'A commit of in/0 was refused: User:alice lacks Write on topic letters. Grant it: kafka-acls ' +
      '--bootstrap-server kafka:9092 --add --allow-principal User:alice --operation Write --topic letters',
  );
});

test('what can be cured by waiting does not hide what cannot', async () => {
  const topicMetadata = [
    { topic: 'young', topicErrorCode: 5, partitionMetadata: [] },
    { topic: 'secret', topicErrorCode: topicDenied, partitionMetadata: [] },
  ];
  const broker = brokerAnswering({ decoded: { topicMetadata } });

  const error = await errorOf(ask(broker, 'metadata', ['young', 'secret']));

  expect(missingRightOf(error)).toMatchObject({ operation: 'Describe', name: 'secret' });
});

const group = { groupId: 'g', groupGenerationId: 1, generationId: 1, memberId: 'm' };
const ofTopic = { topics: [{ topic: 'in', partitions: [{ partition: 0 }] }] };
test.each([
  ['findGroupCoordinator', groupDenied, { groupId: 'g', coordinatorType: 0 }, 'Describe', 'group'],
  [
    'findGroupCoordinator',
    transactionalIdDenied,
    { groupId: 'g', coordinatorType: 1 },
    'Write',
    'transactional-id',
  ],
  ['heartbeat', groupDenied, group, 'Read', 'group'],
  ['joinGroup', groupDenied, { ...group, groupProtocols: [] }, 'Read', 'group'],
  ['syncGroup', groupDenied, { ...group, groupAssignment: [] }, 'Read', 'group'],
  ['describeGroups', groupDenied, { groupIds: ['g'] }, 'Describe', 'group'],
  ['offsetCommit', groupDenied, { ...group, ...ofTopic }, 'Read', 'group'],
  ['offsetCommit', topicDenied, { ...group, ...ofTopic }, 'Read', 'topic'],
  ['listOffsets', topicDenied, ofTopic, 'Describe', 'topic'],
  ['fetch', topicDenied, ofTopic, 'Read', 'topic'],
  [
    'initProducerId',
    transactionalIdDenied,
    { transactionalId: 'g-in-0', transactionTimeout: 1 },
    'Write',
    'transactional-id',
  ],
  ['initProducerId', clusterDenied, { transactionTimeout: 1 }, 'IdempotentWrite', 'cluster'],
  ['addOffsetsToTxn', groupDenied, { ...transaction, groupId: 'g' }, 'Read', 'group'],
  ['txnOffsetCommit', topicDenied, { ...transaction, ...group, ...ofTopic }, 'Read', 'topic'],
  ['endTxn', transactionalIdDenied, transaction, 'Write', 'transactional-id'],
  [
    'describeConfigs',
    topicDenied,
    { resources: [{ type: 2, name: 'in', configNames: [] }] },
    'DescribeConfigs',
    'topic',
  ],
] as const)('%s, refused with %i: what it was for and what is missing', async (...row) => {
  const [method, code, request, operation, resource] = row;
  const names = { group: 'g', topic: 'in', 'transactional-id': /^g/, cluster: undefined };

  const error = await errorOf(ask(brokerAnswering({ code }), method, request));

  const missing = missingRightOf(error);
  expect(missing).toMatchObject({ operation, resource, principal: 'User:alice' });
  if (names[resource] instanceof RegExp) expect(missing?.name).toMatch(names[resource]);
  else expect(missing?.name).toBe(names[resource]);
});

test('transactional ids are given by the group they begin with, and odd names are quoted', async () => {
  const broker = brokerAnswering({ code: transactionalIdDenied });
  const request = { transactionalId: "it's-in-0", transactionTimeout: 1 };

  const error = await errorOf(ask(broker, 'initProducerId', request));

  expect(translated('Opening', error, { groupId: "it's" }).message).toContain(
    "--operation Write --transactional-id 'it'\\''s' --resource-pattern-type prefixed",
  );
});

test('without a login the brokers take a client for its certificate, or for nobody', () => {
  expect(principalOf({})).toBe('User:ANONYMOUS');
  expect(principalOf({ username: 'alice' })).toBe('User:alice');
});
