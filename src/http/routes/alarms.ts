// The open alarms of all processes: the list of sensors, of those that have one, as a list of
// alarms. A mute that has ended counts as none, by the wall clock of the process that answers.
import type { FastifyInstance } from 'fastify';

import type { SensorFilter } from '../../sensors/sensor-list.ts';
import type { SensorListing } from '../sensor-listing.ts';
import { searchIn, type SensorParameters } from '../sensor-query.ts';

export type AlarmParameters = Pick<SensorParameters, 'search' | 'shard' | 'limit' | 'cursor'> & {
  readonly state?: string;
};

export interface AlarmRouteParts {
  readonly listing: SensorListing;
  /** Whether alarms have a life; without, there are none to list. */
  readonly hasAlarms: boolean;
  readonly nowMs: () => number;
}

const filters: Readonly<Record<string, SensorFilter>> = {
  open: 'open_alarm',
  unacknowledged: 'unacknowledged',
  acknowledged: 'acknowledged',
  muted: 'muted',
};

/** Adds `GET /alarms?state=&search=&shard=&limit=&cursor=`: a page of sensors, by id. */
export function addAlarmRoute(
  app: FastifyInstance,
  { listing, hasAlarms, nowMs }: AlarmRouteParts,
): void {
  app.get<{ Querystring: AlarmParameters }>('/alarms', async (request, reply) => {
    const { state = 'open', ...parameters } = request.query;
    const filter = Object.hasOwn(filters, state) ? filters[state] : undefined;
    const all = { ...parameters, ...(filter === undefined ? {} : { filter }) };
    const search = searchIn(all);
    if (typeof search === 'string' || filter === undefined) {
      const expected = `state: expected ${Object.keys(filters).join(' or ')}`;
      const message = typeof search === 'string' ? search : expected;
      return reply.code(400).send({ error: 'bad_request', message });
    }
    const everywhere = new URLSearchParams({ ...all, others: '0' }).toString();
    const page = await listing.answer({ search, everywhere, windows: false });
    const time = nowMs();
    const alarms = page.items.flatMap(({ alarms: of, ...sensor }) => {
      const { sensor_id, topic, partition, process } = sensor;
      const place = { topic, partition, process };
      const { open = [], muted_until: until = null } = of ?? {};
      const muted_until = until !== null && until > time ? until : null;
      return open
        .map((alarm) => ({ sensor_id, ...alarm, muted_until, ...place }))
        .filter((alarm) => isIn(state, alarm));
    });
    const { limit, matching: sensors, next, processes } = page;
    return reply.send({ kept: hasAlarms, alarms, sensors, limit, next, processes });
  });
}

/** Returns whether the list of `state` has the alarm: its sensor may have another that it has. */
function isIn(
  state: string,
  alarm: { readonly acknowledged: boolean; readonly muted_until: number | null },
): boolean {
  if (state === 'muted') return alarm.muted_until !== null;
  return state === 'open' || alarm.acknowledged === (state === 'acknowledged');
}
