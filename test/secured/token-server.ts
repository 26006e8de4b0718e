// An identity provider: its keys for the broker, and a token endpoint with client credentials over
// TLS. Tokens are signed here, so that a test can ask for any lifetime and subject.
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import type { KeyPair } from '../certificates.ts';

export interface TokenServer {
  /** Where a broker finds the public keys; plain HTTP. */
  readonly jwksUrl: string;
  /** The token endpoint; HTTPS. */
  readonly tokenUrl: string;
  /** Returns a token for `subject`, valid for `lifetimeS` from now. */
  token(subject: string, lifetimeS?: number): string;
  /** Every secret and token that must not be seen anywhere. */
  readonly secrets: Set<string>;
  close(): void;
}

/** The only client that the token endpoint knows, and the lifetime of its tokens. */
export const oauthClient = { id: 'service', secret: 'secret-of-service', lifetimeS: 20 } as const;

const keyId = 'key-1';

/** Starts both servers on free ports. */
export async function startTokenServer({ cert, key }: KeyPair): Promise<TokenServer> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' };
  const secrets = new Set<string>([oauthClient.secret]);
  const token = (subject: string, lifetimeS: number = 3_600): string => {
    const nowS = Math.floor(Date.now() / 1_000);
    const claims = { iss: 'sensorium-tests', aud: 'kafka', sub: subject, scope: 'kafka' };
    const body = [
      { alg: 'RS256', typ: 'JWT', kid: keyId },
      { ...claims, iat: nowS, exp: nowS + lifetimeS },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(body), privateKey).toString('base64url');
    secrets.add(`${body}.${signature}`);
    return `${body}.${signature}`;
  };
  const keys = createServer((_, response) => answer(response, 200, { keys: [jwk] }));
  const files = { cert: readFileSync(cert), key: readFileSync(key) };
  const tokens = createTlsServer(files, (request, response) => {
    void grant(request).then((granted) => {
      if (!granted) return answer(response, 401, { error: 'invalid_client' });
      const { id, lifetimeS } = oauthClient;
      answer(response, 200, { access_token: token(id, lifetimeS), expires_in: lifetimeS });
    });
  });
  for (const server of [keys, tokens]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  return {
    jwksUrl: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`,
    tokenUrl: `https://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
    token,
    secrets,
    close() {
      for (const server of [keys, tokens]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

async function grant(request: IncomingMessage): Promise<boolean> {
  const form = new URLSearchParams(await text(request));
  const expected = Buffer.from(`${oauthClient.id}:${oauthClient.secret}`).toString('base64');
  return (
    request.headers.authorization === `Basic ${expected}` &&
    form.get('grant_type') === 'client_credentials' &&
    form.get('scope') === 'kafka'
  );
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
