// Live sensor actors: what the shard that owns a sensor knows of it now.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { isSensoriumError, UnavailableError } from '../../errors.ts';
import { shardsOnTheWay } from '../../supervisor/readiness.ts';
import type { SensorOwners } from '../../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

const limitDefault = 100;
const limitMax = 10_000;

/**
 * Adds `GET /sensors?limit=` and `GET /sensors/{id}`; the id is percent-encoded, slashes too. A sensor of another
 * process is answered with its address. `anomalyEvents` says which flagged readings there are to show.
 */
export function addSensorRoutes(
  app: FastifyInstance,
  supervisor: SupervisorView,
  owners: SensorOwners,
  anomalyEvents: 'alarms' | 'all' | 'off',
): void {
  app.get<{ Querystring: { limit?: string } }>('/sensors', async (request, reply) => {
    const limit = Number(request.query.limit ?? limitDefault);
    if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
      const message = `limit: expected an integer from 1 to ${limitMax}`;
      return reply.code(400).send({ error: 'bad_request', message });
    }
    return reply.send({ sensors: await supervisor.sensors(limit), limit });
  });
  app.get<{ Params: { id: string } }>('/sensors/:id', async (request, reply) => {
    const { id } = request.params;
    const [sensor, anomalies] = await Promise.all([
      supervisor.sensor(id),
      anomalyEvents === 'off' ? [] : anomaliesOf(supervisor, id),
    ]);
    if (sensor !== undefined) {
      return reply.send({ ...sensor, anomaly_events: anomalyEvents, anomalies });
    }
    const [onTheWay] = supervisor.tree().workers.flatMap(shardsOnTheWay);
    if (onTheWay !== undefined) {
      throw new UnavailableError(`not known yet whether this process holds it: ${onTheWay}`);
    }
    return sendElsewhere(owners, id, request, reply);
  });
}

/**
 * Answers 307 with the same path at a process that may hold the sensor; 404 where there is no other. The query says how
 * many may still be sent on to, so that nobody is sent in a circle.
 */
export async function sendElsewhere(
  owners: SensorOwners,
  sensorId: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = new URL(request.url, 'http://here');
  const left = Number(asked.searchParams.get(othersLeft) ?? Infinity);
  const urls = left > 0 ? await owners.urlsOf(sensorId) : [];
  const [url] = urls;
  if (url === undefined) {
    const message = `no shard of this process holds a sensor ${JSON.stringify(sensorId)}`;
    return reply.code(404).send({ error: 'not_found', message });
  }
  asked.searchParams.set(othersLeft, String(Math.min(left, urls.length) - 1));
  const location = `${url.replace(/\/+$/, '')}${asked.pathname}${asked.search}`;
  const message = `another process may hold it: ${url}`;
  return reply.code(307).header('location', location).send({ error: 'elsewhere', message });
}

const othersLeft = 'others';

/** null where they cannot be read now: what the shard says of the sensor is shown all the same. */
async function anomaliesOf(
  supervisor: SupervisorView,
  sensorId: string,
): Promise<Awaited<ReturnType<SupervisorView['anomalies']>> | null> {
  try {
    return await supervisor.anomalies(sensorId);
  } catch (error) {
    if (isSensoriumError(error) && error.directive === 'retry') return null;
    throw error;
  }
}
