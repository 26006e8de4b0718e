// Serves the Prometheus metrics of all threads, merged, and those of the feature API.
import type { FastifyInstance } from 'fastify';

import { createServingMetrics } from '../../metrics/process-metrics.ts';
import type { FeatureStore } from '../../stores/feature-store.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

/** Adds `GET /metrics`, text exposition format 0.0.4. */
export function addMetricsRoute(
  app: FastifyInstance,
  supervisor: SupervisorView,
  { rowsRead }: Pick<FeatureStore, 'rowsRead'>,
): void {
  const { registry, requestSeconds } = createServingMetrics(rowsRead);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    requestSeconds.observe({ route, status }, reply.elapsedTime / 1_000);
    done();
  });
  app.get('/metrics', async (_request, reply) => {
    const text = `${await supervisor.metrics()}\n${await registry.metrics()}`;
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}
