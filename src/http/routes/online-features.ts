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
  featureStore: Pick<FeatureStore, 'read'>,
  served: ServedFeatures,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const parse = onlineFeaturesParser(served);
  app.post<{ Body: string | undefined }>('/get-online-features', async (request, reply) => {
    const asked = parse(request.body ?? '');
    reply.type('application/json');
    if ('status' in asked) return reply.code(asked.status).send(JSON.stringify(asked.body));
    try {
      const { sensorIds, selection } = asked;
      const reads = selection.views.map(({ name }) => featureStore.read(sensorIds, name));
      return await reply.send(onlineFeaturesResponse(asked, await Promise.all(reads)));
    } catch (error) {
      if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
      return reply
        .code(503)
        .send(JSON.stringify(`The online store is unavailable: ${error.message}`));
    }
  });
}
