// The settings of the HTTP server: a part of the table in settings.ts.
import {
  hostName,
  hostPatterns,
  oneOf,
  optional,
  required,
  secret,
  text,
  tokens,
  truth,
  url,
  whole,
} from './setting.ts';

export const httpSettings = {
  HTTP_HOST: required(
    '127.0.0.1',
    hostName(),
    'Where the page, health and API listen; 0.0.0.0 for every address.',
  ),
  HTTP_PORT: required(
    8_080,
    whole({ min: 0, max: 65_535 }),
    'Port of the page, health and API; 0 chooses a free one.',
  ),
  HTTP_TOKEN: secret(
    optional(
      tokens(),
      'Bearer token for everything, commands included; two are valid at once during a rotation.',
      'none: commands are refused',
    ),
  ),
  HTTP_READ_TOKEN: secret(
    optional(tokens(), 'Bearer token for reads: the page, metrics, sensors, features.'),
  ),
  HTTP_WRITE_TOKEN: secret(
    optional(tokens(), 'Bearer token for POST /readings alone.', 'none: it takes HTTP_TOKEN'),
  ),
  HTTP_READS: required(
    'local',
    oneOf(['local', 'open', 'token']),
    'Who may read without a token: this machine’s programs (local), everyone (open), nobody (token).',
  ),
  HTTP_HOSTS: optional(
    hostPatterns(),
    'Further host names by which clients address this server; see docs/security.md.',
    'addresses, names without a dot, and private ones',
  ),
  HTTP_TLS_CERT_FILE: optional(
    text('the path of a PEM file'),
    'Certificate for TLS on HTTP_PORT, with HTTP_TLS_KEY_FILE; read again when it changes.',
    'none: plain HTTP',
  ),
  HTTP_TLS_KEY_FILE: optional(
    text('the path of a PEM file'),
    'Private key of HTTP_TLS_CERT_FILE, not encrypted.',
  ),
  HTTP_CONNECTIONS_MAX: required(
    1_024,
    whole({ min: 16, max: 1_000_000 }),
    'Open HTTP connections; a single client may have half as many requests under way.',
  ),
  PAGE_SENSORS_MAX: required(
    50_000,
    whole({ min: 100, max: 1_000_000 }),
    'Sensors whose last 30 windows are kept in memory for the small charts of the page; 0.4 kB each.',
  ),
  HTTP_QUERY: required<boolean>(
    false,
    truth(),
    'POST /query answers SQL over the history, the topics and the anomalies, with HTTP_TOKEN.',
  ),
  POSTED_BYTES_MAX: required(
    4 * 1024 * 1024,
    whole({ min: 1_024, max: 64 * 1024 * 1024 }),
    'Most bytes of one POST /readings, unpacked; eight times as many may be under way.',
  ),
  POSTED_PER_SECOND_MAX: required(
    100_000,
    whole({ min: 1, max: 10_000_000 }),
    'Readings per second that POST /readings takes, from all clients; beyond it answers 429.',
  ),
  POSTED_BEHIND_MAX: required(
    1_000_000,
    whole({ min: 1, max: 1_000_000_000 }),
    'POST /readings answers 429 while this many records of this process’s partitions wait to be folded.',
  ),
  ADVERTISED_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port]'),
    'URL at which other processes and clients reach this one.',
    'from HTTP_HOST and HTTP_PORT',
  ),
};
