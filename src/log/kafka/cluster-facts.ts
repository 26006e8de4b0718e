// The facts of a cluster that `doctor` needs beyond the port: the brokers' number, version and
// limits.
import type { KafkaConfig } from '../../config/kafka-config.ts';
import type { Logger } from '../../logger.ts';
import { createClient } from './client.ts';
import { Connections } from './connections.ts';
import { translated } from './failures.ts';
import type { Broker } from './internals.ts';

export interface ClusterFacts {
  readonly brokers: number;
  /**
   * Kafka 4.0 dropped old protocol versions (KIP-896): its Fetch begins at version 4, before it was
   * 0.
   */
  readonly isKafka4: boolean;
  /** Settings of the broker that answered; empty where we may not read them. */
  readonly settings: Readonly<Record<string, string>>;
}

const brokerResource = 4;
const fetchRequest = 1;
const kafka4FetchVersionMin = 4;

/** Returns the facts, asking once. @throws UnavailableError, ConfigError (not allowed in) */
export async function readClusterFacts(
  config: KafkaConfig,
  options: { readonly clientId: string; readonly logger: Logger },
): Promise<ClusterFacts> {
  const connections = new Connections(createClient({ ...config, ...options }));
  try {
    const broker = await connections.anyBroker();
    const metadata: unknown = await broker.metadata([]);
    const brokers = arrayOf(metadata, 'brokers').length;
    const versions = field(broker, 'versions');
    return {
      brokers,
      isKafka4:
        Number(field(field(versions, String(fetchRequest)), 'minVersion')) >= kafka4FetchVersionMin,
      settings: await brokerSettings(broker, metadata),
    };
  } catch (error) {
    throw translated('Asking Kafka what it is', error, {});
  } finally {
    await connections.close();
  }
}

async function brokerSettings(broker: Broker, metadata: unknown): Promise<Record<string, string>> {
  const first: unknown = arrayOf(metadata, 'brokers')[0];
  const nodeId = broker.nodeId ?? field(first, 'nodeId');
  const settings: Record<string, string> = {};
  try {
    const { resources } = await broker.describeConfigs({
      resources: [{ type: brokerResource, name: String(nodeId), configNames: [] }],
    });
    for (const { configName, configValue } of resources[0]?.configEntries ?? []) {
      if (configValue !== null) settings[configName] = configValue;
    }
  } catch {
    // Reading broker settings needs a right of its own (DescribeConfigs); without it those checks
    // are left out.
    return {};
  }
  return settings;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function arrayOf(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}
