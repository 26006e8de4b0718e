// Feast's online endpoint on our feature store: a model's client that speaks to `feast serve` speaks to us unchanged.
import type { FastifyInstance } from 'fastify';

import { isSensoriumError } from '../../errors.ts';
import type { FeatureStore } from '../../stores/feature-store.ts';
import {
  onlineFeaturesResponse,
  parseOnlineFeaturesRequest,
  viewsOf,
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
  app.post<{ Body: string | undefined }>('/get-online-features', async (request, reply) => {
    const asked = parseOnlineFeaturesRequest(request.body ?? '', served);
    reply.type('application/json');
    if ('status' in asked) return reply.code(asked.status).send(JSON.stringify(asked.body));
    try {
      const stored = await Promise.all(
        viewsOf(asked).map(async (view) => {
          return [view, await featureStore.read(asked.sensorIds, view)] as const;
        }),
      );
      return await reply.send(onlineFeaturesResponse(asked, new Map(stored)));
    } catch (error) {
      if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
      return reply
        .code(503)
        .send(JSON.stringify(`The online store is unavailable: ${error.message}`));
    }
  });
}
