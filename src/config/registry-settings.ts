// The settings of the schema registry, a part of the table in settings.ts.
import { optional, secret, text, url, type Setting } from './setting.ts';

export const registrySettings: {
  readonly [
    Name in
      | 'SCHEMA_REGISTRY_URL'
      | 'SCHEMA_REGISTRY_USERNAME'
      | 'SCHEMA_REGISTRY_PASSWORD'
      | 'SCHEMA_REGISTRY_TOKEN'
      | 'SCHEMA_REGISTRY_CA'
  ]: Setting<string | undefined>;
} = {
  SCHEMA_REGISTRY_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port][/path], without a user'),
    'Schema registry with Confluent’s REST API, for an INPUT_SCHEMA of format registry and for ' +
      'OUTPUT_FORMAT=avro.',
  ),
  SCHEMA_REGISTRY_USERNAME: optional(text('a name'), 'User of the registry.'),
  SCHEMA_REGISTRY_PASSWORD: secret(optional(text('a password'), 'Password of that user.')),
  SCHEMA_REGISTRY_TOKEN: secret(optional(text('a token'), 'Bearer token for the registry.')),
  SCHEMA_REGISTRY_CA: optional(
    text('the path of a PEM file, or PEM text'),
    'Certificate authority of the registry’s certificate.',
  ),
};
