// Chooses the event log: Kafka if brokers are configured, otherwise the embedded log. Each is
// loaded on demand, so the default starts without the Kafka client.
import type { Clock } from '../clock.ts';
import type { ProcessConfig } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import type { EventLog } from './event-log.ts';

export interface OpenEventLogOptions {
  /** Kafka client id of this connection. */
  readonly clientId: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called for every answered fetch request of a group member; never by the embedded log. */
  readonly onFetch?: () => void;
  /**
   * `read` opens the embedded log beside a process that holds it; no effect on Kafka. Default
   * `write`.
   */
  readonly access?: 'write' | 'read';
}

/** Opens the event log of `config`. @throws UnavailableError, ConfigError */
export async function openEventLog(
  config: ProcessConfig,
  { clientId, logger, clock, onFetch, access = 'write' }: OpenEventLogOptions,
): Promise<EventLog> {
  if (config.kafka === undefined) {
    const { openEmbeddedLog } = await import('./embedded/embedded-log.ts');
    return openEmbeddedLog({ dataDir: config.dataDir, clock, logger, access });
  }
  const { openKafkaLog } = await import('./kafka/kafka-log.ts');
  return openKafkaLog({
    ...config.kafka,
    clientId,
    logger,
    ...(onFetch === undefined ? {} : { onFetch }),
  });
}
