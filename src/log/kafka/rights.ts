// Asks Kafka which of the rights that somebody will need are missing, before anything is written or
// joined. Topics and groups say which operations the asker may do on them (KIP-430); kafkajs is too
// old to ask for that.
import type { KafkaConfig } from '../../config/kafka-config.ts';
import type { Logger } from '../../logger.ts';
import { createClient } from './client.ts';
import { Connections } from './connections.ts';
import { failureKind, rootOf, translated } from './failures.ts';
import {
  createDecoder,
  createEncoder,
  type Broker,
  type Encoder,
  type ResponseDecoder,
} from './internals.ts';
import {
  missingRightOf,
  principalOf,
  type MissingRight,
  type Right,
  type RightOperation,
} from './missing-right.ts';

/** Bits of KIP-430, by the codes of Kafka's AclOperation. */
const operationBits: Readonly<Record<RightOperation, number>> = {
  Read: 1 << 3,
  Write: 1 << 4,
  Create: 1 << 5,
  Describe: 1 << 8,
  DescribeConfigs: 1 << 10,
  IdempotentWrite: 1 << 12,
};
/** The answer of a broker that does not report rights. */
const unsaid = -2147483648;
const nothing = 0;

const topicAuthorizationFailed = 29;
const groupAuthorizationFailed = 30;
const metadataApiKey = 3;
const metadataVersion = 8;
const describeGroupsApiKey = 15;
const describeGroupsVersion = 3;

/**
 * Returns the rights of `wanted` that are missing, in their order. Rights that cannot be checked (a
 * topic that does not exist, a broker that does not say) counts as given: the request that needs it
 * will say so. Asks once.
 * @throws UnavailableError, ConfigError (not allowed in)
 */
export async function missingRights(
  config: KafkaConfig,
  options: { readonly clientId: string; readonly logger: Logger },
  wanted: readonly Right[],
): Promise<readonly MissingRight[]> {
  const connections = new Connections(createClient({ ...config, ...options }));
  try {
    const broker = await connections.anyBroker();
    const topics = await topicOperations(broker, namesOf(wanted, 'topic'));
    // kafkajs finds the brokers through the metadata of a topic.
    const known = [...topics].find(([, operations]) => operations > nothing)?.[0];
    const missing: MissingRight[] = [];
    for (const right of wanted) {
      if (!(await isGiven(right, { connections, broker, topics, known }))) {
        missing.push(withPlace(right, broker));
      }
    }
    return missing;
  } catch (error) {
    throw translated('Asking Kafka for our rights', error, {});
  } finally {
    await connections.close();
  }
}

interface Asking {
  readonly connections: Connections;
  readonly broker: Broker;
  readonly topics: ReadonlyMap<string, number>;
  readonly known: string | undefined;
}

async function isGiven(
  { resource, name = '', operation }: Right,
  { connections, broker, topics, known }: Asking,
): Promise<boolean> {
  switch (resource) {
    case 'topic':
      return allows(topics.get(name) ?? unsaid, operation);
    case 'group': {
      if (known === undefined) return true;
      return allowedOf(async () => {
        const coordinator = await connections.coordinatorOf({ group: name }, known);
        return allows(await groupOperations(coordinator, name), operation);
      });
    }
    case 'transactional-id':
      // Only whether it may be described can be asked, and that follows from Write.
      return allowedOf(async () => {
        await broker.findGroupCoordinator({ groupId: name, coordinatorType: 1 });
        return true;
      });
    case 'cluster':
      return true;
    default:
      return resource satisfies never;
  }
}

/**
 * Returns what `ask` does, false where it is refused for want of a right. Other failures are for
 * the request itself.
 */
async function allowedOf(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (failureKind(error) !== 'denied') return true;
    return missingRightOf(rootOf(error)) === undefined;
  }
}

const allows = (operations: number, operation: RightOperation): boolean =>
  operations === unsaid || (operations & operationBits[operation]) !== 0;

