import { expect, it } from 'vitest';

import { createMqttReadings } from '../../src/cli/mqtt-readings.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';

const broker = { MQTT_URL: 'mqtt://localhost', MQTT_TOPIC: 'factory/+' };
const unused = (): never => {
  throw new Error('a broker was not connected');
};
const noLog = { append: unused, offsets: unused, read: unused };
const create = (settings: Readonly<Record<string, string>>): unknown =>
  createMqttReadings({
    ...{ clock: systemClock, config: parseConfig(settings), logger: keepingLogger() },
    log: noLog,
  });

it('messages of MQTT are taken with a broker alone', () => {
  expect(create({})).toBeUndefined();
  expect(create({ ...broker, MQTT_SENSOR_ID: '{1}' })).toBeDefined();
});

it.each([
  ['a filter that is none', { MQTT_TOPIC: 'a/#/b' }, 'MQTT_TOPIC is "a/#/b"'],
  ['an id of a wildcard that is not there', { MQTT_SENSOR_ID: '{2}' }, '{1}, as MQTT_TOPIC has 1'],
  [
    'an id that the payload has too',
    { MQTT_SENSOR_ID: '{1}', INPUT_SCHEMA: 'id: d\ntime: $time\nvalue: v' },
    'declare id: $key',
  ],
  [
    'Sparkplug and records of a registry',
    {
      ...{ MQTT_PAYLOAD: 'sparkplug', MQTT_TOPIC: 'spBv1.0/#' },
      ...{ INPUT_SCHEMA: 'format: registry\nid: d\ntime: $time\nvalue: v' },
      SCHEMA_REGISTRY_URL: 'http://localhost',
    },
    'records of a schema registry',
  ],
  ['no id at all', { INPUT_SCHEMA: 'id: $key\ntime: $time\nvalue: v' }, 'set MQTT_SENSOR_ID'],
])('messages of MQTT are refused at the start with %s', (_, settings, problem) => {
  expect(() => create({ ...broker, ...settings })).toThrow(problem);
});
