// Prometheus metrics of all threads, merged.
import type { FastifyInstance } from 'fastify';

import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

/** Adds `GET /metrics`, text exposition format 0.0.4. */
export function addMetricsRoute(app: FastifyInstance, supervisor: SupervisorView): void {
  app.get('/metrics', async (_request, reply) => {
    const text = await supervisor.metrics();
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}
