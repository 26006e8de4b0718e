// TLS of the HTTP server: a certificate and its key from two files, read again while it listens, so
// that a rotation needs no restart.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';

export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

export interface TlsPairFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Returns the certificate and its key.
 * @throws ConfigError naming the setting if a file cannot be read or the two do not fit.
 */
export function readTlsPair({ certFile, keyFile }: TlsPairFiles): TlsPair {
  const cert = textOf('HTTP_TLS_CERT_FILE', certFile);
  const key = textOf('HTTP_TLS_KEY_FILE', keyFile);
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    const message =
      'HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE: expected a PEM certificate and a PEM key';
    throw new ConfigError(`${message} that is not encrypted`);
  }
  if (fits) return { cert, key };
  throw new ConfigError(
    'HTTP_TLS_KEY_FILE is not the key of the certificate in HTTP_TLS_CERT_FILE',
  );
}

/**
 * Hands changed files to `use` until the returned function is called; half of a rotation is waited
 * out, with one warning.
 */
export function watchTlsPair(
  files: TlsPairFiles,
  first: TlsPair,
  {
    everyMs,
    logger,
    use,
  }: { readonly everyMs: number; readonly logger: Logger; use(pair: TlsPair): void },
): () => void {
  let current = first;
  let warned = '';
  const look = (): void => {
    try {
      const pair = readTlsPair(files);
      warned = '';
      if (pair.cert === current.cert && pair.key === current.key) return;
      current = pair;
      use(pair);
      logger.info({}, 'the certificate of the HTTP server was read again');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (error.message === warned) return;
      warned = error.message;
      logger.warn({ reason: warned }, 'the changed certificate of the HTTP server is not used');
    }
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

function textOf(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new ConfigError(`${setting} is ${JSON.stringify(path)}, which cannot be read: ${code}`);
  }
}
