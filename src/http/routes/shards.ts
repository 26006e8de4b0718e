// Retries a failed shard, once the operator has restored what it lacks or accepts the gap.
import type { FastifyInstance } from 'fastify';

import type { ShardRetryOutcome } from '../../actors/protocol.ts';
import type { SensorOwners } from '../../supervisor/sensor-owners.ts';
import type { SupervisorView } from '../../supervisor/supervisor-view.ts';
import { sendElsewhere } from '../elsewhere.ts';

interface RetryRoute {
  Params: { topic: string; partition: string };
  Querystring: { accept_gap?: string };
}

/** Adds `POST /shards/{topic}/{partition}/retry?accept_gap=true`. */
export function addShardRoutes(
  app: FastifyInstance,
  supervisor: SupervisorView,
  owners: SensorOwners,
): void {
  app.post<RetryRoute>('/shards/:topic/:partition/retry', async (request, reply) => {
    const { topic } = request.params;
    const partition = Number(request.params.partition);
    const { accept_gap: acceptGap = 'false' } = request.query;
    if (!Number.isSafeInteger(partition) || partition < 0) {
      const message = `partition: expected a number from 0, got ${request.params.partition}`;
      return reply.code(400).send({ error: 'bad_request', message });
    }
    if (acceptGap !== 'true' && acceptGap !== 'false') {
      const message = `accept_gap: expected true or false, got ${acceptGap}`;
      return reply.code(400).send({ error: 'bad_request', message });
    }
    const retry = { topic, partition, acceptGap: acceptGap === 'true' };
    const outcome = await supervisor.retryShard(retry);
    if (outcome !== undefined) return reply.code(statusOf(outcome)).send(bodyOf(outcome));
    const elsewhere = {
      urls: () => owners.urlsOfShard({ topic, partition }),
      nobody: () => `no worker of this process holds the shard ${topic}/${partition}`,
    };
    return sendElsewhere(elsewhere, request, reply);
  });
}

/** Returns 200 if the shard is running, 202 if it is still starting, 409 if it failed again. */
function statusOf({ phase }: ShardRetryOutcome): number {
  if (phase === 'failed') return 409;
  return phase === 'running' ? 200 : 202;
}

function bodyOf({ error, ...outcome }: ShardRetryOutcome): object {
  if (error === undefined) return outcome;
  return { ...outcome, error: error.code.toLowerCase(), message: error.message };
}
