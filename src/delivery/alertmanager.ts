// Posts alarms to Alertmanager's API v2. Alertmanager takes an alert for over once its `endsAt` has
// passed, so open alarms are sent again before that; their labels name them and never change.
import type { AlarmEvent } from '../codecs/alarm-event.ts';
import { isoTime } from '../codecs/iso-time.ts';
import type { Clock } from '../clock.ts';
import { inTurn } from '../in-turn.ts';
import type { OpenAlarm } from '../sensors/alarm-inspection.ts';
import { siteOf } from './alarm-notice.ts';
import type { AlarmGroup, AlarmTarget, PostOutcome } from './alarm-target.ts';
import { postJson } from './post-json.ts';

export interface AlertmanagerOptions {
  readonly url: string;
  /** Label `pipeline`: two pipelines may watch sensors of one name. */
  readonly pipeline: string;
  readonly siteLevels: number;
  /** Where the page of this program is; undefined where it is unknown. */
  readonly pageUrl: string | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** How long an alert is open without being sent again, ms. */
  readonly openMs: number;
}

/** An open alarm of this process's shards. */
export interface StandingAlarm extends OpenAlarm {
  readonly sensor_id: string;
}

export interface Alertmanager extends AlarmTarget {
  readonly name: 'alertmanager';
  /** Sends open alarms again. One that was sent as resolved meanwhile is left out. */
  resend(alarms: readonly StandingAlarm[], signal: AbortSignal): Promise<PostOutcome>;
}

type Named = Pick<StandingAlarm, 'sensor_id' | 'alarm_id'>;
type Described = StandingAlarm & { readonly explanation?: string };

/** Explanations and ends that are remembered, each some 200 bytes. */
const rememberedMax = 20_000;

/** Returns the target that posts to the Alertmanager at `url`. */
export function createAlertmanager(options: AlertmanagerOptions): Alertmanager {
  const { clock, openMs } = options;
  const url = new URL(`${options.url.replace(/\/+$/, '')}/api/v2/alerts`);
  /** The sentence of an open alarm; the state of a shard does not have it. */
  const explanations = new Map<string, string>();
  /** Alarms that have ended: state that was read before must not open them again. */
  const ended = new Map<string, true>();
  const send = (alerts: readonly object[], signal: AbortSignal): Promise<PostOutcome> =>
    postJson({ url, body: JSON.stringify(alerts), nowMs: clock.nowMs(), signal });
  const open = (alarm: Described): object => ({
    ...alertOf(alarm, options),
    endsAt: isoTime(clock.nowMs() + openMs),
  });
  const runInTurn = inTurn();
  return {
    name: 'alertmanager',
    post: ({ notices }: AlarmGroup, signal) =>
      runInTurn(async () => {
        const alerts = notices.flatMap(({ event }) => {
          // Muted, it is not sent again, and so is over within `openMs`.
          if ((event.muted_until ?? 0) > clock.nowMs() && event.kind === 'alarm_muted') return [];
          if (event.kind !== 'alarm_resolved') {
            remember(explanations, keyOf(event), event.explanation);
            return [open(event)];
          }
          explanations.delete(keyOf(event));
          remember(ended, keyOf(event), true);
          return [{ ...alertOf(event, options), endsAt: isoTime(clock.nowMs()) }];
        });
        const isNothing = notices.length > 0 && alerts.length === 0;
        return isNothing ? { type: 'delivered' } : send(alerts, signal);
      }),
    resend: (alarms, signal) =>
      runInTurn(async () => {
        const standing = alarms.filter((alarm) => !ended.has(keyOf(alarm)));
        if (standing.length === 0) return { type: 'delivered' };
        const described = standing.map((alarm): Described => {
          const explanation = explanations.get(keyOf(alarm));
          return explanation === undefined ? alarm : { ...alarm, explanation };
        });
        return send(described.map(open), signal);
      }),
  };
}

function keyOf({ sensor_id, alarm_id }: Named): string {
  return `${alarm_id} ${sensor_id}`;
}

function alertOf(
  alarm: Described | AlarmEvent,
  { clock, pageUrl, pipeline, siteLevels }: AlertmanagerOptions,
): object {
  const { sensor_id, alarm_id, cause, channel, score, acknowledged } = alarm;
  const site = siteOf(sensor_id, siteLevels);
  // Alertmanager refuses a start behind the end; event time may be ahead of the wall clock.
  const startsAt = isoTime(Math.min(Math.max(alarm.opened_at, 0), clock.nowMs()));
  const severity = score === null ? '' : `, score ${score.toPrecision(4)}`;
  return {
    labels: {
      ...{ alertname: 'SensorAlarm', pipeline, sensor_id, alarm_id, cause, channel },
      ...(site === '' ? {} : { site }),
    },
    annotations: {
      summary: `${sensor_id}: ${channel}${severity}`,
      ...(alarm.explanation === undefined ? {} : { description: alarm.explanation }),
      acknowledged: String(acknowledged),
    },
    startsAt,
    ...(pageUrl === undefined ? {} : { generatorURL: `${pageUrl.replace(/\/+$/, '')}/` }),
  };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= rememberedMax) return;
    map.delete(oldest);
  }
}
