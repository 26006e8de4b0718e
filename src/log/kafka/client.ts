// Builds kafkajs clients: security from the configuration, kafkajs's log through ours (debug only:
// what matters is logged by this adapter, as what it means), and short retries of its own, because
// ours know what may be repeated.
import type { LogEntry, RetryOptions } from 'kafkajs';
import type { KafkaConfig } from '../../config/kafka-config.ts';
import type { Logger } from '../../logger.ts';
import { openFrameSocket } from './frame-socket.ts';
import { kafkajs, type Client } from './internals.ts';
import { loginOption } from './login.ts';
import type { FetchDecoder } from './fetched-batch.ts';
import { currentTls, kafkaTlsNames } from '../tls-files.ts';

export interface KafkaLogOptions extends KafkaConfig {
  readonly clientId: string;
  readonly logger: Logger;
  /** Called for every fetch request a group member has had answered. */
  readonly onFetch?: () => void;
  /** `fast` if not given; `kafkajs` is the oracle that tests compare it with. */
  readonly fetchDecoder?: FetchDecoder;
}

const connectTimeoutMs = 5_000;
const requestTimeoutMs = 15_000;
const kafkajsInfoLevel = 4;
const retry: RetryOptions = {
  initialRetryTime: 50,
  maxRetryTime: 500,
  factor: 0.2,
  multiplier: 2,
  retries: 3,
};

/**
 * Returns a kafkajs client with its own settings object; every consumer and cluster made of it has
 * its own connections. The `ssl` entries of the configuration are PEM text or the paths of PEM
 * files.
 * @throws ConfigError when the PEM files cannot be used.
 */
export function createClient(options: KafkaLogOptions): Client {
  const { brokers, clientId, ssl, sasl, logger } = options;
  const log = logger.child({ client: 'kafkajs' });
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry,
    socketFactory: openFrameSocket,
    logLevel: kafkajsInfoLevel,
    logCreator:
      () =>
      ({ namespace, log: { message, ...fields } }: LogEntry) =>
        log.debug({ namespace, ...fields }, message),
    ...(ssl === false ? {} : { ssl: currentTls(ssl, kafkaTlsNames, logger) }),
    ...(sasl === undefined ? {} : { sasl: loginOption(sasl, logger) }),
  });
}
