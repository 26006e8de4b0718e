import { expect, it } from 'vitest';

import { rightsOfRun } from '../../src/cli/needed-rights.ts';
import { parseConfig } from '../../src/config/config.ts';
import { leastRights } from '../security/least-rights.ts';

const defaults = {
  input: 'raw_readings',
  output: 'sensor_features',
  anomalies: 'sensor_anomalies',
  group: 'sensor-feature-processor',
};
const rightsWith = (env: Readonly<Record<string, string>>): readonly string[] =>
  rightsOfRun(parseConfig({ KAFKA_BROKERS: 'kafka:9092', ...env })).map(
    ({ operation, resource, name = '' }) => `${operation} ${resource} ${name}`,
  );

it('run requires exactly the rights that docs/security.md lists', () => {
  const told = leastRights(defaults).get('run') ?? [];
  // The transactional ids of one partition, in both forms, stand for all that begin with the group.
  const ids = ['/', '-'].map((separator) => [defaults.group, defaults.input, 0].join(separator));

  expect([...rightsWith({})].sort()).toEqual(
    told
      .flatMap(({ operation, resource, name, prefixed }) =>
        (prefixed ? ids : [name]).map((each) => `${operation} ${resource} ${each}`),
      )
      .sort(),
  );
});

it('run requires no right on topics that its settings disable', () => {
  const names = rightsWith({ SNAPSHOT_STORE: 'file', ANOMALY_EVENTS: 'off' }).join('\n');

  expect(names).not.toMatch(/sensor_snapshots|sensor_anomalies/);
});

it('run requires Read and Write on each topic of larger windows', () => {
  const rights = rightsWith({ WINDOWS: '5m' });

  expect(rights.filter((right) => right.includes('sensor_features_5m'))).toHaveLength(2);
});

it('run requires Write on its input where a broker of MQTT feeds it', () => {
  const right = 'Write topic raw_readings';

  expect(rightsWith({})).not.toContain(right);
  expect(rightsWith({ MQTT_URL: 'mqtt://b', MQTT_TOPIC: 'a' })).toContain(right);
});

it('run requires Read on the alarms and on a group of each target that they are delivered to', () => {
  const without = rightsWith({ ALARM_RESOLVE_AFTER: '10m' });
  const rights = rightsWith({
    ALARM_RESOLVE_AFTER: '10m',
    ALERTMANAGER_URL: 'http://am:9093',
    ALARM_WEBHOOK_URL: 'https://pager',
    ALARM_WEBHOOK_SECRET: 'secret',
  });

  expect(rights.filter((right) => !without.includes(right))).toEqual([
    'Read topic sensor_anomalies',
    'Read group sensor-feature-processor-alarms-alertmanager',
    'Read group sensor-feature-processor-alarms-webhook',
  ]);
});
