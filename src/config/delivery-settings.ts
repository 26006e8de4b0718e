// The settings of the delivery of alarms: a part of the table in settings.ts.
import { optional, required, secret, text, url, whole } from './setting.ts';

export const deliverySettings = {
  ALERTMANAGER_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port][/path], without a user'),
    'Prometheus Alertmanager that open alarms are sent to (API v2); see docs/alarms.md.',
  ),
  ALARM_WEBHOOK_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port][/path], without a user'),
    'Address that each change of an alarm is posted to, signed with ALARM_WEBHOOK_SECRET.',
  ),
  ALARM_WEBHOOK_SECRET: secret(
    optional(text('a text that the receiver knows'), 'Key of the webhook’s HMAC-SHA256 signature.'),
  ),
  ALARM_SITE_LEVELS: required(
    0,
    whole({ min: 0, max: 8 }),
    'Parts of a sensor id, divided by /, that name its site: with 1, plant1/pump7 is at plant1.',
  ),
  ALARM_GROUP_WAIT_MS: required(
    1_000,
    whole({ min: 0, max: 60_000 }),
    'How long alarms wait for others of their site, to be delivered together.',
  ),
};
