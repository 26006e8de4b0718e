// An authority of a test's own that issues certificates of servers on this machine and of clients,
// as PEM files.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly folder: string;
  /** Path of its certificate. */
  readonly ca: string;
  /** Issues a certificate for `name`; files of the same name are replaced. */
  issue(name: string, options?: IssueOptions): KeyPair;
}

interface IssueOptions {
  /** As OpenSSL writes a subjectAltName; by default this machine's address. */
  readonly hosts?: string;
  /** -1 is a certificate that expired yesterday; 1 by default. */
  readonly days?: number;
  /** Encrypts the key. */
  readonly passphrase?: string;
}

/** Returns a new authority whose certificate is valid for a day. */
export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-certificates-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const files = ['-keyout', at('ca.key'), '-out', at('ca.crt')];
  openssl('req', '-x509', '-days', '1', ...curve, '-nodes', ...files, '-subj', '/CN=authority');
  return {
    folder,
    ca: at('ca.crt'),
    issue(name, { hosts = 'IP:127.0.0.1', days = 1, passphrase } = {}) {
      const pair = { cert: at(`${name}.crt`), key: at(`${name}.key`) };
      const locked = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
      const request = ['-keyout', pair.key, '-out', at('csr'), '-subj', `/CN=${name}`];
      openssl('req', ...curve, ...locked, ...request);
      writeFileSync(at('san'), `subjectAltName=${hosts}`);
      const by = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial'];
      const valid = ['-days', String(days), '-extfile', at('san')];
      openssl('x509', '-req', '-in', at('csr'), ...by, ...valid, '-out', pair.cert);
      return pair;
    },
  };
}
