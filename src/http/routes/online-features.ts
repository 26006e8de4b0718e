// Feast's online endpoint on our feature store. Clients of `feast serve` work unchanged.
import type { FastifyInstance } from 'fastify';

import { isSensoriumError } from '../../errors.ts';
import type { FeatureStore } from '../../stores/feature-store.ts';
import {
  onlineFeaturesParser,
  onlineFeaturesResponse,
  type ServedFeatures,
} from '../feast-response.ts';

/** Adds `POST /get-online-features`. Reads any content type as JSON, so curl's default works. */
export function addOnlineFeaturesRoute(
  app: FastifyInstance,
  featureStore: Pick<FeatureStore, 'read' | 'readKept'>,
  served: ServedFeatures,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const parse = onlineFeaturesParser(served);
  app.post<{ Body: string | undefined }>('/get-online-features', (request, reply) => {
    const parsed = parse(request.body ?? '');
    reply.type('application/json');
    if ('status' in parsed) return reply.code(parsed.status).send(JSON.stringify(parsed.body));
    const { sensorIds, selection } = parsed;
    const [view, ...others] = selection.views;
    // Rows in memory are answered synchronously: a promise per request costs throughput.
    const kept = others.length === 0 ? featureStore.readKept?.(sensorIds, view?.name) : undefined;
    if (kept !== undefined) return reply.send(onlineFeaturesResponse(parsed, [kept]));
    const reads = selection.views.map(({ name }) => featureStore.read(sensorIds, name));
    Promise.all(reads)
      .then((stored) => reply.send(onlineFeaturesResponse(parsed, stored)))
      .catch((error: unknown) => {
        if (!isSensoriumError(error) || error.directive !== 'retry') return reply.send(error);
        const message = `The online store is unavailable: ${error.message}`;
        return reply.code(503).send(JSON.stringify(message));
      });
    return reply;
  });
}
