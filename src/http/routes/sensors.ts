// Serves live sensors from the memory of the shard that owns them.
import type { FastifyInstance } from 'fastify';

import { sensorIdBytesMax } from '../../codecs/reading-limits.ts';
import { UnavailableError } from '../../errors.ts';
import { shardsFailed, shardsOnTheWay } from '../../supervisor/readiness.ts';
import type { SensorOwners } from '../../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';
import { sendElsewhere, type Elsewhere } from '../elsewhere.ts';
import { isPossibleId } from '../possible-ids.ts';
import { toldToClients } from '../unanswerable.ts';
import type { SensorListing } from '../sensor-listing.ts';
import { searchIn, type SensorParameters } from '../sensor-query.ts';

export const noSuchSensor = {
  error: 'not_found',
  message: `no sensor has an id of more than ${sensorIdBytesMax} bytes`,
} as const;

export interface SensorRouteParts {
  readonly supervisor: SupervisorView;
  readonly owners: SensorOwners;
  readonly listing: SensorListing;
  readonly anomalyEvents: 'alarms' | 'all' | 'off';
}

/**
 * Adds `GET /sensors?search=&sort=&filter=&shard=&limit=&cursor=&windows=`, over all processes, and
 * `GET /sensors/{id}`; the id is percent-encoded, including slashes. The latter redirects to the
 * process that owns the sensor. `anomalyEvents` tells which flagged readings exist.
 */
export function addSensorRoutes(
  app: FastifyInstance,
  { supervisor, owners, listing, anomalyEvents }: SensorRouteParts,
): void {
  app.get<{ Querystring: SensorParameters & { others?: string } }>(
    '/sensors',
    async (request, reply) => {
      const { others, ...parameters } = request.query;
      const search = searchIn(parameters);
      if (typeof search === 'string') {
        return reply.code(400).send({ error: 'bad_request', message: search });
      }
      const everywhere = new URLSearchParams({ ...parameters, windows: '', others: '0' });
      return reply.send(
        await listing.answer({
          search,
          everywhere: others === '0' ? undefined : everywhere.toString(),
          windows: parameters.windows === 'true',
        }),
      );
    },
  );
  app.get<{ Params: { id: string } }>('/sensors/:id', async (request, reply) => {
    const { id } = request.params;
    if (!isPossibleId(id)) return reply.code(404).send(noSuchSensor);
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
    if (toldToClients(error) !== undefined) return null;
    throw error;
  }
}
