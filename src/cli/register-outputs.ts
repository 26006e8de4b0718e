// Registers the schemas of the outputs before `run` joins its group, with OUTPUT_FORMAT=avro and a
// schema registry. It is asked once a start: ids never change, so the threads need no registry to
// write.
import { anomalyAvro } from '../actors/output-records.ts';
import { anomalySchemas } from '../codecs/anomaly.ts';
import { featureRowSchema } from '../codecs/avro-schemas.ts';
import type { Config } from '../config/config.ts';
import { UnavailableError } from '../errors.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import { createRegistryClient } from '../registry/confluent/registry-client.ts';

/**
 * Returns `config` with the ids of the schemas of its output topics; as it is if they need none.
 * @throws ConfigError if the registry refuses one.
 * @throws UnavailableError if the registry does not answer.
 */
export async function registerOutputs(config: Config): Promise<Config> {
  const { process, semantics } = config;
  const { outputFormat, registry } = process;
  if (outputFormat !== 'avro' || registry === undefined) return config;
  const client = createRegistryClient(registry);
  const schemas: readonly (readonly [topic: string, schema: unknown])[] = [
    ...featureTopics(config).map(({ topic }) => [topic, featureRowSchema] as const),
    [topicNames(process).anomalies, anomalySchemas[anomalyAvro(semantics, process)]],
  ];
  const outputSchemaIds: Record<string, number> = {};
  for (const [topic, schema] of schemas) {
    outputSchemaIds[topic] = await registered(client, topic, schema);
  }
  return { ...config, process: { ...process, outputSchemaIds } };
}

async function registered(
  client: ReturnType<typeof createRegistryClient>,
  topic: string,
  schema: unknown,
): Promise<number> {
  try {
    return await client.register(`${topic}-value`, JSON.stringify(schema));
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const message =
      `the schema of ${topic} cannot be registered: ${error.message}; OUTPUT_FORMAT=avro with ` +
      'SCHEMA_REGISTRY_URL needs the registry at the start';
    throw new UnavailableError(message, error.details, error);
  }
}
