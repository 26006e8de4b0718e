// The token of whoever may change something: HTTP_TOKEN, sent as a bearer token.
import { createHash, timingSafeEqual } from 'node:crypto';

export interface Refusal {
  readonly status: 401 | 403;
  readonly body: { readonly error: string; readonly message: string };
}

/** Returns why a request with this header may not change anything; undefined where it may. */
export function refusalOf(
  authorization: string | undefined,
  token: string | undefined,
): Refusal | undefined {
  if (token === undefined) {
    const message = 'commands are off: start with HTTP_TOKEN and send it as a bearer token';
    return { status: 403, body: { error: 'forbidden', message } };
  }
  if (isSame(authorization ?? '', `Bearer ${token}`)) return undefined;
  const message = 'expected the header authorization: Bearer <HTTP_TOKEN>';
  return { status: 401, body: { error: 'unauthorized', message } };
}

/** Digests have one length, and comparing them tells nothing by the time it takes. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
