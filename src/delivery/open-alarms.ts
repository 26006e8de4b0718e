// Sends the open alarms of this process's shards to Alertmanager again, once a minute: an alert
// that is not sent again is over after four. Every process sends those of its own shards.
import type { Clock } from '../clock.ts';
import { isSensoriumError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import type { AlarmsInspection } from '../sensors/alarm-inspection.ts';
import type { Alertmanager, StandingAlarm } from './alertmanager.ts';
import { noticesMax } from './alarm-target.ts';

/** A sensor with its open alarms. */
export interface AlarmedSensor {
  readonly sensor_id: string;
  readonly alarms?: AlarmsInspection;
}

export interface ResendOptions {
  readonly target: Alertmanager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<DeliveryMetrics, 'resendFailures'>;
  /** Resolves with a page of the sensors that have an open alarm, by id, behind `after`. */
  readonly sensorsAfter: (after: string | undefined) => Promise<readonly AlarmedSensor[]>;
}

export const resendIntervalMs = 60_000;
/** As Prometheus does it: an alert is over once three rounds in a row were missed. */
export const openMs: number = 4 * resendIntervalMs;

/** Starts the rounds; the first comes after `resendIntervalMs`. */
export function startResending(options: ResendOptions): { close(): Promise<void> } {
  const closing = new AbortController();
  const rounds = resendUntil(options, closing.signal);
  return {
    async close() {
      closing.abort();
      await rounds;
    },
  };
}

async function resendUntil(options: ResendOptions, closing: AbortSignal): Promise<void> {
  const { clock, logger, metrics } = options;
  for (let isFailing = false; ;) {
    await clock.sleep(resendIntervalMs, closing);
    if (closing.aborted) return;
    const reason = await resendAll(options, closing);
    if (reason !== undefined && !closing.aborted) {
      metrics.resendFailures.inc();
      if (!isFailing) logger.warn({ reason }, 'open alarms cannot be sent to Alertmanager again');
    }
    isFailing = reason !== undefined;
  }
}

/** Resolves with why not all were sent; undefined where they were. */
export async function resendAll(
  { clock, sensorsAfter, target }: ResendOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  let after: string | undefined;
  for (;;) {
    let sensors: readonly AlarmedSensor[];
    try {
      sensors = await sensorsAfter(after);
    } catch (error) {
      if (!isSensoriumError(error)) throw error;
      return error.message;
    }
    if (sensors.length === 0) return undefined;
    const alarms = sensors.flatMap((sensor) => standingAlarms(sensor, clock.nowMs()));
    for (let at = 0; at < alarms.length; at += noticesMax) {
      const outcome = await target.resend(alarms.slice(at, at + noticesMax), signal);
      if (outcome.type !== 'delivered') return outcome.reason;
    }
    after = sensors.at(-1)?.sensor_id;
  }
}

function standingAlarms({ sensor_id, alarms }: AlarmedSensor, nowMs: number): StandingAlarm[] {
  if (alarms === undefined || (alarms.muted_until ?? 0) > nowMs) return [];
  return alarms.open.map((alarm) => ({ sensor_id, ...alarm }));
}
