// The metrics of readings that come in over MQTT.
import type { Counter, Gauge, Registry } from 'prom-client';

import { createDeclarations } from './declare.ts';
import { deadLetterCodes } from './label-values.ts';

export interface SparkplugMetrics {
  readonly registry: Registry;
  readonly unresolved: Counter;
  readonly gaps: Counter;
  readonly requests: Counter;
}

/** Returns the metrics of Sparkplug payloads. */
export function createSparkplugMetrics(): SparkplugMetrics {
  const { registry, counter } = createDeclarations('sensorium_sparkplug_');
  return {
    registry,
    unresolved: counter(
      'unresolved_metrics_total',
      'Metrics whose birth is unknown; each is in a record that becomes a dead letter.',
    ),
    gaps: counter('sequence_gaps_total', 'Gaps in the sequences of edge nodes: lost messages.'),
    requests: counter('birth_requests_total', 'Times an edge node was asked for its births.'),
  };
}

export interface MqttMetrics {
  readonly registry: Registry;
  readonly connected: Gauge;
  readonly messages: Counter;
  readonly acknowledged: Counter;
  readonly refused: Counter<'reason'>;
  readonly retained: Counter;
  readonly appendFailures: Counter;
}

/** Returns the metrics of an MQTT session; `inFlight` is asked at every scrape. */
export function createMqttMetrics(inFlight: () => number = () => 0): MqttMetrics {
  const { registry, counter, counterBy, gauge, measure } = createDeclarations('sensorium_mqtt_');
  measure(
    'in_flight_messages',
    'Messages taken from the broker that are not in the log yet.',
    inFlight,
  );
  return {
    registry,
    connected: gauge('connected', '1 while the MQTT broker has the session, else 0.'),
    messages: counter('messages_total', 'Messages received, repeated ones included.'),
    acknowledged: counter(
      'acknowledged_total',
      'Messages in the log, those of QoS 1 acknowledged.',
    ),
    refused: counterBy(
      'refused_total',
      'Messages that are no reading, by reason; each is appended and becomes a dead letter.',
      'reason',
      deadLetterCodes,
    ),
    retained: counter(
      'retained_total',
      'Retained messages, which are left out: their time is unknown.',
    ),
    appendFailures: counter(
      'append_failures_total',
      'Failed appends of messages; each is repeated.',
    ),
  };
}
