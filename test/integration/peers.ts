// The log and the store as a test sees them from outside: connections of its own to the same Kafka and Redis.
import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { openEventLog } from '../../src/log/open.ts';
import { createLogger } from '../../src/logger.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { openFeatureStore } from '../../src/stores/open.ts';

const logger = createLogger('error');

/** Opens the event log at `brokers`. */
export async function openTestLog(brokers: string): Promise<EventLog> {
  const config = parseConfig({ KAFKA_BROKERS: brokers });
  return openEventLog(config.process, { clientId: 'test', logger, clock: systemClock });
}

/** Opens the feature store at `url`. */
export async function openTestFeatureStore(
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<FeatureStore> {
  const config = parseConfig({
    ...{ SIMULATED_SENSORS: '0', ONLINE_OTHER_WRITER: 'share' },
    ...{ ...env, REDIS_URL: url },
  });
  return openFeatureStore(config, logger);
}
