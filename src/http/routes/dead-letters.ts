// Serves the newest dead letters of the input, with their reasons and the beginning of their
// values. Any process answers for all: the letters are in a topic.
import type { FastifyInstance } from 'fastify';

import { UnavailableError } from '../../errors.ts';
import type { RecentDeadLetters } from '../../projections/recent-dead-letters.ts';

const limitDefault = 50;
export const lettersMax = 200;

interface Asked {
  readonly reason?: string;
  readonly limit?: string;
}

/** Adds `GET /dead-letters?reason=&limit=`; `letters` is undefined where no log is at hand. */
export function addDeadLetterRoute(
  app: FastifyInstance,
  letters: Pick<RecentDeadLetters, 'newest'> | undefined,
): void {
  app.get<{ Querystring: Asked }>('/dead-letters', async (request, reply) => {
    const { reason, limit = String(limitDefault) } = request.query;
    const lettersAsked = Number(limit);
    if (!Number.isInteger(lettersAsked) || lettersAsked < 1 || lettersAsked > lettersMax) {
      const message = `limit: expected an integer from 1 to ${lettersMax}`;
      return reply.code(400).send({ error: 'bad_request', message });
    }
    if (reason !== undefined && typeof reason !== 'string') {
      const message = 'reason: expected one value';
      return reply.code(400).send({ error: 'bad_request', message });
    }
    if (letters === undefined) throw new UnavailableError('the log is not at hand');
    return reply.send(await letters.newest(lettersAsked, reason));
  });
}
