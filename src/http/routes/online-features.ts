// Feast's online endpoint on our feature store: a model's client that speaks to `feast serve` speaks to us unchanged.
import type { FastifyInstance } from 'fastify';

import { isSensoriumError } from '../../errors.ts';
import type { FeatureStore } from '../../stores/feature-store.ts';
import {
  onlineFeaturesParser,
  onlineFeaturesResponse,
  type ServedFeatures,
} from '../feast-response.ts';

/** Adds `POST /get-online-features`. Whatever the content type says, the body is read as JSON: curl's default works. */
export function addOnlineFeaturesRoute(
  app: FastifyInstance,
  featureStore: Pick<FeatureStore, 'read' | 'readKept'>,
  served: ServedFeatures,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const parse = onlineFeaturesParser(served);
  app.post<{ Body: string | undefined }>('/get-online-features', (request, reply) => {
    const asked = parse(request.body ?? '');
    reply.type('application/json');
    if ('status' in asked) return reply.code(asked.status).send(JSON.stringify(asked.body));
    const { sensorIds, selection } = asked;
    const [view, ...others] = selection.views;
    // Rows that are in memory are answered in the turn in which they are asked for.
    const kept = others.length === 0 ? featureStore.readKept?.(sensorIds, view?.name) : undefined;
    if (kept !== undefined) return reply.send(onlineFeaturesResponse(asked, [kept]));
    const reads = selection.views.map(({ name }) => featureStore.read(sensorIds, name));
    Promise.all(reads)
      .then((stored) => reply.send(onlineFeaturesResponse(asked, stored)))
      .catch((error: unknown) => {
        if (!isSensoriumError(error) || error.directive !== 'retry') return reply.send(error);
        const message = `The online store is unavailable: ${error.message}`;
        return reply.code(503).send(JSON.stringify(message));
      });
    return reply;
  });
}
