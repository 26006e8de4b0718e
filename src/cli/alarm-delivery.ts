// The delivery of alarms, as `run` builds it: a deliverer for each target that has an address.
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { AlarmTarget } from '../delivery/alarm-target.ts';
import { createAlertmanager, type Alertmanager } from '../delivery/alertmanager.ts';
import { startDeliverer } from '../delivery/deliverer.ts';
import { openMs, startResending, type AlarmedSensor } from '../delivery/open-alarms.ts';
import { commitStartingPositions } from '../delivery/starting-positions.ts';
import { createWebhook } from '../delivery/webhook.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { createDeliveryMetrics, type DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import type { SupervisorView } from '../supervisor/supervisor-view.ts';

export interface AlarmDelivery {
  readonly metrics: DeliveryMetrics;
  /** Call it before the pipeline starts. */
  prepare(): Promise<void>;
  start(supervisor: Pick<SupervisorView, 'sensors'>): void;
  /** Gives up what waits: the next start, or another process, delivers it. Idempotent. */
  close(): Promise<void>;
}

export interface AlarmDeliveryParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly logger: Logger;
}

const sensorsPerPage = 1_000;

/** Returns the delivery to ALERTMANAGER_URL and ALARM_WEBHOOK_URL; undefined without either. */
export function createAlarmDelivery(parts: AlarmDeliveryParts): AlarmDelivery | undefined {
  const { clock, config, log } = parts;
  const logger = parts.logger.child({ part: 'alarm delivery' });
  const { alarmGroupWaitMs: groupWaitMs, alarmSiteLevels: siteLevels } = config.process;
  const { anomalyTopic: topic } = config.process;
  const { alertmanager, targets } = targetsOf(config, clock);
  if (targets.length === 0) return undefined;
  const metrics = createDeliveryMetrics();
  const closers: (() => Promise<void>)[] = [];
  const groupOf = ({ name }: AlarmTarget): string => deliveryGroup(config.process.groupId, name);
  return {
    metrics,
    async prepare() {
      for (const target of targets) {
        await commitStartingPositions({ log, groupId: groupOf(target), topic, clock });
      }
    },
    start(supervisor) {
      for (const target of targets) {
        const deliverer = startDeliverer({
          ...{ log, topic, groupId: groupOf(target), target },
          ...{ clock, logger, metrics, siteLevels, groupWaitMs },
        });
        closers.push(() => deliverer.close());
      }
      if (alertmanager === undefined) return;
      const sensorsAfter = openAlarmsOf(supervisor);
      const resending = startResending({
        target: alertmanager,
        clock,
        logger,
        metrics,
        sensorsAfter,
      });
      closers.push(() => resending.close());
    },
    async close() {
      await Promise.all(closers.splice(0).map((close) => close()));
    },
  };
}

/** Returns the consumer group that delivers the alarms of `groupId` to `target`. */
export function deliveryGroup(groupId: string, target: AlarmTarget['name']): string {
  return `${groupId}-alarms-${target}`;
}

/** Returns the targets that have an address. */
export function targetsOf(
  { process: settings }: Config,
  clock: Clock,
): { readonly alertmanager: Alertmanager | undefined; readonly targets: readonly AlarmTarget[] } {
  const { alertmanagerUrl, alarmWebhookUrl, alarmWebhookSecret } = settings;
  const alertmanager =
    alertmanagerUrl === undefined
      ? undefined
      : createAlertmanager({
          ...{ url: alertmanagerUrl, pipeline: settings.groupId, clock, openMs },
          ...{ siteLevels: settings.alarmSiteLevels, pageUrl: settings.advertisedUrl },
        });
  const webhook =
    alarmWebhookUrl === undefined || alarmWebhookSecret === undefined
      ? []
      : [createWebhook({ url: alarmWebhookUrl, secret: alarmWebhookSecret, clock })];
  return {
    alertmanager,
    targets: [...(alertmanager === undefined ? [] : [alertmanager]), ...webhook],
  };
}

function openAlarmsOf(
  supervisor: Pick<SupervisorView, 'sensors'>,
): (after: string | undefined) => Promise<readonly AlarmedSensor[]> {
  return async (after) => {
    const page = await supervisor.sensors({
      ...{ search: '', filter: 'open_alarm', sort: 'id', order: 'ascending', shard: null },
      after: after === undefined ? null : { value: 0, id: after },
      limit: sensorsPerPage,
    });
    return page.sensors;
  };
}
