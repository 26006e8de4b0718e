// Questions and commands that belong to another process of the group: answered with its address.
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface Elsewhere {
  /**
   * The addresses of other processes that may know, the likelier first. Asked only where it
   * matters.
   */
  urls(): Promise<readonly string[]>;
  /** What to answer where there is no other; throws where that is not known. */
  nobody(): string;
}

const othersLeft = 'others';

/**
 * Answers 307 with the same path at a process that may know; 404 where there is no other. The query
 * says how many may still be sent on to, so that nobody is sent in a circle.
 */
export async function sendElsewhere(
  { urls, nobody }: Elsewhere,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = new URL(request.url, 'http://here');
  const left = Number(asked.searchParams.get(othersLeft) ?? Infinity);
  const others = left > 0 ? await urls() : [];
  const [url] = others;
  if (url === undefined) return reply.code(404).send({ error: 'not_found', message: nobody() });
  asked.searchParams.set(othersLeft, String(Math.min(left, others.length) - 1));
  const location = `${url.replace(/\/+$/, '')}${asked.pathname}${asked.search}`;
  const message = `another process may hold it: ${url}`;
  return reply.code(307).header('location', location).send({ error: 'elsewhere', message });
}
