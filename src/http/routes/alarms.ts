// The open alarms of all processes: the list of sensors, of those that have one, as a list of
// alarms.
import type { FastifyInstance } from 'fastify';

import type { SensorFilter } from '../../sensors/sensor-list.ts';
import type { SensorListing } from '../sensor-listing.ts';
import { searchIn, type SensorParameters } from '../sensor-query.ts';

export type AlarmParameters = Pick<SensorParameters, 'search' | 'shard' | 'limit' | 'cursor'> & {
  readonly state?: string;
};

const filters: Readonly<Record<string, SensorFilter>> = {
  open: 'open_alarm',
  unacknowledged: 'unacknowledged',
};

/** Adds `GET /alarms?state=&search=&shard=&limit=&cursor=`: a page of sensors, by id. */
export function addAlarmRoute(app: FastifyInstance, listing: SensorListing): void {
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
    const alarms = page.items.flatMap(({ alarms: of, ...sensor }) => {
      const { sensor_id, topic, partition, process } = sensor;
      const place = { topic, partition, process };
      const { open = [], muted_until = null } = of ?? {};
      return open
        .filter(({ acknowledged }) => state === 'open' || !acknowledged)
        .map((alarm) => ({ sensor_id, ...alarm, muted_until, ...place }));
    });
    const { limit, matching: sensors, next, processes } = page;
    return reply.send({ alarms, sensors, limit, next, processes });
  });
}
