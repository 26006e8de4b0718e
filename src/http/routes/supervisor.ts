// Serves the supervision tree, and its last hours, as JSON.
import type { FastifyInstance } from 'fastify';

import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

/** Adds `GET /supervisor` and `GET /pipeline/history`. */
export function addSupervisorRoute(app: FastifyInstance, supervisor: SupervisorView): void {
  app.get('/supervisor', (_request, reply) => reply.send(supervisor.tree()));
  app.get('/pipeline/history', (_request, reply) => reply.send(supervisor.pipeline()));
}
