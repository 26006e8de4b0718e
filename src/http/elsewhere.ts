// Redirects requests about a sensor or shard that another process of the group holds.
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface Elsewhere {
  /** Resolves with the URLs of other processes that may hold it, the most likely first. */
  urls(): Promise<readonly string[]>;
  /** Returns the message of the 404 if nobody holds it; throws if that is not known. */
  nobody(): string;
}

const hopsLeftParameter = 'others';

/**
 * Redirects (307) to the same path on a process that may hold it; 404 if there is none. A query
 * parameter counts the redirects left, so a client is never sent in circles.
 */
export async function sendElsewhere(
  { urls, nobody }: Elsewhere,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const target = new URL(request.url, 'http://here');
  const left = Number(target.searchParams.get(hopsLeftParameter) ?? Infinity);
  const others = left > 0 ? await urls() : [];
  const [url] = others;
  if (url === undefined) return reply.code(404).send({ error: 'not_found', message: nobody() });
  target.searchParams.set(hopsLeftParameter, String(Math.min(left, others.length) - 1));
  const location = `${url.replace(/\/+$/, '')}${target.pathname}${target.search}`;
  const message = `another process may hold it: ${url}`;
  return reply.code(307).header('location', location).send({ error: 'elsewhere', message });
}
