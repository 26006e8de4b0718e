// Which names a request may address this server by. A page of evil.example whose name is made to
// point here (DNS rebinding) is of the same origin as its requests, and reads every answer; only
// the Host header tells. Names that nobody can register are let through: addresses, single labels,
// and those of clusters and private networks.
import { hostname } from 'node:os';
import { isIP } from 'node:net';

const privateSuffixes = ['.localhost', '.internal', '.svc', '.cluster.local', '.home.arpa'];

/**
 * Returns whether the value of a Host header is allowed. `names` are further ones; `*.example.org`
 * allows all below it, `*` any.
 */
export function hostCheck(names: readonly string[]): (host: string) => boolean {
  const exact = new Set([hostname().toLowerCase(), ...names.map((name) => name.toLowerCase())]);
  const suffixes = [
    ...privateSuffixes,
    ...[...exact].filter((name) => name.startsWith('*.')).map((name) => name.slice(1)),
  ];
  return (host) => {
    const name = nameOf(host);
    if (exact.has('*') || exact.has(name) || isIP(name) !== 0) return true;
    return !name.includes('.') || suffixes.some((suffix) => name.endsWith(suffix));
  };
}

function nameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host)?.[1];
  return (bracketed ?? host.replace(/:\d*$/, '')).replace(/\.$/, '').toLowerCase();
}
