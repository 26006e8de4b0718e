import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { ConfigError } from '../../src/errors.ts';
import { currentTls, kafkaTlsNames, mqttTlsNames, type TlsFiles } from '../../src/log/tls-files.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'sensorium-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

const both = readFileSync(new URL('kafka/localhost-tls.pem', import.meta.url), 'utf8');
const certBegin = both.indexOf('-----BEGIN CERTIFICATE');
const [key, cert] = [both.slice(0, certBegin), both.slice(certBegin)];
const pem = { format: 'pem', type: 'pkcs8' } as const;
const encrypted = createPrivateKey(key)
  .export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'hunter2' })
  .toString();
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export(pem)
  .toString();
const base64 = Buffer.from(key).toString('base64');
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('the certificates for brokers', () => {
  it.each<[string, TlsFiles]>([
    ['as text', { ca: cert, cert, key }],
    ['in files', { ca: file('ca', cert), cert: file('cert', cert), key: file('key', key) }],
    ['with an encrypted key', { cert, key: encrypted, keyPassword: 'hunter2' }],
  ])('are used %s', (_how, files) => {
    const tls = currentTls(files, kafkaTlsNames, keepingLogger());

    expect([tls.secureContext, tls.cert]).toEqual([expect.anything(), files.cert && cert]);
  });

  it.each<[TlsFiles, string]>([
    [{ cert, key: encrypted }, 'KAFKA_SSL_KEY is encrypted: set KAFKA_SSL_KEY_PASSWORD'],
    [{ cert, key: encrypted, keyPassword: 'secret-1' }, 'KAFKA_SSL_KEY_PASSWORD does not open'],
    [{ cert, key: foreign }, 'KAFKA_SSL_KEY is not the key of the certificate in KAFKA_SSL_CERT'],
    [{ cert, key: base64 }, 'KAFKA_SSL_KEY is neither PEM text nor a file that exists; base64'],
    [{ cert, key: cert }, 'KAFKA_SSL_KEY holds no private key'],
    [{ ca: folder }, 'KAFKA_SSL_CA is neither PEM text nor a file: its path is a folder'],
    [{ ca: file('empty', '\n') }, 'KAFKA_SSL_CA names an empty file'],
    [{ ca: file('der', '\u0000\u0001') }, 'KAFKA_SSL_CA names a file without PEM text'],
    [{ ca: key }, 'KAFKA_SSL_CA holds no certificate'],
    [{ ca: '/no/such/ca.pem' }, 'KAFKA_SSL_CA is neither PEM text nor a file that exists'],
  ])('are refused by the name of the setting, without its value: %#', (files, message) => {
    const refusal = refusalOf(files);

    expect(refusal).toBeInstanceOf(ConfigError);
    expect(String(refusal)).toContain(message);
    for (const secret of [base64, 'secret-1', key.slice(40, 60), encrypted.slice(50, 70)]) {
      expect(JSON.stringify([refusal, String(refusal)])).not.toContain(secret);
    }
  });

  it('of MQTT are refused by the names of its settings', () => {
    expect(() => currentTls({ cert, key: foreign }, mqttTlsNames, keepingLogger())).toThrow(
      'MQTT_KEY is not the key of the certificate in MQTT_CERT',
    );
  });

  it('are read again for each connection; half of a rotation changes nothing', () => {
    const lines: LoggedLine[] = [];
    const files = { cert: file('cert', cert), key: file('key', key) };
    const tls = currentTls(files, kafkaTlsNames, keepingLogger(lines));
    const first = tls.secureContext;
    expect(tls.secureContext).toBe(first);

    file('key', foreign);
    expect(tls.secureContext).toBe(first);
    expect(lines.at(-1)).toMatchObject({ level: 'warn' });
    file('key', key);
    file('cert', `${cert}\n`);

    expect(Object.assign({}, tls).secureContext).not.toBe(first);
    expect(lines.at(-1)?.message).toBe('the certificates of Kafka were read again');
  });
});

function refusalOf(files: TlsFiles): unknown {
  try {
    return currentTls(files, kafkaTlsNames, keepingLogger());
  } catch (error) {
    return error;
  }
}
