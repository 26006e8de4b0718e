// The choice of the event log: Kafka where brokers are configured, the embedded one otherwise. Each is loaded only when
// chosen, so that the default starts without the Kafka client.
import type { Clock } from '../clock.ts';
import type { ProcessConfig } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import type { EventLog } from './event-log.ts';

export interface OpenEventLogOptions {
  /** Names this connection to the brokers. */
  readonly clientId: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called for every fetch request of a group member that was answered; the embedded log makes none. */
  readonly onFetch?: () => void;
  /** `read`: the embedded log is opened beside a process that holds it; Kafka needs no such word. Default `write`. */
  readonly access?: 'write' | 'read';
}

/** Returns the event log that `config` names. @throws UnavailableError, ConfigError */
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
