// Operator commands on a sensor: quarantine, release, reset the baseline. They need the token. The
// response is sent after the commit, so an acknowledged command survives every restart.
import type { FastifyInstance } from 'fastify';

import type { SensorCommand } from '../../actors/protocol.ts';
import type { SensorOwners } from '../../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';
import { sendElsewhere } from '../elsewhere.ts';
import { tokenRefusal } from '../token.ts';
import { elsewhereOf } from './sensors.ts';

const messageCharactersMax = 200;

export const sensorCommands: readonly SensorCommand['name'][] = ['quarantine', 'release', 'reset'];

/** Adds `POST /sensors/{id}/{quarantine|release|reset}?reason=`. */
export function addSensorCommandRoutes(
  app: FastifyInstance,
  supervisor: SupervisorView,
  owners: SensorOwners,
  token: string | undefined,
): void {
  for (const name of sensorCommands) {
    app.post<{ Params: { id: string }; Querystring: { reason?: string } }>(
      `/sensors/:id/${name}`,
      async (request, reply) => {
        const refusal = tokenRefusal(request.headers.authorization, token);
        if (refusal !== undefined) return reply.code(refusal.status).send(refusal.body);
        const { id: sensorId } = request.params;
        const message = (request.query.reason ?? '').slice(0, messageCharactersMax);
        const shards = await supervisor.command({ name, sensorId, message });
        if (shards.length > 0) return reply.send({ sensor_id: sensorId, command: name, shards });
        return sendElsewhere(elsewhereOf(supervisor, owners, sensorId), request, reply);
      },
    );
  }
}
