// Checks of the schema registry: it answers as one, and is used.
import type { Config } from '../config/config.ts';
import { createRegistryClient } from '../registry/confluent/registry-client.ts';
import { ok, warn, type Check } from './doctor-check.ts';

/**
 * Returns the checks of the registry; none where there is no registry.
 * @throws UnavailableError if it does not answer, or not as a registry does.
 */
export async function registryChecks({
  process: { outputFormat, registry },
  semantics: { input },
}: Config): Promise<readonly Check[]> {
  if (registry === undefined) return [];
  if (input?.format !== 'registry' && outputFormat !== 'avro') {
    const found = 'SCHEMA_REGISTRY_URL is set, and no record is read or written with it';
    const cure = 'INPUT_SCHEMA with format: registry, or OUTPUT_FORMAT=avro; or drop it';
    return [warn('schema registry', found, cure)];
  }
  const subjects = await createRegistryClient(registry).subjects();
  return [ok('schema registry', `${registry.url}, ${subjects} subjects`)];
}
