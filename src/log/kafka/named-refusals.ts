// Lets the errors of kafkajs say what was refused. A broker answers for each topic and partition;
// kafkajs throws the first error it finds, without its topic. For AddPartitionsToTxn that is often
// OPERATION_NOT_ATTEMPTED, which the partitions get that were not at fault. Installed by the fetch
// seam.
import {
  principalOf,
  setMissingRight,
  type RightOperation,
  type RightResource,
} from './missing-right.ts';

/** The fields of kafkajs's protocol errors in use. */
interface ProtocolError extends Error {
  readonly type?: unknown;
  readonly code?: unknown;
}

interface Answered {
  readonly topic: string;
  readonly errorCode: number;
}

type Parse = (decoded: unknown) => Promise<unknown>;

/** The parts of a decoded answer that carry an error code. */
type AnswersOf = (decoded: never) => readonly Answered[];

interface Topics<Partition> {
  readonly topic: string;
  readonly partitions: readonly Partition[];
}
interface PartitionAnswer {
  readonly errorCode: number;
}

const flatten = (topics: readonly Topics<PartitionAnswer>[]): readonly Answered[] =>
  topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ errorCode }) => ({ topic, errorCode })),
  );
const ofResponses: AnswersOf = (decoded: {
  readonly responses: readonly Topics<PartitionAnswer>[];
}) => flatten(decoded.responses);

/** By the module that the later versions of a response take their `parse` from. */
const answersByModule: Readonly<Record<string, AnswersOf>> = {
  'metadata/v0': (decoded: {
    readonly topicMetadata: readonly { readonly topic: string; readonly topicErrorCode: number }[];
  }) =>
    decoded.topicMetadata.map(({ topic, topicErrorCode }) => ({
      topic,
      errorCode: topicErrorCode,
    })),
  'addPartitionsToTxn/v0': (decoded: {
    readonly errors: readonly {
      readonly topic: string;
      readonly partitionErrors: readonly PartitionAnswer[];
    }[];
  }) =>
    flatten(
      decoded.errors.map(({ topic, partitionErrors }) => ({ topic, partitions: partitionErrors })),
    ),
  'txnOffsetCommit/v0': (decoded: { readonly topics: readonly Topics<PartitionAnswer>[] }) =>
    flatten(decoded.topics),
  'offsetCommit/v0': ofResponses,
  'listOffsets/v0': ofResponses,
  'listOffsets/v1': ofResponses,
  'listOffsets/v2': ofResponses,
};

export const operationNotAttempted = 55;
const topicProperty = Symbol('sensorium.refused-topic');

/** By type of the error: the resource whose right is missing. */
const resources: Readonly<Record<string, RightResource>> = {
  TOPIC_AUTHORIZATION_FAILED: 'topic',
  GROUP_AUTHORIZATION_FAILED: 'group',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'transactional-id',
  CLUSTER_AUTHORIZATION_FAILED: 'cluster',
};

type Rights = Partial<Record<RightResource, RightOperation>>;

const asMember: Rights = { group: 'Read' };

/** By method of kafkajs's Broker: the operation that Kafka asks for on each kind of resource. */
const rightsByRequest: Readonly<Record<string, Rights>> = {
  metadata: { topic: 'Describe' },
  // Describe would do, and with it the next request would be refused: a transactional id is only
  // ever written.
  findGroupCoordinator: { group: 'Describe', 'transactional-id': 'Write' },
  joinGroup: asMember,
  syncGroup: asMember,
  heartbeat: asMember,
  leaveGroup: asMember,
  describeGroups: { group: 'Describe' },
  offsetFetch: { group: 'Describe', topic: 'Describe' },
  offsetCommit: { group: 'Read', topic: 'Read' },
  listOffsets: { topic: 'Describe' },
  fetch: { topic: 'Read' },
  initProducerId: { 'transactional-id': 'Write', cluster: 'IdempotentWrite' },
  addOffsetsToTxn: { 'transactional-id': 'Write', group: 'Read' },
  addPartitionsToTxn: { 'transactional-id': 'Write', topic: 'Write' },
  txnOffsetCommit: { 'transactional-id': 'Write', group: 'Read', topic: 'Read' },
  endTxn: { 'transactional-id': 'Write' },
  produce: { 'transactional-id': 'Write', topic: 'Write', cluster: 'IdempotentWrite' },
  createTopics: { topic: 'Create', cluster: 'Create' },
  describeConfigs: { topic: 'DescribeConfigs', cluster: 'DescribeConfigs' },
};

/** A broker as far as it knows where it is and who asks it. */
export interface Connected {
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    readonly sasl?: { readonly username?: string } | null;
    readonly ssl?: { readonly cert?: string } | null;
  };
}

