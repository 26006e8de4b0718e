// Serves the Prometheus metrics of all threads, merged, and those of the feature API.
import type { FastifyInstance } from 'fastify';

import type { ServingMetrics } from '../../metrics/process-metrics.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

export interface MetricsText {
  metrics(): Promise<string>;
}

/** Adds `GET /metrics`, text exposition format 0.0.4. */
export function addMetricsRoute(
  app: FastifyInstance,
  supervisor: SupervisorView,
  { registry, requestSeconds }: ServingMetrics,
  ...others: readonly MetricsText[]
): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    requestSeconds.observe({ route, status }, reply.elapsedTime / 1_000);
    done();
  });
  app.get('/metrics', async (_request, reply) => {
    const own = await Promise.all([registry, ...others].map((some) => some.metrics()));
    const text = [await supervisor.metrics(), ...own].join('\n');
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}
