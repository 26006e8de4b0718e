// Kafka and the identity provider of one test file, with every kind of login, and certificates of
// an authority that nobody else trusts.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeAuthority, type Authority, type KeyPair } from '../certificates.ts';
import { freePort } from '../free-port.ts';
import { openSecuredKafka, type SecuredKafka } from '../security/secured-kafka.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

export interface SecuredServices {
  readonly kafka: SecuredKafka;
  readonly tokens: TokenServer;
  readonly authority: Authority;
  /** Certificate of the principal `User:client`. */
  readonly client: KeyPair;
  /** Address of each listener of scripts/kafka/tls.properties.in. */
  readonly listeners: Readonly<Record<ListenerName, string>>;
  stop(): Promise<void>;
}

const listenerNames = ['saslSsl', 'mtls', 'expired', 'otherHost', 'short'] as const;
type ListenerName = (typeof listenerNames)[number];

/** Starts them; `stop` is the caller's. */
export async function startSecuredServices(): Promise<SecuredServices> {
  const authority = makeAuthority();
  const server = authority.issue('server');
  keyAndCertificate(authority, 'server', server);
  keyAndCertificate(authority, 'expired', authority.issue('expired', { days: -1 }));
  const hosts = 'DNS:elsewhere.example';
  keyAndCertificate(authority, 'other-host', authority.issue('other-host', { hosts }));
  const tokens = await startTokenServer(server);
  const firstPort = await freePort({ inARow: listenerNames.length });
  const kafka = await openSecuredKafka(join(authority.folder, 'kafka'), {
    KAFKA_TLS_DIR: authority.folder,
    KAFKA_TLS_PORT: String(firstPort),
    KAFKA_JWKS_URL: tokens.jwksUrl,
  });
  const addresses = listenerNames.map((name, step) => [name, `127.0.0.1:${firstPort + step}`]);
  return {
    ...{ kafka, tokens, authority },
    client: authority.issue('client'),
    // Every name is there.
    listeners: Object.fromEntries(addresses) as Record<ListenerName, string>,
    async stop() {
      await kafka.stop();
      tokens.close();
    },
  };
}

/** One file with both, as Kafka reads a key store of the type PEM. */
function keyAndCertificate({ folder }: Authority, name: string, { key, cert }: KeyPair): void {
  const both = [key, cert].map((path) => readFileSync(path, 'utf8')).join('');
  writeFileSync(join(folder, `${name}.pem`), both);
}
