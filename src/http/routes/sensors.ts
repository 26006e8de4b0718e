// Serves live sensors from the memory of the shard that owns them.
import type { FastifyInstance } from 'fastify';

import { isSensoriumError, UnavailableError } from '../../errors.ts';
import { shardsFailed, shardsOnTheWay } from '../../supervisor/readiness.ts';
import type { SensorOwners } from '../../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';
import { sendElsewhere, type Elsewhere } from '../elsewhere.ts';

const limitDefault = 100;
const limitMax = 10_000;

/**
 * Adds `GET /sensors?limit=` and `GET /sensors/{id}`; the id is percent-encoded, including slashes.
 * Redirects to the process that owns the sensor. `anomalyEvents` tells which flagged readings
 * exist.
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
    const [starting] = supervisor.tree().workers.flatMap(shardsOnTheWay);
    if (starting !== undefined) {
      throw new UnavailableError(`not yet known whether this process holds it: ${starting}`);
    }
    return sendElsewhere(elsewhereOf(supervisor, owners, id), request, reply);
  });
}

/** Returns where else to look for the sensor. Never says 404 while a failed shard may hold it. */
export function elsewhereOf(
  supervisor: SupervisorView,
  owners: SensorOwners,
  sensorId: string,
): Elsewhere {
  return {
    urls: () => owners.urlsOf(sensorId),
    nobody() {
      const [failed] = supervisor.tree().workers.flatMap(shardsFailed);
      if (failed === undefined) {
        return `no shard of this process holds a sensor ${JSON.stringify(sensorId)}`;
      }
      throw new UnavailableError(`unknown whether this process holds it: ${failed}`);
    },
  };
}

/** Resolves with null if the anomalies cannot be read now; the sensor itself is still shown. */
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
