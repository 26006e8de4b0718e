// Serves the supervision tree as JSON.
import type { FastifyInstance } from 'fastify';

import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

/** Adds `GET /supervisor`. */
export function addSupervisorRoute(app: FastifyInstance, supervisor: SupervisorView): void {
  app.get('/supervisor', (_request, reply) => reply.send(supervisor.tree()));
}
