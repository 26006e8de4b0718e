// Readings of clients that speak HTTP alone. The answer follows once the log holds them durably, so
// a client that was answered may forget them.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';

import { entriesOfBody } from '../../codecs/json-entries.ts';
import type { PostedReadings } from '../../ingest/posted-readings.ts';

const unpack = promisify(gunzip);

/** Deflate makes at most 1,032 bytes of one. */
const gzipRatioMax = 1_032;

interface Refused {
  readonly status: 400 | 413 | 415;
  readonly message: string;
}

/**
 * Adds `POST /readings?key=`: one reading, an array or one a line, of any content type, also
 * gzipped. Without `posted` it is refused.
 */
export function addReadingsRoute(app: FastifyInstance, posted: PostedReadings | undefined): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) =>
      parsed(null, body),
    );
    scope.post<{ Body: Buffer | undefined; Querystring: { readonly key?: string } }>(
      '/readings',
      { config: { access: 'write' } },
      async (request, reply) => {
        if (posted === undefined) {
          const message = 'this server takes no readings';
          return reply.code(403).send({ error: 'forbidden', message });
        }
        const sent = request.body ?? Buffer.alloc(0);
        const coding = request.headers['content-encoding'];
        // The length of a gzipped body is known once it is unpacked.
        const unpackedMax = coding === undefined ? sent.length : sent.length * gzipRatioMax;
        const leave = posted.enter(Math.min(unpackedMax, posted.bodyBytesMax));
        if (typeof leave !== 'function') {
          const { message, retryAfterS } = leave;
          reply.header('retry-after', String(retryAfterS));
          return reply.code(429).send({ error: 'too_many_requests', message });
        }
        try {
          return await answer(reply, posted, { sent, coding, key: request.query.key });
        } finally {
          leave();
        }
      },
    );
    done();
  });
}

async function answer(
  reply: FastifyReply,
  posted: PostedReadings,
  { sent, coding, key }: { sent: Buffer; coding: string | undefined; key: string | undefined },
): Promise<FastifyReply> {
  const body = await unpacked(sent, coding, posted.bodyBytesMax);
  if (!Buffer.isBuffer(body)) {
    return reply.code(body.status).send({ error: 'bad_request', message: body.message });
  }
  const entries = entriesOfBody(body);
  if (entries.length === 0) {
    const message = 'expected a reading, an array of them or one a line; got none';
    return reply.code(400).send({ error: 'bad_request', message });
  }
  const taken = await posted.take(entries, key);
  return reply.code(taken.accepted > 0 ? 200 : 422).send(taken);
}

async function unpacked(
  sent: Buffer,
  coding: string | undefined,
  bytesMax: number,
): Promise<Buffer | Refused> {
  const tooLarge = `expected at most ${bytesMax} bytes of readings, unpacked (POSTED_BYTES_MAX)`;
  if (coding === undefined || coding === 'identity') {
    return sent.length > bytesMax ? { status: 413, message: tooLarge } : sent;
  }
  if (coding !== 'gzip') {
    return { status: 415, message: `expected content-encoding: gzip or none, got ${coding}` };
  }
  try {
    return await unpack(sent, { maxOutputLength: bytesMax });
  } catch (error) {
    const isTooLarge =
      error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    if (isTooLarge) return { status: 413, message: tooLarge };
    const detail = error instanceof Error ? error.message : String(error);
    return { status: 400, message: `the body is not gzip: ${detail}` };
  }
}
