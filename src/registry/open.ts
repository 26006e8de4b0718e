// Opens the schema registry that the settings name.
import type { Clock } from '../clock.ts';
import type { RegistryConfig } from '../config/config.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { createRegistryClient } from './confluent/registry-client.ts';
import { SchemaCache } from './confluent/schema-cache.ts';
import type { SchemaSource } from './schema-source.ts';

/** The settings that say which schemas there are, and how their times are read. */
export interface RegistrySettings {
  readonly process: { readonly registry?: RegistryConfig | undefined };
  readonly semantics: {
    readonly input?: Pick<InputDeclaration, 'format' | 'timeUnit'> | undefined;
  };
}

/**
 * Returns the schemas of the registry; undefined if the declaration reads records without one.
 * @throws ConfigError when a PEM file cannot be read.
 */
export function openSchemas(
  { process: { registry }, semantics: { input } }: RegistrySettings,
  clock: Clock,
): SchemaSource | undefined {
  if (registry === undefined || input?.format !== 'registry') return undefined;
  return new SchemaCache(createRegistryClient(registry), input.timeUnit, clock);
}
