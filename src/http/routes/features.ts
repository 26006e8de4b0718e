// Serves the declarations of the features: names, types, units, meanings. The page takes its
// headings from here.
import type { FastifyInstance } from 'fastify';

import { selectFeatures } from '../../sensors/features.ts';

export interface FeatureFacts {
  readonly name: string;
  readonly type: 'Float64' | 'Int64';
  /** `value` means the unit of the sensor's readings. */
  readonly unit: string;
  readonly description: string;
}

/** Adds `GET /features`: the views, and the features in the order of a row. */
export function addFeaturesRoute(
  app: FastifyInstance,
  { views, names }: { readonly views: readonly string[]; readonly names: readonly string[] },
): void {
  const features: readonly FeatureFacts[] = selectFeatures(names).map(
    ({ name, type, unit, description }) => ({ name, type, unit, description }),
  );
  app.get('/features', (_request, reply) => reply.send({ views, features }));
}
