// The metrics of the delivery of alarms, by target.
import type { Counter, Gauge, Registry } from 'prom-client';

import { createDeclarations } from './declare.ts';
import { alarmTargets } from './label-values.ts';

export interface DeliveryMetrics {
  readonly registry: Registry;
  readonly delivered: Counter<'target'>;
  readonly refused: Counter<'target'>;
  readonly retries: Counter<'target'>;
  readonly muted: Counter<'target'>;
  readonly unreadable: Counter<'target'>;
  readonly resendFailures: Counter;
  readonly waiting: Gauge<'target'>;
  readonly lagSeconds: Gauge<'target'>;
}

/** Returns the metrics, each with a series of every target. */
export function createDeliveryMetrics(): DeliveryMetrics {
  const { registry, counter, counterBy, gauge } = createDeclarations('sensorium_alarm_delivery_');
  const byTarget = (name: string, help: string): Counter<'target'> =>
    counterBy(name, help, 'target', alarmTargets);
  const gaugeByTarget = (name: string, help: string): Gauge<'target'> => {
    const declared = gauge(name, help, ['target']);
    for (const target of alarmTargets) declared.set({ target }, 0);
    return declared;
  };
  return {
    registry,
    delivered: byTarget('delivered_total', 'Alarm records that the target took.'),
    refused: byTarget(
      'refused_total',
      'Alarm records that the target will never take, each group named in the log.',
    ),
    retries: byTarget('retries_total', 'Failed posts to the target; each is repeated.'),
    muted: byTarget('muted_total', 'Alarm records left out because their sensor is muted.'),
    unreadable: byTarget(
      'unreadable_total',
      'Records of the anomaly topic that cannot be read, each partition named in the log.',
    ),
    resendFailures: counter(
      'resend_failures_total',
      'Failed rounds of sending open alarms to Alertmanager again; the next is a minute later.',
    ),
    waiting: gaugeByTarget('waiting_records', 'Alarm records read and not delivered yet.'),
    lagSeconds: gaugeByTarget(
      'lag_seconds',
      'Age of the oldest alarm record read and not delivered, since its commit; 0 without one.',
    ),
  };
}
