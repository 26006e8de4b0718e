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
  const serving = rowsRead && createServingMetrics(rowsRead);
  app.get('/metrics', async (_request, reply) => {
    const threads = await supervisor.metrics();
    const text = serving ? `${threads}\n${await serving.metrics()}` : threads;
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}
