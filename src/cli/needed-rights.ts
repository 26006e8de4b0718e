// The ACLs that `run` needs. docs/security.md lists them for every command.
import type { Config } from '../config/config.ts';
import type { Right, RightOperation } from '../log/kafka/missing-right.ts';
import { transactionalIdsOf } from '../log/kafka/transactional-id.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import { deliveryGroup } from './alarm-delivery.ts';

/** Returns the rights that `run` needs: to read, to write, on its groups, on transactions. */
export function rightsOfRun(config: Config): readonly Right[] {
  const { anomalyEvents, groupId, inputTopic, snapshotStore } = config.process;
  const { mqttPayload, mqttUrl, simulatedSensors } = config.process;
  const { alarmWebhookUrl, alertmanagerUrl } = config.process;
  const delivering = [
    ...(alertmanagerUrl === undefined ? [] : [deliveryGroup(groupId, 'alertmanager')]),
    ...(alarmWebhookUrl === undefined ? [] : [deliveryGroup(groupId, 'webhook')]),
  ];
  const names = topicNames(config.process);
  const features = featureTopics(config).map(({ topic }) => topic);
  const snapshots = snapshotStore === 'kafka' ? [names.snapshots] : [];
  const anomalies = anomalyEvents === 'off' ? [] : [names.anomalies];
  const births = mqttPayload === 'sparkplug' ? [names.births] : [];
  const read = [
    names.input,
    names.rekeyed,
    names.journal,
    ...snapshots,
    ...births,
    ...features,
    ...(delivering.length === 0 ? [] : [names.anomalies]),
  ];
  const written = [
    ...(simulatedSensors > 0 || mqttUrl !== undefined ? [names.input] : []),
    ...[
      names.rekeyed,
      names.deadLetters,
      ...features,
      ...anomalies,
      names.journal,
      ...snapshots,
      ...births,
    ],
  ];
  const { current, former } = transactionalIdsOf(groupId, { topic: inputTopic, partition: 0 });
  return [
    ...read.map((topic) => onTopic('Read', topic)),
    ...written.map((topic) => onTopic('Write', topic)),
    ...[groupId, `${groupId}-projection`, ...delivering].map((name): Right => ({
      operation: 'Read',
      resource: 'group',
      name,
    })),
    // Partition 0 stands for all: every transactional id begins with the group id.
    ...[current, former].map((name): Right => ({
      operation: 'Write',
      resource: 'transactional-id',
      name,
    })),
  ];
}

function onTopic(operation: RightOperation, name: string): Right {
  return { operation, resource: 'topic', name };
}
