// The settings of OAUTHBEARER, where a token logs in to Kafka: a part of the table in settings.ts.
import { namedValues, optional, secret, text, url } from './setting.ts';

export const oauthSettings = {
  KAFKA_OAUTH_TOKEN_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port]/path'),
    'Token endpoint of the identity provider, asked with client credentials.',
  ),
  KAFKA_OAUTH_CLIENT_ID: optional(text('a client id'), 'Client id at the token endpoint.'),
  KAFKA_OAUTH_CLIENT_SECRET: secret(
    optional(text('a client secret'), 'Client secret at the token endpoint.'),
  ),
  KAFKA_OAUTH_SCOPE: optional(text('a scope'), 'Scope that the token endpoint is asked for.'),
  KAFKA_OAUTH_CA: optional(
    text('the path of a PEM file, or PEM text'),
    'Certificate authority of the token endpoint’s certificate.',
  ),
  KAFKA_OAUTH_TOKEN_FILE: optional(
    text('the path of a file'),
    'File with the token, read again for each login, such as a projected token of Kubernetes.',
  ),
  KAFKA_OAUTH_MODULE: optional(
    text('the path of a JavaScript module'),
    'Module that exports `token`, for identity providers of another kind, such as AWS; see docs/security.md.',
  ),
  KAFKA_OAUTH_EXTENSIONS: optional(
    namedValues(),
    'SASL extensions sent with the token, such as logicalCluster and identityPoolId.',
  ),
};
