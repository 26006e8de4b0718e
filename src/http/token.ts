// Authorization of commands: HTTP_TOKEN, sent as a bearer token.
import { createHash, timingSafeEqual } from 'node:crypto';

export interface Refusal {
  readonly status: 401 | 403;
  readonly body: { readonly error: string; readonly message: string };
}

/** Returns the refusal of a command with this header; undefined if it is allowed. */
export function tokenRefusal(
  authorization: string | undefined,
  token: string | undefined,
): Refusal | undefined {
  if (token === undefined) {
    const message = 'commands are disabled: set HTTP_TOKEN and send it as a bearer token';
    return { status: 403, body: { error: 'forbidden', message } };
  }
  if (isSame(authorization ?? '', `Bearer ${token}`)) return undefined;
  const message = 'expected the header authorization: Bearer <HTTP_TOKEN>';
  return { status: 401, body: { error: 'unauthorized', message } };
}

/** Compares digests in constant time; digests also have equal lengths, as timingSafeEqual needs. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
