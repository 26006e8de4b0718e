// Access rights. Every route needs one of four: nothing, to read, to write data, or to
// command the program. Unless a route says otherwise, GET needs to read and everything else to
// command, so that a route that is added is never open by accident.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

import { isLoopback } from './addresses.ts';

export type Access = 'open' | 'read' | 'write' | 'command';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Left out: `read` for GET and HEAD, else `command`. */
    access?: Access;
  }
}

export interface AccessRules {
  /** Valid for everything; two during a rotation. None: writes and commands are refused. */
  readonly tokens: readonly string[];
  /** Valid for reads. */
  readonly readTokens: readonly string[];
  /** Valid for writing data. */
  readonly writeTokens: readonly string[];
  /** Clients that may read without a token: programs of this machine, everybody, or nobody. */
  readonly reads: 'local' | 'open' | 'token';
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly error: string;
  readonly message: string;
  /** Set where a token was sent, and is not valid. */
  readonly wrongToken?: true;
}

export interface Admission {
  /** Which token admitted the request, for the audit; undefined where none was needed. */
  readonly who: string | undefined;
}

/** Returns the right that the request needs. */
export function accessOf({ method, routeOptions }: FastifyRequest): Access {
  const isRead = method === 'GET' || method === 'HEAD';
  return routeOptions.config.access ?? (isRead ? 'read' : 'command');
}

/** Returns how the request is admitted, or why it is not. */
export function admit(
  rules: AccessRules,
  access: Access,
  from: { readonly address: string; readonly authorization: string | undefined },
): Admission | Refusal {
  if (access === 'open') return { who: undefined };
  const isRead = access === 'read';
  const free = rules.reads === 'open' || (rules.reads === 'local' && isLoopback(from.address));
  if (isRead && free) return { who: undefined };
  if (access === 'write' && rules.tokens.length + rules.writeTokens.length === 0) {
    const message = 'writes are disabled: set HTTP_WRITE_TOKEN and send it as a bearer token';
    return { status: 403, error: 'forbidden', message };
  }
  if (access === 'command' && rules.tokens.length === 0) {
    const message = 'commands are disabled: set HTTP_TOKEN and send it as a bearer token';
    return { status: 403, error: 'forbidden', message };
  }
  if (isRead && rules.tokens.length + rules.readTokens.length === 0) {
    const message =
      'reads from other machines need a token: set HTTP_READ_TOKEN and send it as a bearer token, ' +
      'or set HTTP_READS=open';
    return { status: 403, error: 'forbidden', message };
  }
  const given = tokenOf(from.authorization);
  const who = given === undefined ? undefined : holderOf(given, rules, access);
  if (who !== undefined) return { who };
  const names = tokenNames[access];
  const message = `expected the header authorization: Bearer <${names}>`;
  const refusal = { status: 401, error: 'unauthorized', message } as const;
  return given === undefined ? refusal : { ...refusal, wrongToken: true };
}

const tokenNames: Readonly<Record<Exclude<Access, 'open'>, string>> = {
  read: 'HTTP_READ_TOKEN or HTTP_TOKEN',
  write: 'HTTP_WRITE_TOKEN or HTTP_TOKEN',
  command: 'HTTP_TOKEN',
};

function holderOf(given: string, rules: AccessRules, access: Access): string | undefined {
  const command = indexOf(given, rules.tokens);
  if (command >= 0) return `HTTP_TOKEN ${command + 1}`;
  if (access === 'command') return undefined;
  const [name, tokens] =
    access === 'read'
      ? (['HTTP_READ_TOKEN', rules.readTokens] as const)
      : (['HTTP_WRITE_TOKEN', rules.writeTokens] as const);
  const index = indexOf(given, tokens);
  return index >= 0 ? `${name} ${index + 1}` : undefined;
}

/**
 * Returns the token of the header. Basic, with the token as the password, is for browsers: they ask
 * for it themselves, and send it with the page's stream of events, which takes no header.
 */
function tokenOf(authorization: string | undefined): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const decoded = Buffer.from(credentials, 'base64').toString();
  return decoded.slice(decoded.indexOf(':') + 1);
}

/** Compares with every token in constant time: digests have equal lengths. */
function indexOf(given: string, tokens: readonly string[]): number {
  const digest = digestOf(given);
  return tokens.reduce(
    (found, token, index) => (timingSafeEqual(digest, digestOf(token)) ? index : found),
    -1,
  );
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
