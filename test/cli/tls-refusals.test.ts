// TLS settings that no broker would take, in each command that connects: the first words name the
// setting, at once, and no output holds the secret.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cli, freshDataDir } from './captured-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'sensorium-refusals-'));
/** Commands look whether anything listens before they say what is wrong with it. */
const listener = createServer((socket) => socket.destroy());
beforeAll(async () => {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
});
afterAll(() => {
  listener.close();
  rmSync(folder, { recursive: true });
});

const both = readFileSync(new URL('../log/kafka/localhost-tls.pem', import.meta.url), 'utf8');
const certBegin = both.indexOf('-----BEGIN CERTIFICATE');
const [key, cert] = [both.slice(0, certBegin), both.slice(certBegin)];
const pem = { format: 'pem', type: 'pkcs8' } as const;
const encrypted = createPrivateKey(key)
  .export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'the right one' })
  .toString();
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem);
const base64 = Buffer.from(key).toString('base64');

const refused: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [{ KAFKA_SSL_KEY: base64 }, 'KAFKA_SSL_KEY is neither PEM text nor a file that exists'],
  [{ KAFKA_SSL_KEY: encrypted }, 'KAFKA_SSL_KEY is encrypted: set KAFKA_SSL_KEY_PASSWORD'],
  [
    { KAFKA_SSL_KEY: encrypted, KAFKA_SSL_KEY_PASSWORD: 'hunter2-wrong' },
    'KAFKA_SSL_KEY_PASSWORD does not open the key',
  ],
  [{ KAFKA_SSL_KEY: foreign.toString() }, 'KAFKA_SSL_KEY is not the key of the certificate'],
  [{ KAFKA_SSL_KEY: key, KAFKA_SSL_CA: folder }, 'KAFKA_SSL_CA is neither PEM text nor a file'],
];
const secrets = [base64, 'hunter2-wrong', key.slice(40, 70), encrypted.slice(60, 90)];
const commands = [['doctor'], ['run'], ['produce', '--sensors', '1'], ['audit']];

describe('a TLS setting that no broker would take', () => {
  it.each(commands.map((words) => [words[0], words] as const))(
    'is named by %s, without a secret',
    async (_name, words) => {
      for (const [settings, message] of refused) {
        const { port } = listener.address() as AddressInfo;
        const env = { ...settings, KAFKA_BROKERS: `127.0.0.1:${port}`, KAFKA_SSL_CERT: cert };
        const startedMs = performance.now();
        const { exitCode, out, err } = await cli(words, {
          ...{ LOG_LEVEL: 'fatal', DATA_DIR: freshDataDir(), ...env },
        });

        expect([settings, exitCode]).not.toEqual([settings, 0]);
        expect(out + err).toContain(message);
        for (const secret of secrets) expect(out + err).not.toContain(secret);
        expect(performance.now() - startedMs).toBeLessThan(5_000);
      }
    },
  );
});
