// Certificates and the key for TLS to Kafka, MQTT or Redis. They are read again for each
// connection, so a rotated certificate is used without a restart. What TLS would refuse later, with
// a word that names no setting, is found here first.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

import { pemText } from '../config/pem-text.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';

/** Each is PEM text or the path of a PEM file. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly keyPassword?: string;
}

/** Given to tls.connect; each look at it yields what the files hold now. */
export interface CurrentTls {
  /** PEM text, which tells the principal. */
  readonly cert: string | undefined;
  readonly secureContext: SecureContext;
}

/** The names that messages use. */
export interface TlsNames {
  /** The settings are this and CA, CERT, KEY, KEY_PASSWORD. */
  readonly prefix: string;
  readonly of: string;
}

export const kafkaTlsNames: TlsNames = { prefix: 'KAFKA_SSL_', of: 'Kafka' };
export const mqttTlsNames: TlsNames = { prefix: 'MQTT_', of: 'MQTT' };
export const redisTlsNames: TlsNames = { prefix: 'REDIS_TLS_', of: 'Redis' };

interface PemTexts {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * Returns the TLS options of the files. A change that cannot be used, such as half of a rotation,
 * is logged, and what was read before stays in use.
 * @throws ConfigError naming the setting, if the files cannot be used at the start.
 */
export function currentTls(files: TlsFiles, names: TlsNames, logger: Logger): CurrentTls {
  let texts = readTexts(files, names);
  let secureContext = contextOf(texts, files.keyPassword, names);
  return {
    get cert() {
      return texts.cert;
    },
    // An own enumerable property, because it is copied with Object.assign for each connection.
    get secureContext() {
      try {
        const now = readTexts(files, names);
        if (isSame(now, texts)) return secureContext;
        secureContext = contextOf(now, files.keyPassword, names);
        texts = now;
        logger.info({}, `the certificates of ${names.of} were read again`);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        logger.warn({ reason: error.message }, `changed certificates of ${names.of} are not used`);
      }
      return secureContext;
    },
  };
}

function readTexts({ ca, cert, key }: TlsFiles, { prefix }: TlsNames): PemTexts {
  const read = (setting: string, value: string | undefined): string | undefined =>
    value === undefined ? undefined : pemText(setting, value);
  return {
    ca: read(`${prefix}CA`, ca),
    cert: read(`${prefix}CERT`, cert),
    key: read(`${prefix}KEY`, key),
  };
}

function isSame(left: PemTexts, right: PemTexts): boolean {
  return left.ca === right.ca && left.cert === right.cert && left.key === right.key;
}

function contextOf(
  { ca, cert, key }: PemTexts,
  password: string | undefined,
  { prefix }: TlsNames,
): SecureContext {
  if (ca !== undefined) certificateOf(`${prefix}CA`, ca);
  if (cert !== undefined && key !== undefined) {
    const certificate = certificateOf(`${prefix}CERT`, cert);
    if (!certificate.checkPrivateKey(privateKeyOf(key, password, prefix))) {
      throw new ConfigError(`${prefix}KEY is not the key of the certificate in ${prefix}CERT`);
    }
    if (Date.parse(certificate.validTo) < Date.now()) {
      const message = `${prefix}CERT expired at ${certificate.validTo}: the brokers refuse it`;
      throw new ConfigError(`${message}; put a new certificate and its key in place`);
    }
  }
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(password === undefined ? {} : { passphrase: password }),
  });
}

function certificateOf(setting: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw new ConfigError(`${setting} holds no certificate that can be read`, { setting });
  }
}

function privateKeyOf(key: string, passphrase: string | undefined, prefix: string): KeyObject {
  try {
    return createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_MISSING_PASSPHRASE' || (passphrase === undefined && isEncrypted(key))) {
      throw new ConfigError(`${prefix}KEY is encrypted: set ${prefix}KEY_PASSWORD`);
    }
    if (isEncrypted(key)) {
      throw new ConfigError(`${prefix}KEY_PASSWORD does not open the key in ${prefix}KEY`);
    }
    throw new ConfigError(`${prefix}KEY holds no private key that can be read`);
  }
}

function isEncrypted(key: string): boolean {
  return key.includes('ENCRYPTED');
}