function namesOf(rights: readonly Right[], resource: Right['resource']): readonly string[] {
  const names = rights.filter((right) => right.resource === resource).map(({ name = '' }) => name);
  return [...new Set(names)];
}

function withPlace(right: Right, { connectionPool }: Broker): MissingRight {
  const { host, port, sasl, ssl } = connectionPool;
  const principal = principalOf({ username: sasl?.username, certificate: ssl?.cert });
  return { ...right, principal, bootstrapServer: `${host}:${port}` };
}

// Metadata request v8 = [topic] allow_auto_topic_creation include_cluster_operations
// include_topic_operations
async function topicOperations(
  broker: Broker,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const encode = (): Encoder =>
    topics
      .reduce(
        (encoder, topic) => encoder.writeString(topic),
        createEncoder().writeInt32(topics.length),
      )
      .writeBuffer(Buffer.from([0, 0, 1]));
  const request = { apiKey: metadataApiKey, apiVersion: metadataVersion, apiName: 'Metadata' };
  const answer = await broker.connectionPool.send({
    request: { ...request, encode: () => Promise.resolve(encode()) },
    response: {
      decode: (payload) => Promise.resolve(decodeMetadata(createDecoder(payload))),
      parse: (decoded) => Promise.resolve(decoded),
    },
  });
  return answer as ReadonlyMap<string, number>;
}

// Metadata response v8 = throttle_time [node_id host port rack] cluster_id controller_id
//   [error topic is_internal [error partition leader leader_epoch [replica] [isr] [offline]] operations] operations
function decodeMetadata(decoder: ResponseDecoder): ReadonlyMap<string, number> {
  decoder.readInt32();
  decoder.readArray((broker) => [
    broker.readInt32(),
    broker.readString(),
    broker.readInt32(),
    broker.readString(),
  ]);
  decoder.readString();
  decoder.readInt32();
  const topics = decoder.readArray((topic) => {
    const errorCode = topic.readInt16();
    const name = topic.readString() ?? '';
    topic.readBoolean();
    topic.readArray((partition) => {
      partition.readInt16();
      for (let field = 0; field < 3; field++) partition.readInt32();
      for (let list = 0; list < 3; list++) partition.readArray((replica) => replica.readInt32());
      return undefined;
    });
    const operations = topic.readInt32();
    const denied = errorCode === topicAuthorizationFailed;
    return [name, denied ? nothing : errorCode === 0 ? operations : unsaid] as const;
  });
  return new Map(topics);
}

// DescribeGroups request v3 = [group] include_operations
async function groupOperations(coordinator: Broker, groupId: string): Promise<number> {
  const encode = (): Encoder =>
    createEncoder()
      .writeInt32(1)
      .writeString(groupId)
      .writeBuffer(Buffer.from([1]));
  const answer = await coordinator.connectionPool.send({
    request: {
      apiKey: describeGroupsApiKey,
      apiVersion: describeGroupsVersion,
      apiName: 'DescribeGroups',
      encode: () => Promise.resolve(encode()),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeGroups(createDecoder(payload))),
      parse: (decoded) => Promise.resolve(decoded),
    },
  });
  return answer as number;
}

// DescribeGroups response v3 = throttle_time [error group state protocol_type protocol
//   [member client host metadata assignment] operations]
function decodeGroups(decoder: ResponseDecoder): number {
  decoder.readInt32();
  const groups = decoder.readArray((group) => {
    const errorCode = group.readInt16();
    for (let field = 0; field < 4; field++) group.readString();
    group.readArray((member) => {
      for (let field = 0; field < 3; field++) member.readString();
      for (let field = 0; field < 2; field++) member.readBytes();
      return undefined;
    });
    const operations = group.readInt32();
    if (errorCode === groupAuthorizationFailed) return nothing;
    return errorCode === 0 ? operations : unsaid;
  });
  return groups[0] ?? unsaid;
}
