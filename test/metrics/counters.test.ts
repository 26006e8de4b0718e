import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import {
  alarmTargets,
  auditFindings,
  deadLetterCodes,
  directives,
  journaledDecisions,
  likelyUnits,
  moveDirections,
  lostCommits,
  projectionResults,
  eventKinds,
  schemaLookupResults,
  shardFailureCodes,
  turnedAwayCauses,
} from '../../src/metrics/label-values.ts';
import {
  createAuditMetrics,
  createProcessMetrics,
  createServingMetrics,
} from '../../src/metrics/process-metrics.ts';
import { createDeliveryMetrics } from '../../src/metrics/delivery-metrics.ts';
import { createMqttMetrics } from '../../src/metrics/mqtt-metrics.ts';
import { createPostedMetrics } from '../../src/metrics/posted-metrics.ts';
import { ThreadMetrics } from '../../src/supervisor/thread-metrics.ts';
import { keepingLogger } from '../supervisor/keeping-logger.ts';

const views = ['sensor_features', 'sensor_features_5m'];
const threads = ['worker 0', 'projector'];
const registries = (): readonly Registry[] => [
  createMetrics(views).registry,
  createProcessMetrics(() => 0, { threads, runtime: 'none' }).registry,
  createAuditMetrics().registry,
  createPostedMetrics().registry,
  createServingMetrics(() => ({ cached: 0, stored: 0, cachedBytes: 0 })).registry,
  createMqttMetrics().registry,
  createDeliveryMetrics().registry,
];

/** Every value of the one label that each of our counters has. */
const valuesByCounter: Readonly<Record<string, readonly string[]>> = {
  sensorium_dead_letters_total: deadLetterCodes,
  sensorium_commit_failures_total: directives,
  sensorium_commits_lost_total: lostCommits,
  sensorium_shard_failures_total: shardFailureCodes,
  sensorium_partition_moves_total: moveDirections,
  sensorium_decisions_total: journaledDecisions,
  sensorium_projected_rows_total: projectionResults,
  sensorium_schema_lookups_total: schemaLookupResults,
  sensorium_time_unit_warnings_total: likelyUnits,
  sensorium_sensor_events_total: eventKinds,
  sensorium_history_records_total: views,
  sensorium_history_lost_records_total: views,
  sensorium_thread_restarts_total: threads,
  sensorium_audit_mismatches_total: auditFindings,
  sensorium_posted_refused_total: deadLetterCodes,
  sensorium_mqtt_refused_total: deadLetterCodes,
  sensorium_alarm_delivery_delivered_total: alarmTargets,
  sensorium_alarm_delivery_refused_total: alarmTargets,
  sensorium_alarm_delivery_retries_total: alarmTargets,
  sensorium_alarm_delivery_muted_total: alarmTargets,
  sensorium_alarm_delivery_unreadable_total: alarmTargets,
  sensorium_posted_turned_away_total: turnedAwayCauses,
  sensorium_online_rows_total: ['cache', 'store'],
};

describe('counters', () => {
  it('all have their series at 0 before anything has happened', async () => {
    const silent: string[] = [];
    const started: Record<string, unknown[]> = {};
    for (const registry of registries()) {
      for (const { name } of await registry.getMetricsAsJSON()) {
        const metric: unknown = registry.getSingleMetric(name);
        if (!(metric instanceof Counter)) continue;
        const { values } = await metric.get();
        if (values.length === 0) silent.push(name);
        expect(values.map(({ value }) => value).filter((value) => value !== 0)).toEqual([]);
        if (values.some(({ labels }) => Object.keys(labels).length > 0)) {
          started[name] = values.flatMap(({ labels }) => Object.values(labels));
        }
      }
    }

    expect(silent).toEqual([]);
    expect(started).toEqual(valuesByCounter);
  });

  it('are shown at 0 before the first thread has answered', async () => {
    const never = { name: 'worker 0', ask: () => Promise.reject(new Error()), holds: () => true };
    const process = createProcessMetrics(() => 0, { threads, runtime: 'none' });

    const own = { process, tree: new Registry() };

    const text = await new ThreadMetrics([never], own, keepingLogger()).text();

    expect(text).toContain('sensorium_dead_letters_total{reason="late"} 0\n');
    expect(text).toContain('sensorium_thread_restarts_total{thread="worker 0"} 0\n');
  });
});
