// The typed door to kafkajs and those of its insides this adapter stands on. kafkajs 2.2.4 is
// pinned: the fetch seam is installed before anything of it is loaded in this thread, and refuses
// any other version.
import { createRequire } from 'node:module';
import type {
  AuthenticationProviderArgs,
  Authenticator,
  Consumer,
  ConsumerConfig,
  KafkaConfig as ClientConfig,
} from 'kafkajs';
import type { PasswordLogin } from '../../config/kafka-config.ts';
import { assert } from '../../errors.ts';
import { installFetchSeam, type FetchedPartition } from './fetch-seam.ts';
import type { Connected } from './named-refusals.ts';
import type { RequestFrame } from './request-frame.ts';

const require = createRequire(import.meta.url);

/** A protocol request of kafkajs's connection, and the reader of its response. */
export interface ProtocolRequest {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<Encoder | RequestFrame>;
  };
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<unknown>;
    readonly parse: (decoded: unknown) => Promise<unknown>;
  };
}

export interface Encoder {
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: string): Encoder;
  writeString(value: string | null): Encoder;
  writeBuffer(value: Uint8Array): Encoder;
  readonly buffer: Buffer;
}

export interface ResponseDecoder {
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readBoolean(): boolean;
  readString(): string | null;
  readBytes(length?: number): Buffer | null;
  canReadBytes(length: number): boolean;
  readArray<T>(read: (decoder: ResponseDecoder) => T): T[];
}

export interface TransactionIdentity {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

interface OffsetRequestTopic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly offset: string;
    readonly metadata: string;
  }[];
}

export interface TopicMetadata {
  readonly topic: string;
  readonly partitionMetadata: readonly {
    readonly partitionId: number;
    readonly leader: number;
    readonly replicas: readonly number[];
  }[];
}

export interface Broker {
  readonly nodeId: string | number | null;
  /** By API key; null before it is connected. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: Connected['connectionPool'] & {
    send(request: ProtocolRequest): Promise<unknown>;
  };
  metadata(
    topics: readonly string[],
  ): Promise<{ readonly topicMetadata: readonly TopicMetadata[] }>;
  fetch(request: {
    readonly isolationLevel: number;
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly fetchOffset: string;
        readonly maxBytes: number;
      }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topicName: string;
      readonly partitions: readonly FetchedPartition[];
    }[];
  }>;
  listOffsets(request: {
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  findGroupCoordinator(request: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<{ readonly coordinator: { readonly nodeId: number } }>;
  initProducerId(request: {
    readonly transactionalId: string | undefined;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  addOffsetsToTxn(request: TransactionIdentity & { readonly groupId: string }): Promise<unknown>;
  addPartitionsToTxn(
    request: TransactionIdentity & {
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly number[];
      }[];
    },
  ): Promise<unknown>;
  txnOffsetCommit(
    request: TransactionIdentity & {
      readonly groupId: string;
      readonly topics: readonly OffsetRequestTopic[];
    },
  ): Promise<unknown>;
  endTxn(request: TransactionIdentity & { readonly transactionResult: boolean }): Promise<unknown>;
  offsetCommit(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly OffsetRequestTopic[];
  }): Promise<unknown>;
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly {
      readonly members: readonly {
        readonly memberMetadata: Buffer;
        readonly memberAssignment: Buffer;
      }[];
    }[];
  }>;
  createTopics(request: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly timeout: number;
  }): Promise<unknown>;
  describeConfigs(request: {
    readonly resources: readonly {
      readonly type: number;
      readonly name: string;
      /** None = all. */
      readonly configNames: readonly string[];
    }[];
  }): Promise<{
    readonly resources: readonly {
      readonly configEntries: readonly {
        readonly configName: string;
        readonly configValue: string | null;
      }[];
    }[];
  }>;
}

export interface Cluster {
  readonly targetTopics: Set<string>;
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): TopicMetadata['partitionMetadata'];
  findBroker(node: { readonly nodeId: number }): Promise<Broker>;
}

export interface Client {
  consumer(config: ConsumerConfig): Consumer;
}

interface MemberMetadata {
  readonly version: number;
  readonly topics: string[];
  readonly userData: Buffer;
}

interface Kafkajs {
  readonly Kafka: new (config: ClientConfig) => Client;
  readonly AssignerProtocol: {
    readonly MemberMetadata: {
      encode(metadata: MemberMetadata): Buffer;
      decode(bytes: Buffer): MemberMetadata;
    };
    readonly MemberAssignment: {
      encode(assignment: {
        readonly version: number;
        readonly assignment: Readonly<Record<string, readonly number[]>>;
        readonly userData: Buffer;
      }): Buffer;
      decode(bytes: Buffer): {
        readonly assignment: Readonly<Record<string, readonly number[]>>;
      } | null;
    };
  };
}

installFetchSeam(require);

// `as`: kafkajs's insides carry no types of their own; this file is the one place that gives them
// theirs.
export const kafkajs: Kafkajs = require('kafkajs') as Kafkajs;
export const createEncoder: () => Encoder = (() => {
  const EncoderClass = require('kafkajs/src/protocol/encoder') as new () => Encoder;
  return () => new EncoderClass();
})();
export const createDecoder: (bytes: Uint8Array) => ResponseDecoder = (() => {
  const path = 'kafkajs/src/protocol/decoder';
  const DecoderClass = require(path) as new (bytes: Buffer) => ResponseDecoder;
  return (bytes) => new DecoderClass(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
})();
export const createErrorFromCode: (code: number) => Error = (
  require('kafkajs/src/protocol/error') as { createErrorFromCode: (code: number) => Error }
).createErrorFromCode;

/** Logins of kafkajs by mechanism. */
export const builtInLogins: Readonly<
  Record<
    PasswordLogin['mechanism'],
    (login: PasswordLogin) => (args: AuthenticationProviderArgs) => Authenticator
  >
> = {
  plain: require('kafkajs/src/broker/saslAuthenticator/plain') as never,
  'scram-sha-256': require('kafkajs/src/broker/saslAuthenticator/scram256') as never,
  'scram-sha-512': require('kafkajs/src/broker/saslAuthenticator/scram512') as never,
};

/** kafkajs's own record batch, as its decoder returns it. */
export interface KafkajsRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>;
}
export const decodeRecordBatch: (
  decoder: ResponseDecoder,
) => Promise<{ readonly records: readonly KafkajsRecord[] }> =
  require('kafkajs/src/protocol/recordBatch/v0/decoder') as typeof decodeRecordBatch;
export const compressionCodecs: Record<
  number,
  () => { decompress(bytes: Buffer): Promise<Buffer> }
> = (require('kafkajs/src/protocol/message/compression') as { Codecs: typeof compressionCodecs })
  .Codecs;

/**
 * Returns a kafkajs cluster of `client`: brokers and metadata without a producer, consumer or admin
 * around them (each of those has a cluster, and its connections, to itself).
 */
export function createCluster(client: Client, metadataMaxAgeMs: number): Cluster {
  const symbol = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  assert(symbol !== undefined, 'kafkajs has no createCluster');
  const create: unknown = Reflect.get(client, symbol);
  assert(typeof create === 'function', 'createCluster of kafkajs is no function');
  return Reflect.apply(create, client, [
    { allowAutoTopicCreation: false, isolationLevel: 1, metadataMaxAge: metadataMaxAgeMs },
  ]) as Cluster;
}
