// Health for orchestrators: live = do not restart, ready = doing its whole job, serving = features
// can be read here. A process that cannot fold still serves what is stored.
import type { FastifyInstance } from 'fastify';

import type { FeatureStore } from '../../stores/feature-store.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';

/** Probes have no token. */
const open = { config: { access: 'open' } } as const;
/** A probe waits a second by default; the store's own time limit is longer. */
const pingMsMax = 900;

/**
 * Adds `GET /health/live`, `/health/ready` and `/health/serving`. A negative answer is 503; ready
 * adds reasons, serving the age of the newest row.
 */
export function addHealthRoutes(
  app: FastifyInstance,
  supervisor: SupervisorView,
  store: Pick<FeatureStore, 'ping'>,
): void {
  app.get('/health/live', open, (_request, reply) => {
    const live = supervisor.live();
    return reply.code(live ? 200 : 503).send({ status: live ? 'live' : 'failed' });
  });
  app.get('/health/ready', open, (_request, reply) => {
    const { ready, reasons } = supervisor.ready();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', reasons });
  });
  app.get('/health/serving', open, async (_request, reply) => {
    const { state, nowMs } = supervisor.tree();
    const leaving = state === 'draining' || state === 'stopped';
    const reasons = leaving ? [`supervisor ${state}`] : await unreachable(store);
    const serving = reasons.length === 0;
    return reply.code(serving ? 200 : 503).send({
      status: serving ? 'serving' : 'not serving',
      reasons,
      newest_row_age_seconds: newestRowAgeSeconds(supervisor, nowMs),
    });
  });
}

async function unreachable(store: Pick<FeatureStore, 'ping'>): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    const reasons = [`the feature store did not answer within ${pingMsMax} ms`];
    timer = setTimeout(() => resolve(reasons), pingMsMax);
  });
  const pinged = store.ping().then(
    () => [],
    (error: unknown) => [error instanceof Error ? error.message : String(error)],
  );
  try {
    return await Promise.race([pinged, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Of the rows that this process projected; null where it projected none: another process does. */
function newestRowAgeSeconds(supervisor: SupervisorView, nowMs: number): number | null {
  let newestMs = -Infinity;
  for (const { window_end: endMs } of supervisor.recentRows(0).rows) {
    newestMs = Math.max(newestMs, endMs);
  }
  return Number.isFinite(newestMs) ? (nowMs - newestMs) / 1_000 : null;
}
