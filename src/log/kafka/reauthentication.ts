// Another login on a connection before its session ends (KIP-368). kafkajs logs in 10 s before the
// end: in a session of 10 s or less each request does so, which brokers refuse within a second of
// the last login. Installed by the fetch seam.
import { assert } from '../../errors.ts';

/** The share of a session after which Kafka's own client logs in again at the earliest. */
const sessionUsed = 0.85;
const unlimited = 0;

export interface SessionConnection {
  readonly authenticatedAt: [number, number] | null;
  /** A Long of milliseconds. */
  readonly sessionLifetime: { toString(): string };
}

interface SaslAuthenticator {
  readonly connection: SessionConnection;
  authenticate(): Promise<void>;
}

/** Lets connections log in again in time, whatever the lifetime of a session. */
export function replaceReauthentication(
  { prototype: connection }: { readonly prototype: object },
  { prototype: authenticator }: { readonly prototype: SaslAuthenticator },
): void {
  const symbol = Object.getOwnPropertySymbols(connection).find(
    ({ description }) => description === 'private:Connection:shouldReauthenticate',
  );
  assert(symbol !== undefined, 'kafkajs has no shouldReauthenticate');
  Reflect.set(connection, symbol, function (this: SessionConnection) {
    return isSessionOver(this, process.hrtime());
  });
  const { authenticate } = authenticator;
  authenticator.authenticate = async function () {
    // Between the two messages of a login a broker takes nothing else. Requests that found the
    // session valid a moment ago are still being encoded; they go first.
    if (this.connection.authenticatedAt !== null) await new Promise(setImmediate);
    await authenticate.call(this);
  };
}

/** Returns whether the connection must log in again before its next request. */
export function isSessionOver(
  { authenticatedAt, sessionLifetime }: SessionConnection,
  [nowS, nowNs]: readonly [number, number],
): boolean {
  const lifetimeMs = Number(sessionLifetime.toString());
  if (lifetimeMs === unlimited) return false;
  if (authenticatedAt === null) return true;
  const [sinceS, sinceNs] = authenticatedAt;
  const ageMs = (nowS - sinceS) * 1_000 + (nowNs - sinceNs) / 1e6;
  return ageMs >= lifetimeMs * sessionUsed;
}
