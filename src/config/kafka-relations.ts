// Rules between the settings of the connection to Kafka.
import { oauthSettings } from './oauth-settings.ts';
import { setAmong, type Relation } from './relation.ts';
import type { SettingName, SettingValues } from './settings.ts';

const oauthNames = Object.keys(oauthSettings) as readonly (keyof typeof oauthSettings)[];
const tokenSources = [
  'KAFKA_OAUTH_TOKEN_URL',
  'KAFKA_OAUTH_TOKEN_FILE',
  'KAFKA_OAUTH_MODULE',
] as const;
const endpointNames = ['KAFKA_OAUTH_CLIENT_ID', 'KAFKA_OAUTH_CLIENT_SECRET'] as const;
const endpointOnly = [...endpointNames, 'KAFKA_OAUTH_SCOPE', 'KAFKA_OAUTH_CA'] as const;

const kafkaOnly = [
  'KAFKA_SSL',
  'KAFKA_SSL_CA',
  'KAFKA_SSL_CERT',
  'KAFKA_SSL_KEY',
  'KAFKA_SSL_KEY_PASSWORD',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
  ...oauthNames,
] as const;

const passwordNames = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
const sslFiles = ['KAFKA_SSL_CA', 'KAFKA_SSL_CERT', 'KAFKA_SSL_KEY'] as const;

const usesTokens = (values: SettingValues): boolean =>
  values.KAFKA_SASL_MECHANISM === 'oauthbearer';

const without = (values: SettingValues, names: readonly SettingName[]): string =>
  names.filter((name) => values[name] === undefined).join(' and ');

export const kafkaRelations: readonly Relation[] = [
  {
    names: ['KAFKA_BROKERS', ...kafkaOnly],
    // Otherwise a forgotten KAFKA_BROKERS would silently use the embedded log.
    holds: (v) => v.KAFKA_BROKERS !== undefined || setAmong(v, kafkaOnly).length === 0,
    problem: (v) =>
      `${setAmong(v, kafkaOnly).join(', ')} set without KAFKA_BROKERS; set that as well`,
  },
  {
    names: ['KAFKA_SSL_CERT', 'KAFKA_SSL_KEY'],
    holds: (v) => (v.KAFKA_SSL_CERT === undefined) === (v.KAFKA_SSL_KEY === undefined),
    problem: () => 'KAFKA_SSL_CERT and KAFKA_SSL_KEY need each other; set both or neither',
  },
  {
    names: ['KAFKA_SASL_MECHANISM', ...passwordNames],
    holds: (v) =>
      setAmong(v, passwordNames).length ===
      (v.KAFKA_SASL_MECHANISM === undefined || usesTokens(v) ? 0 : passwordNames.length),
    problem: (v: SettingValues): string => {
      const given = setAmong(v, passwordNames).join(' and ');
      if (usesTokens(v)) return `${given} set with KAFKA_SASL_MECHANISM oauthbearer; drop one`;
      const names = ['KAFKA_SASL_MECHANISM', ...passwordNames] as const;
      return (
        `${setAmong(v, names).join(' and ')} set without ${without(v, names)}; ` +
        'SASL needs all three'
      );
    },
  },
  {
    names: ['KAFKA_SASL_MECHANISM', ...oauthNames],
    holds: (v) => usesTokens(v) || setAmong(v, oauthNames).length === 0,
    problem: (v) =>
      `${setAmong(v, oauthNames).join(', ')} set without KAFKA_SASL_MECHANISM oauthbearer; ` +
      'set that as well',
  },
  {
    names: ['KAFKA_SASL_MECHANISM', ...tokenSources],
    holds: (v) => !usesTokens(v) || setAmong(v, tokenSources).length === 1,
    problem: (v: SettingValues): string => {
      const given = setAmong(v, tokenSources);
      const choice = `set one of ${tokenSources.join(', ')}`;
      return given.length === 0
        ? `KAFKA_SASL_MECHANISM is oauthbearer without a source of tokens; ${choice}`
        : `${given.join(' and ')} are all set; ${choice}`;
    },
  },
  {
    names: ['KAFKA_OAUTH_TOKEN_URL', ...endpointOnly],
    holds: (v) =>
      v.KAFKA_OAUTH_TOKEN_URL === undefined
        ? setAmong(v, endpointOnly).length === 0
        : setAmong(v, endpointNames).length === endpointNames.length,
    problem: (v) =>
      v.KAFKA_OAUTH_TOKEN_URL === undefined
        ? `${setAmong(v, endpointOnly).join(', ')} set without KAFKA_OAUTH_TOKEN_URL; set that as well`
        : `KAFKA_OAUTH_TOKEN_URL is set without ${without(v, endpointNames)}; set that as well`,
  },
  {
    names: ['KAFKA_OAUTH_TOKEN_URL'],
    // It is shown in messages.
    holds: (v) => new URL(v.KAFKA_OAUTH_TOKEN_URL ?? 'http://none').password === '',
    problem: () =>
      'KAFKA_OAUTH_TOKEN_URL holds credentials; set KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET',
  },
  {
    names: ['KAFKA_SSL_KEY', 'KAFKA_SSL_KEY_PASSWORD'],
    holds: (v) => v.KAFKA_SSL_KEY_PASSWORD === undefined || v.KAFKA_SSL_KEY !== undefined,
    problem: () => 'KAFKA_SSL_KEY_PASSWORD is set without KAFKA_SSL_KEY; set that as well',
  },
  {
    names: ['KAFKA_SSL', ...sslFiles],
    holds: (v) => v.KAFKA_SSL !== false || setAmong(v, sslFiles).length === 0,
    problem: (v) => `KAFKA_SSL is false but ${setAmong(v, sslFiles).join(', ')} set; drop one`,
  },
];
