// Redis servers over TLS, and the users of docs/security.md.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import type { Authority } from '../certificates.ts';

export const userName = 'sensorium';
export const userSecret = 'secret-of-redis';

/** The TLS port instead of the plain one; clients need a certificate. */
export function tlsOf(authority: Authority, port: number): readonly string[] {
  const { cert, key } = authority.issue(`server-${port}`);
  const files = [
    '--tls-cert-file',
    cert,
    '--tls-key-file',
    key,
    '--tls-ca-cert-file',
    authority.ca,
  ];
  return ['--port', '0', '--tls-port', String(port), ...files, '--tls-auth-clients', 'yes'];
}

/** Returns the rules of the user of the page, and on a Cluster those that it names for one. */
export function rulesOfPage(kind: 'single' | 'cluster'): readonly string[] {
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const [, words = ''] = /^ACL SETUSER sensorium (.*?)\n```/ms.exec(page) ?? [];
  const [, further = ''] = /^A Cluster needs (.*?) besides/ms.exec(page) ?? [];
  const rules = words.replaceAll('\\\n', ' ').replace('>PASSWORD', `>${userSecret}`);
  const added = kind === 'single' ? [] : [...further.matchAll(/`(\S+)`/g)].map(([, rule]) => rule);
  return [...rules.split(/\s+/), ...added.flatMap((rule) => rule ?? [])];
}

/** As on the command line of a server. */
export function userOf(rules: readonly string[], name: string = userName): readonly string[] {
  return ['--user', name, ...rules];
}

/** An administrator, for what the test does itself. */
export const adminUser: readonly string[] = [
  '--user',
  'default',
  'on',
  '>admin',
  '~*',
  '&*',
  '+@all',
];

/** Returns the commands, keys and channels that the server refused, as ACL LOG names them. */
export function refusedBy(port: number, login: readonly string[]): readonly string[] {
  const { stdout } = spawnSync(
    'redis-cli',
    ['-p', String(port), ...login, '--json', 'ACL', 'LOG'],
    {
      encoding: 'utf8',
    },
  );
  const log = JSON.parse(stdout) as readonly { readonly object: string }[];
  return log.map(({ object }) => object);
}
