// Health for orchestrators: live = do not restart, ready = doing its whole job.
import type { FastifyInstance } from 'fastify';

import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

/**
 * Adds `GET /health/live` and `GET /health/ready`. A negative answer is 503; ready adds reasons.
 */
export function addHealthRoutes(app: FastifyInstance, supervisor: SupervisorView): void {
  app.get('/health/live', (_request, reply) => {
    const live = supervisor.live();
    return reply.code(live ? 200 : 503).send({ status: live ? 'live' : 'failed' });
  });
  app.get('/health/ready', (_request, reply) => {
    const { ready, reasons } = supervisor.ready();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', reasons });
  });
}
