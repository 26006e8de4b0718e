// The checks that every request passes before its route, in this order: the bounds of its
// client, the name that it addresses, the page that it comes from, its token. Registered before the
// routes, so that a new one has all of it.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { Logger } from '../../logger.ts';
import { accessOf, admit, type AccessRules } from './access.ts';
import { networkOf } from './addresses.ts';
import { FailedTokens } from './failed-tokens.ts';
import { hostCheck } from './host-names.ts';
import { OpenRequests, type OpenRequestBounds } from './open-requests.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Which token admitted the request; undefined where none was needed. */
    admittedAs: string | undefined;
  }
}

export interface DoorOptions {
  readonly access: AccessRules;
  /** Host names beside those that nobody can register. */
  readonly hosts: readonly string[];
  readonly bounds: OpenRequestBounds;
  readonly logger: Logger;
  readonly monotonicMs: () => number;
}

/** Adds the checks to `app`: for all routes that are added to it afterwards. */
export function addDoor(app: FastifyInstance, options: DoorOptions): void {
  const { access, bounds, logger } = options;
  const open = new OpenRequests(bounds);
  const failed = new FailedTokens(options.monotonicMs);
  const isHost = hostCheck(options.hosts);
  app.decorateRequest('admittedAs', undefined);
  app.addHook('onRequest', (request, reply, next) => {
    // Browsers guess the type of an answer otherwise, and run what looks like a script.
    reply.header('x-content-type-options', 'nosniff');
    const client = networkOf(request.ip);
    const leave = open.enter(client, declaredBytes(request, app.initialConfig.bodyLimit ?? 0));
    if (leave === undefined) {
      const message = 'this client has too many requests under way, or too large ones';
      return void refuse(reply, 429, 'too_many_requests', message, 1);
    }
    reply.raw.once('close', leave);
    const strange = strangeness(request, isHost);
    if (strange !== undefined) return void refuse(reply, 403, 'forbidden', strange);
    const right = accessOf(request);
    const { authorization } = request.headers;
    const refusedForS = authorization === undefined ? undefined : failed.refusedForS(client);
    if (refusedForS !== undefined && right !== 'open') {
      const message = 'too many wrong tokens from this client';
      return void refuse(reply, 429, 'too_many_requests', message, refusedForS);
    }
    const admission = admit(access, right, { address: request.ip, authorization });
    if (!('status' in admission)) {
      request.admittedAs = admission.who;
      return next();
    }
    if (admission.wrongToken === true && failed.add(client) === 'logged') {
      logger.warn({ from: request.ip, ...whatOf(request) }, 'a wrong token was refused');
    }
    const { error, message, status } = admission;
    const schemes = right === 'read' ? 'Basic realm="Sensorium", Bearer' : 'Bearer';
    if (status === 401) reply.header('www-authenticate', schemes);
    return void refuse(reply, status, error, message);
  });
  auditCommands(app, logger);
}

/** One line for each command: who, from where, what, with which result. */
function auditCommands(app: FastifyInstance, logger: Logger): void {
  app.addHook('onResponse', (request, reply, done) => {
    if (request.admittedAs !== undefined && accessOf(request) === 'command') {
      const fields = { who: request.admittedAs, from: request.ip, ...whatOf(request) };
      logger.warn({ ...fields, status: reply.statusCode }, 'command');
    }
    done();
  });
}

const urlCharactersMax = 1_000;

function whatOf({ method, url }: FastifyRequest): {
  readonly method: string;
  readonly url: string;
} {
  return { method, url: url.slice(0, urlCharactersMax) };
}

function declaredBytes({ headers }: FastifyRequest, bodyLimit: number): number {
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  const declared = Number(headers['content-length'] ?? 0);
  return Number.isFinite(declared) ? Math.min(declared, bodyLimit) : bodyLimit;
}

/** Returns why only a foreign page would make this request; undefined if others do too. */
function strangeness(
  { headers, method }: FastifyRequest,
  isHost: (host: string) => boolean,
): string | undefined {
  const { host, origin } = headers;
  if (host !== undefined && !isHost(host)) {
    return `this server is not ${JSON.stringify(host)}; HTTP_HOSTS names further hosts`;
  }
  if (method === 'GET' || method === 'HEAD') return undefined;
  const site = headers['sec-fetch-site'];
  const isForeign =
    site === 'cross-site' ||
    site === 'same-site' ||
    (origin !== undefined && originHost(origin) !== host);
  return isForeign ? 'requests from pages of other sites are refused' : undefined;
}

/** Without the default port, as browsers write both headers; undefined for an opaque origin. */
function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function refuse(
  reply: FastifyReply,
  status: number,
  error: string,
  message: string,
  retryAfterS?: number,
): FastifyReply {
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
  return reply.code(status).send({ error, message });
}