/** The names of the resources in a request. */
export interface RequestNames {
  readonly groupId?: string | undefined;
  readonly groupIds?: readonly string[];
  readonly transactionalId?: string | null | undefined;
  readonly coordinatorType?: number;
  readonly topics?: readonly { readonly topic: string }[];
  readonly resources?: readonly { readonly name: string }[];
}

type RequestMethod = (this: Connected, request?: RequestNames) => Promise<unknown>;

/** Makes every request of kafkajs's Broker fail with errors that know the missing right. */
export function nameRefusals(
  broker: { readonly prototype: object },
  createErrorFromCode: (code: number) => Error,
  load: (path: string) => object,
): void {
  for (const [path, answersOf] of Object.entries(answersByModule)) {
    const response = load(`src/protocol/requests/${path}/response.js`) as { parse: Parse };
    response.parse = namingTopics(response.parse, answersOf, createErrorFromCode);
  }
  for (const name of Object.keys(rightsByRequest)) {
    const method = Reflect.get(broker.prototype, name) as RequestMethod;
    const named: RequestMethod = async function (request) {
      try {
        return await method.call(this, request);
      } catch (error) {
        throw withMissingRight(error, this, name, request ?? {});
      }
    };
    Reflect.set(broker.prototype, name, named);
  }
}

/** Says which topic an error is about. */
export function withTopic<E extends Error>(error: E, topic: string): E {
  return Object.defineProperty(error, topicProperty, { value: topic, configurable: true });
}

/** Returns `error`, which knows the missing right where `request` was refused for want of one. */
export function withMissingRight<E>(
  error: E,
  { connectionPool }: Connected,
  request: string,
  names: RequestNames,
): E {
  const refusals = refusalsOf(error);
  for (const refused of refusals) {
    const resource = resources[String(refused.type)];
    const operation = resource === undefined ? undefined : rightsByRequest[request]?.[resource];
    if (resource === undefined || operation === undefined) continue;
    const { host, port, sasl, ssl } = connectionPool;
    const login = { username: sasl?.username, certificate: ssl?.cert };
    setMissingRight(refused, {
      operation,
      resource,
      name: resourceName(refused, resource, names),
      principal: principalOf(login),
      bootstrapServer: `${host}:${port}`,
    });
  }
  return error;
}

/** The error itself, and those it carries: CreateTopics answers for several topics. */
function refusalsOf(error: unknown): readonly ProtocolError[] {
  if (!(error instanceof Error)) return [];
  const errors: unknown = Reflect.get(error, 'errors');
  return Array.isArray(errors) ? [error, ...errors.filter(isError)] : [error];
}

const isError = (value: unknown): value is Error => value instanceof Error;

function resourceName(
  error: Error,
  resource: RightResource,
  { groupId, groupIds, transactionalId, coordinatorType, topics, resources: asked }: RequestNames,
): string | undefined {
  switch (resource) {
    case 'topic': {
      const of: unknown = Reflect.get(error, topicProperty) ?? Reflect.get(error, 'topic');
      if (typeof of === 'string') return of;
      const named = topics?.map(({ topic }) => topic) ?? asked?.map(({ name }) => name) ?? [];
      return named.length === 1 ? named[0] : undefined;
    }
    case 'group':
      return groupId ?? groupIds?.[0];
    case 'transactional-id':
      // FindCoordinator calls whatever it looks for a group.
      return coordinatorType === undefined ? (transactionalId ?? undefined) : groupId;
    case 'cluster':
      return undefined;
    default:
      return resource satisfies never;
  }
}

function namingTopics(
  parse: Parse,
  answersOf: AnswersOf,
  createErrorFromCode: (code: number) => Error,
): Parse {
  return async (decoded) => {
    try {
      return await parse(decoded);
    } catch (error) {
      const failed = answersOf(decoded as never).filter(({ errorCode }) => errorCode !== 0);
      const worst = failed.find(isDenied) ?? failed.find(isCause);
      if (worst === undefined || !(error instanceof Error)) throw error;
      const code: unknown = Reflect.get(error, 'code');
      // An OffsetOutOfRange of kafkajs's own has no code, and knows its topic.
      const same = code === worst.errorCode || typeof code !== 'number';
      throw withTopic(same ? error : createErrorFromCode(worst.errorCode), worst.topic);
    }
  };
}

const deniedCodes: ReadonlySet<number> = new Set([29, 30, 31, 53]);
const isDenied = ({ errorCode }: Answered): boolean => deniedCodes.has(errorCode);
const isCause = ({ errorCode }: Answered): boolean => errorCode !== operationNotAttempted;
