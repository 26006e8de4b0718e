// What the features of a row are, as declared: names, types, units and meanings. The page's headings come from here.
import type { FastifyInstance } from 'fastify';

import { selectFeatures } from '../../sensors/features.ts';

export interface FeatureFacts {
  readonly name: string;
  readonly type: 'Float64' | 'Int64';
  /** `value` stands for the unit of the sensor's own readings. */
  readonly unit: string;
  readonly description: string;
}

/** Adds `GET /features`: the views, and the features of each of their rows in their order. */
export function addFeaturesRoute(
  app: FastifyInstance,
  { views, names }: { readonly views: readonly string[]; readonly names: readonly string[] },
): void {
  const features: readonly FeatureFacts[] = selectFeatures(names).map(
    ({ name, type, unit, description }) => ({ name, type, unit, description }),
  );
  app.get('/features', (_request, reply) => reply.send({ views, features }));
}
