// kafkajs's errors, sorted by what they mean for the caller, and translated into ours. What is not
// known to be harmless is indefinite: the request may have been carried out.
import {
  ConfigError,
  FencedError,
  InvariantError,
  isSensoriumError,
  UnavailableError,
  type AnySensoriumError,
  type ErrorDetails,
} from '../../errors.ts';
import { missingRightError, missingRightOf } from './missing-right.ts';

/**
 * - fenced: another producer of this transactional id took over
 * - leader, coordinator: not carried out, ask metadata or FindCoordinator for another broker
 * - busy: not carried out, the same broker will soon
 * - unsent: never reached a broker
 * - indefinite: may have been carried out
 * - newProducer: not carried out, and only a new producer can
 * - membership: not carried out, and only after another join of the group can it be
 * - oversized: not carried out, the batch is longer than its topic takes; a shorter one may be
 * - denied, refused: not carried out, and never will be as things are
 * - bug: thrown by code, not by a peer
 */
export type FailureKind =
  | 'fenced'
  | 'leader'
  | 'coordinator'
  | 'busy'
  | 'unsent'
  | 'indefinite'
  | 'newProducer'
  | 'membership'
  | 'oversized'
  | 'denied'
  | 'refused'
  | 'bug';

const kindsByType: Readonly<Record<string, FailureKind>> = {
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
  // The id now belongs to another producer id: a takeover after the epoch was used up looks like
  // this.
  INVALID_PRODUCER_ID_MAPPING: 'fenced',
  NOT_LEADER_FOR_PARTITION: 'leader',
  LEADER_NOT_AVAILABLE: 'leader',
  UNKNOWN_TOPIC_OR_PARTITION: 'leader',
  REPLICA_NOT_AVAILABLE: 'leader',
  FENCED_LEADER_EPOCH: 'leader',
  UNKNOWN_LEADER_EPOCH: 'leader',
  OFFSET_NOT_AVAILABLE: 'leader',
  KAFKA_STORAGE_ERROR: 'leader',
  NOT_COORDINATOR_FOR_GROUP: 'coordinator',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'coordinator',
  GROUP_LOAD_IN_PROGRESS: 'busy',
  CONCURRENT_TRANSACTIONS: 'busy',
  UNSTABLE_OFFSET_COMMIT: 'busy',
  NOT_ENOUGH_REPLICAS: 'busy',
  REBALANCE_IN_PROGRESS: 'busy',
  NOT_CONTROLLER: 'busy',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'newProducer',
  UNKNOWN_PRODUCER_ID: 'newProducer',
  INVALID_TXN_STATE: 'newProducer',
  TRANSACTION_ABORTABLE: 'newProducer',
  UNKNOWN_MEMBER_ID: 'membership',
  ILLEGAL_GENERATION: 'membership',
  FENCED_INSTANCE_ID: 'membership',
  MESSAGE_TOO_LARGE: 'oversized',
  RECORD_LIST_TOO_LARGE: 'oversized',
  INVALID_TIMESTAMP: 'refused',
  INVALID_RECORD: 'refused',
  INVALID_TOPIC_EXCEPTION: 'refused',
  INVALID_PARTITIONS: 'refused',
  INVALID_REPLICATION_FACTOR: 'refused',
  INVALID_CONFIG: 'refused',
  POLICY_VIOLATION: 'refused',
  OFFSET_METADATA_TOO_LARGE: 'refused',
  INVALID_TRANSACTION_TIMEOUT: 'refused',
  INVALID_GROUP_ID: 'refused',
  NON_EMPTY_GROUP: 'refused',
  INVALID_SESSION_TIMEOUT: 'refused',
  INCONSISTENT_GROUP_PROTOCOL: 'refused',
  TOPIC_AUTHORIZATION_FAILED: 'denied',
  GROUP_AUTHORIZATION_FAILED: 'denied',
  CLUSTER_AUTHORIZATION_FAILED: 'denied',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'denied',
  SASL_AUTHENTICATION_FAILED: 'denied',
  UNSUPPORTED_SASL_MECHANISM: 'denied',
};

const kindsByName: Readonly<Record<string, FailureKind>> = {
  KafkaJSSASLAuthenticationError: 'denied',
  KafkaJSBrokerNotFound: 'unsent',
  KafkaJSTopicMetadataNotLoaded: 'unsent',
  KafkaJSMetadataNotLoaded: 'unsent',
  KafkaJSGroupCoordinatorNotFound: 'coordinator',
  KafkaJSLockTimeout: 'unsent',
};

/** Returns what a failure of a kafkajs call means. */
export function failureKind(error: unknown): FailureKind {
  const root = rootOf(error);
  if (root instanceof TypeError || root instanceof RangeError) return 'bug';
  if (isSensoriumError(root)) {
    return root instanceof FencedError
      ? 'fenced'
      : root.directive === 'retry'
        ? 'indefinite'
        : 'refused';
  }
  const type = textOf(root, 'type');
  const byType = type === undefined ? undefined : kindsByType[type];
  if (byType !== undefined) return byType;
  const byName = kindsByName[textOf(root, 'name') ?? ''];
  if (byName !== undefined) return byName;
  // A connection that could not be made carried nothing.
  if (textOf(root, 'code') === 'ECONNREFUSED') return 'unsent';
  const message = textOf(root, 'message') ?? '';
  return /^(Not connected|Broker not connected)/.test(message) ? 'unsent' : 'indefinite';
}

/** Returns our error for a failed kafkajs call, saying what was tried; ours pass through. */
export function translated(what: string, error: unknown, details: ErrorDetails): AnySensoriumError {
  const root = rootOf(error);
  if (isSensoriumError(root)) return root;
  const reason = textOf(root, 'message') ?? String(root);
  const type = textOf(root, 'type') ?? textOf(root, 'name');
  const all: ErrorDetails = { ...details, type };
  const right = missingRightOf(root);
  if (right !== undefined) return missingRightError(what, right, all, error);
  const message = `${what} failed: ${reason}${type === undefined ? '' : ` (${type})`}`;
  switch (failureKind(root)) {
    case 'fenced':
      return new FencedError(message, all, error);
    case 'denied':
    case 'oversized':
    case 'refused':
      return new ConfigError(message, all, error);
    case 'bug':
      return new InvariantError(message, all, error);
    default:
      return new UnavailableError(message, all, error);
  }
}

/** Returns the error that kafkajs wrapped, however deep, or the error itself. */
export function rootOf(error: unknown): unknown {
  let root = error;
  for (let depth = 0; depth < 10; depth++) {
    if (isSensoriumError(root)) return root;
    const inner = firstOf(root, 'errors') ?? (root instanceof Error ? root.cause : undefined);
    if (!(inner instanceof Error)) return root;
    root = inner;
  }
  return root;
}

function firstOf(error: unknown, property: string): unknown {
  const list: unknown = error instanceof Error ? Reflect.get(error, property) : undefined;
  return Array.isArray(list) ? (list as readonly unknown[])[0] : undefined;
}

function textOf(error: unknown, property: string): string | undefined {
  const value: unknown = error instanceof Error ? Reflect.get(error, property) : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
