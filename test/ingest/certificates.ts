// The certificates of an MQTT broker on this machine and of its client.
import { readFileSync } from 'node:fs';

import { makeAuthority, type KeyPair } from '../certificates.ts';

export interface Certificates {
  /** Path of a PEM file. */
  readonly ca: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
}

/** Returns new certificates, valid for a day. */
export function makeCertificates(): Certificates {
  const authority = makeAuthority();
  return { ca: authority.ca, server: authority.issue('server'), client: authority.issue('client') };
}

/** Returns the PEM texts that a client of MQTT.js takes. */
export function clientTls({ ca, client }: Certificates): {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
} {
  const [caText, cert, key] = [ca, client.cert, client.key].map((path) =>
    readFileSync(path, 'utf8'),
  ) as [string, string, string];
  return { ca: caText, cert, key };
}
