// Feast's online endpoint on our feature store. Clients of `feast serve` work unchanged.
import type { FastifyInstance } from 'fastify';

import type { FeatureStore, OnlineFeatures } from '../../stores/feature-store.ts';
import type { ServingMetrics } from '../../metrics/process-metrics.ts';
import {
  onlineFeaturesParser,
  type OnlineFeaturesRequest,
  type ServedFeatures,
} from '../feast-request.ts';
import { oldestAgeMs, onlineFeaturesResponse, rowsOutside } from '../feast-response.ts';
import { isPossibleId, readPossible } from '../possible-ids.ts';
import { toldToClients } from '../unanswerable.ts';

const reads = { config: { access: 'read' } } as const;

/** Adds `POST /get-online-features`. Reads any content type as JSON, so curl's default works. */
export function addOnlineFeaturesRoute(
  app: FastifyInstance,
  featureStore: Pick<FeatureStore, 'read' | 'readKept'>,
  served: ServedFeatures,
  metrics: ServingMetrics,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const parse = onlineFeaturesParser(served);
  const answer = (
    request: OnlineFeaturesRequest,
    stored: readonly (readonly (OnlineFeatures | undefined)[])[],
  ): string => {
    const nowMs = Date.now();
    const ageMs = oldestAgeMs(stored, nowMs);
    // One observation a request: one for each row would cost as much as writing its text.
    if (ageMs !== undefined) metrics.oldestRowAgeSeconds.observe(ageMs / 1_000);
    metrics.rowsOutsideMaxAge.inc(rowsOutside(request, stored, nowMs));
    return onlineFeaturesResponse(request, stored, nowMs);
  };
  app.post<{ Body: string | undefined }>('/get-online-features', reads, (request, reply) => {
    const parsed = parse(request.body ?? '');
    reply.type('application/json');
    if ('status' in parsed) return reply.code(parsed.status).send(JSON.stringify(parsed.body));
    const { sensorIds, selection } = parsed;
    const [view, ...others] = selection.views;
    // Rows in memory are answered synchronously: a promise per request costs throughput.
    const isInMemory = others.length === 0 && sensorIds.every(isPossibleId);
    const kept = isInMemory ? featureStore.readKept?.(sensorIds, view?.name) : undefined;
    if (kept !== undefined) return reply.send(answer(parsed, [kept]));
    const stored = selection.views.map(({ name }) =>
      readPossible(sensorIds, (ids) => featureStore.read(ids, name)),
    );
    Promise.all(stored)
      .then((rows) => reply.send(answer(parsed, rows)))
      .catch((error: unknown) => {
        const told = toldToClients(error);
        if (told === undefined) return reply.send(error);
        const message = `The online store is unavailable: ${told.message}`;
        return reply.code(503).send(JSON.stringify(message));
      });
    return reply;
  });
}
