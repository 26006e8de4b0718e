// Checks of the targets that alarms are delivered to: each takes a request that holds none.
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { AlarmTarget } from '../delivery/alarm-target.ts';
import { targetsOf } from './alarm-delivery.ts';
import { fail, ok, type Check } from './doctor-check.ts';

/** Returns the checks of ALERTMANAGER_URL and ALARM_WEBHOOK_URL; none without them. */
export async function alarmChecks(config: Config, clock: Clock): Promise<readonly Check[]> {
  const { targets } = targetsOf(config, clock);
  return Promise.all(targets.map((target) => targetCheck(target, config)));
}

const names = { alertmanager: 'ALERTMANAGER_URL', webhook: 'ALARM_WEBHOOK_URL' } as const;
const cures = {
  alertmanager:
    'is it running, and does ALERTMANAGER_URL name its root, as http://alertmanager:9093?',
  webhook: 'is the receiver running, with the same secret, and does it take a post without alarms?',
} as const;

async function targetCheck(target: AlarmTarget, { process }: Config): Promise<Check> {
  const { alarmWebhookUrl, alertmanagerUrl } = process;
  const url = target.name === 'webhook' ? alarmWebhookUrl : alertmanagerUrl;
  const place = url === undefined ? names[target.name] : new URL(url).host;
  const outcome = await target.post({ site: '', notices: [] }, new AbortController().signal);
  if (outcome.type === 'delivered') return ok(target.name, `${place} takes alarms`);
  return fail(target.name, `${place}: ${outcome.reason}`, cures[target.name]);
}
