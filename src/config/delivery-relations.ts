// Rules between the settings of the delivery of alarms.
import { setAmong, type Relation } from './relation.ts';
import type { SettingName } from './settings.ts';

const urls = ['ALERTMANAGER_URL', 'ALARM_WEBHOOK_URL'] as const satisfies readonly SettingName[];

export const deliveryRelations: readonly Relation[] = [
  {
    names: ['ALARM_WEBHOOK_URL', 'ALARM_WEBHOOK_SECRET'],
    holds: (v) => (v.ALARM_WEBHOOK_URL === undefined) === (v.ALARM_WEBHOOK_SECRET === undefined),
    problem: () =>
      'ALARM_WEBHOOK_URL and ALARM_WEBHOOK_SECRET need each other; set both or neither',
  },
  {
    names: [...urls, 'ALARM_RESOLVE_AFTER'],
    holds: (v) => setAmong(v, urls).length === 0 || v.ALARM_RESOLVE_AFTER !== Infinity,
    problem: (v) =>
      `${setAmong(v, urls).join(' and ')} set without ALARM_RESOLVE_AFTER, so there are no alarms ` +
      'to deliver; set that as well, for example 10m',
  },
  ...urls.map((name): Relation => ({
    names: [name],
    // It is shown in the log.
    holds: (v) => new URL(v[name] ?? 'http://none').username === '',
    problem: () => `${name} holds a user, which the log would show; leave it out`,
  })),
];
