// The settings of readings over MQTT: a part of the table in settings.ts.
import { oneOf, optional, required, secret, text, url, whole } from './setting.ts';

const pemFile = text('the path of a PEM file, or PEM text');

export const mqttSettings = {
  MQTT_URL: optional(
    url(['mqtt:', 'mqtts:'], 'mqtt[s]://host[:port]'),
    'MQTT broker whose messages are appended to INPUT_TOPIC.',
  ),
  MQTT_TOPIC: optional(
    text('a topic filter, such as factory/+/sensor/+; also $share/<name>/<filter>'),
    'Messages to subscribe to, at QoS 1; needed with MQTT_URL.',
  ),
  MQTT_SENSOR_ID: optional(
    text('text with {1}, {2}, … for the wildcards of MQTT_TOPIC, or {topic}; / between two'),
    'Device id of a message; see docs/inputs.md.',
    'none: it is in the payload',
  ),
  MQTT_PAYLOAD: required(
    'json',
    oneOf(['json', 'sparkplug']),
    'What messages hold: JSON, or Sparkplug B, which needs INPUT_SCHEMA; see docs/inputs.md.',
  ),
  MQTT_USERNAME: optional(text('a name'), 'User at the MQTT broker.'),
  MQTT_PASSWORD: secret(optional(text('a password'), 'Password of MQTT_USERNAME.')),
  MQTT_CA: optional(pemFile, 'Certificate authority of the MQTT broker’s certificate.'),
  MQTT_CERT: optional(pemFile, 'Client certificate at the MQTT broker.'),
  MQTT_KEY: secret(optional(pemFile, 'Private key of MQTT_CERT.')),
  MQTT_CLIENT_ID: optional(
    text('a client id'),
    'Names the session that the broker keeps; each process needs its own.',
    'sensorium-GROUP_ID',
  ),
  MQTT_VERSION: required('5', oneOf(['5', '3.1.1']), 'Version of the MQTT protocol.'),
  MQTT_IN_FLIGHT_MAX: required(
    1_000,
    whole({ min: 1, max: 65_535 }),
    'Most MQTT messages that are taken and not in the log yet; the broker keeps the others.',
  ),
};
